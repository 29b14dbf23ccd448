"""Step models that choose among the words of a shortlist, which may differ between sentences.

This is the readable way: every word is scored, and words outside the list are dropped. A model may have a faster one.
"""

# B sentences   N rows   V target words

from collections.abc import Callable

import numpy as np

from nmt.search.ensemble import Ensemble
from nmt.search.probabilities import log_softmax
from nmt.search.restrictions import Restriction
from nmt.step import Array, StepModel


class ShortlistedModel(Restriction):
    """A step model that generates only words of its sentence's list; `allowed_BV` is true of them.

    Unlike other restrictions it renormalises: a probability is that of a softmax over the list alone (Jean et al. 2015,
    arXiv:1412.2007, section 3.3).
    """

    def __init__(self, model: StepModel, allowed_BV: Array) -> None:
        super().__init__(model)
        self.allowed_BV = allowed_BV

    def create_state(self, lengths_B: Array) -> tuple[Array, ...]:
        return (self.allowed_BV,)

    def update_state(self, own: tuple[Array, ...], previous_N: Array) -> tuple[Array, ...]:
        return own

    def restrict(self, log_probs_NV: Array, own: tuple[Array, ...], length: int) -> Array:
        (allowed_NV,) = own
        return log_softmax(np.where(allowed_NV, log_probs_NV, -np.inf))


def restrict_to_shortlist(model: StepModel, allowed_BV: Array) -> StepModel:
    """`model` with a shortlist for each sentence of one batch; in an ensemble, every member gets the shortlists.

    A model that can score listed words alone has a method `with_shortlist`, which is then used.
    """
    if isinstance(model, Ensemble):
        return Ensemble([restrict_to_shortlist(member, allowed_BV) for member in model.models])
    with_shortlist: Callable[[Array], StepModel] | None = getattr(model, "with_shortlist", None)
    return with_shortlist(allowed_BV) if with_shortlist else ShortlistedModel(model, allowed_BV)
