"""The translation that is most like the others: minimum-Bayes-risk choice.

Reads finished translations of one line; how alike two of them are is sacreBLEU's to say.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt.translation.result import Translation


def rank_by_utility(candidates: "Sequence[Translation]", metric: str, *, is_sample: bool) -> "list[Translation]":
    """Translations of a line that differ, those first that are most alike to what else the model may mean.

    utility(h) = sum over candidates r of p(r) * metric(h, r), with sentence-level chrF or BLEU

    Kumar & Byrne 2004, "Minimum Bayes-risk decoding for statistical machine translation", section 2; p is the model's
    probability, shared out among the candidates. Samples already come as often as they are probable, so that each
    counts the same (Eikema & Aziz 2022, arXiv:2108.04718, section 3). Of equals the one that came first is first.
    """
    from nmt.analysis.metrics import make_metrics

    scorer: Any = make_metrics([metric], "13a", lowercase=False)[metric]
    if metric == "bleu":
        scorer.effective_order = True  # a sentence of fewer than four words has a BLEU, too
    top = max(one.log_prob for one in candidates)
    weights: dict[str, float] = {}
    for one in candidates:
        weights[one.text] = weights.get(one.text, 0.0) + (1.0 if is_sample else math.exp(one.log_prob - top))
    utility = {
        text: sum(weight * scorer.sentence_score(text, [other]).score for other, weight in weights.items())
        for text in weights
    }
    first = {one.text: one for one in reversed(candidates)}
    return sorted((first[text] for text in weights), key=lambda one: -utility[one.text])
