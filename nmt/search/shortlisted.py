"""Step models that choose among the words of a shortlist, which may differ between sentences.

This is the readable way: every word is scored, and words outside the list are dropped. A model may have a faster one.
"""

# B sentences   N rows   V target words

from collections.abc import Callable

from torch import Tensor

from nmt.search.ensemble import Ensemble
from nmt.search.restrictions import Restriction
from nmt.step import StepModel


class ShortlistedModel(Restriction):
    """A step model that generates only words of its sentence's list; `allowed_BV` is true of them.

    Unlike other restrictions it renormalises: a probability is that of a softmax over the list alone (Jean et al. 2015,
    arXiv:1412.2007, section 3.3).
    """

    def __init__(self, model: StepModel, allowed_BV: Tensor) -> None:
        super().__init__(model)
        self.allowed_BV = allowed_BV

    def create_state(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        return (self.allowed_BV.to(lengths_B.device),)

    def update_state(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        return own

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        (allowed_NV,) = own
        return log_probs_NV.masked_fill(~allowed_NV, -float("inf")).log_softmax(1)


def restrict_to_shortlist(model: StepModel, allowed_BV: Tensor) -> StepModel:
    """`model` with a shortlist for each sentence of one batch; in an ensemble, every member gets the shortlists.

    A model that can score listed words alone has a method `with_shortlist`, which is then used.
    """
    if isinstance(model, Ensemble):
        return Ensemble([restrict_to_shortlist(member, allowed_BV) for member in model.models])
    with_shortlist: Callable[[Tensor], StepModel] | None = getattr(model, "with_shortlist", None)
    return with_shortlist(allowed_BV) if with_shortlist else ShortlistedModel(model, allowed_BV)
