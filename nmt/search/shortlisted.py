"""Step models that choose among the words of a list, one for each sentence.

Readable: every word is scored all the same, unless the model knows better. Which are listed is for others to say.
"""

# B sentences   N rows   V target words

from collections.abc import Callable

from torch import Tensor

from nmt.search.ensemble import Ensemble
from nmt.search.restrictions import Restriction
from nmt.step import StepModel


class ShortlistedModel(Restriction):
    """A step model that says no word which is not on the list of its sentence.

    Unlike other restrictions it scales up what is left: a probability is that of a softmax over the list, as if no
    other words were known (Jean et al. 2015, arXiv:1412.2007, section 3.3).
    """

    def __init__(self, model: StepModel, allowed_BV: Tensor) -> None:
        super().__init__(model)
        self.allowed_BV = allowed_BV

    def begin(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        return (self.allowed_BV.to(lengths_B.device),)

    def follow(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        return own

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        (allowed_NV,) = own
        return log_probs_NV.masked_fill(~allowed_NV, -float("inf")).log_softmax(1)


def restrict_to_shortlist(model: StepModel, allowed_BV: Tensor) -> StepModel:
    """`model` with a list for each sentence of one batch; the members of an ensemble vote among listed words.

    A model that has an `restrict_to_shortlist` of its own scores no others.
    """
    if isinstance(model, Ensemble):
        return Ensemble([restrict_to_shortlist(member, allowed_BV) for member in model.models])
    narrow: Callable[[Tensor], StepModel] | None = getattr(model, "with_shortlist", None)
    return narrow(allowed_BV) if narrow else ShortlistedModel(model, allowed_BV)
