"""Minimum Bayes risk: ranks the translations of a line by their similarity to each other, which sacreBLEU computes."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt.translation.result import Translation


def rank_by_utility(candidates: "Sequence[Translation]", metric: str, *, is_sample: bool) -> "list[Translation]":
    """The distinct translations of a line, the one with the highest expected utility first.

    utility(h) = sum over candidates r of p(r) * metric(h, r), with sentence-level chrF or BLEU

    Kumar & Byrne 2004, "Minimum Bayes-risk decoding for statistical machine translation", section 2; p is the model's
    probability, normalised over the candidates. Samples occur as often as they are probable, so that each has the same
    weight (Eikema & Aziz 2022, arXiv:2108.04718, section 3). Candidates with the same utility keep their order.
    """
    from nmt.analysis.metrics import make_metrics
    from nmt.analysis.tokenizers import choose_tokenizer

    tokenizer = choose_tokenizer(None, [one.text for one in candidates])
    scorer: Any = make_metrics([metric], tokenizer, lowercase=False)[metric]
    if metric == "bleu":
        scorer.effective_order = True  # BLEU above 0 for sentences of fewer than four words
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
