"""How well measures of confidence go with the quality of translations, and reasons for doubt with wrong words.

    python tools/experiments/confidence.py --model RUN --source FILE --reference FILE [--beam 5]

Translates the source, and prints two Markdown tables. The first has for each measure its correlations, Pearson's and
Spearman's, with sentence chrF against the reference. No measure is fitted to the data. The second has for each reason
how many words are marked, and the share of them that the reference does not have, beside that of all words: its bag of
words, without case and marks, in which each word counts once. It can judge only reasons about target words.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sacrebleu.metrics import CHRF

from nmt import Translation, Translator
from nmt.text.corpus import read_lines
from nmt.text.units import WORDS, find_units
from nmt.translation.doubts import find_doubts
from nmt.translation.views import build_translation_view

MARKS = re.compile(r"^\W+|\W+$")


def measure_words(one: Translation) -> list[float]:
    """The log-probability of each target word: the sum over its pieces."""
    totals = dict.fromkeys(range(len(one.target_words)), 0.0)
    for word, log_prob in zip(one.target_group_of_piece, one.token_log_probs, strict=False):
        totals[word] += log_prob
    return list(totals.values()) or [0.0]


def measure_coverage(one: Translation) -> float:
    """Mean over source pieces of ln(1 + (1 - coverage) ** 2): Rikters & Fishel 2017, arXiv:1710.03743."""
    return float(np.log1p((1 - one.attention_TS.sum(0)) ** 2).mean()) if one.attention_TS.size else 0.0


def measure_entropy(one: Translation, axis: int) -> float:
    """Mean entropy in bits of the attention of target pieces (axis 1), or of what source pieces receive (axis 0)."""
    weights_TS = one.attention_TS / one.attention_TS.sum(axis, keepdims=True).clip(1e-9)
    return float(-(weights_TS * np.log2(weights_TS.clip(1e-12))).sum(axis).mean()) if weights_TS.size else 0.0


def count_unattended(one: Translation) -> float:
    """The share of source words with low attention."""
    view = build_translation_view(0, 1, one)
    return len(view.diagnostics.unattended) / max(len(one.source_words), 1) if view.diagnostics else 0.0


def mean_log_prob(one: Translation) -> float:
    """The mean log-probability of a piece."""
    return float(np.log(one.confidence))


MEASURES: dict[str, Callable[[Translation], float]] = {  # higher is better
    "geometric mean of piece probabilities (`confidence`)": lambda one: one.confidence,
    "mean log-probability of pieces": mean_log_prob,
    "arithmetic mean of piece probabilities": lambda one: float(np.exp(one.token_log_probs).mean()),
    "mean log-probability of words": lambda one: float(np.mean(measure_words(one))),
    "sum of log-probabilities": lambda one: one.log_prob,
    "score of the search (length-normalised)": lambda one: one.score,
    "least log-probability of a piece": lambda one: min(one.token_log_probs),
    "least log-probability of a word": lambda one: min(measure_words(one)),
    "−standard deviation of log-probabilities": lambda one: -float(np.std(one.token_log_probs)),
    "−entropy of attention by target piece": lambda one: -measure_entropy(one, 1),
    "−entropy of attention by source piece": lambda one: -measure_entropy(one, 0),
    "−coverage deviation": lambda one: -measure_coverage(one),
    "−share of unattended source words": lambda one: -count_unattended(one),
    "−length of the translation": lambda one: -len(one.tokens),
    "mean log-probability − coverage deviation": lambda one: mean_log_prob(one) - measure_coverage(one),
    "mean log-probability − 0.1 entropy": lambda one: mean_log_prob(one) - 0.1 * measure_entropy(one, 1),
    "confidence × (1 − share of unattended)": lambda one: one.confidence * (1 - count_unattended(one)),
}


def correlate(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Pearson's and Spearman's correlation; 0 for a measure that is constant."""
    if len(set(values)) < 2 or len(set(others)) < 2:
        return 0.0, 0.0
    ranks = [rank(one) for one in (values, others)]
    return float(np.corrcoef(values, others)[0, 1]), float(np.corrcoef(*ranks)[0, 1])


def rank(values: Sequence[float]) -> np.ndarray:
    """The rank of each value; equal ones have the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def find_wrong_words(text: str, reference: str) -> list[tuple[int, int, bool]]:
    """(begin, end, whether the reference lacks it) of each word; a word that it has once is right once."""
    bag = Counter(MARKS.sub("", word).casefold() for word in reference.split())
    found = []
    for begin, end in find_units(text, WORDS):
        word = MARKS.sub("", text[begin:end]).casefold()
        if word:
            found.append((begin, end, bag[word] <= 0))
            bag[word] -= 1
    return found


def judge_reasons(translations: Sequence[Translation], references: Sequence[str]) -> dict[str, tuple[int, int]]:
    """For each reason, and for all words, how many target words are marked, and how many of them are wrong."""
    marked: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for one, reference in zip(translations, references, strict=True):
        doubts = [doubt for doubt in find_doubts(one) if doubt.side == "target"]
        for begin, end, is_wrong in find_wrong_words(one.text, reference):
            reasons = {doubt.reason for doubt in doubts if doubt.begin < end and begin < doubt.end}
            names = [*reasons, "any reason" if reasons else "no reason", "all words"]
            marked.update(names)
            wrong.update(names if is_wrong else ())
    return {name: (count, wrong[name]) for name, count in marked.most_common()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="RUN", help="a run folder")
    parser.add_argument("--source", type=Path, required=True, metavar="FILE")
    parser.add_argument("--reference", type=Path, required=True, metavar="FILE")
    parser.add_argument("--beam", type=int, default=5, help="beam of the search (default: 5)")
    arguments = parser.parse_args()
    references = list(read_lines(arguments.reference))
    sources = list(read_lines(arguments.source))
    translations = Translator.load(arguments.model).translate(sources, beam=arguments.beam, units="words")
    pairs = [(one, ref) for one, ref in zip(translations, references, strict=True) if one.tokens]
    chrf = CHRF()
    quality = [chrf.sentence_score(one.text, [reference]).score for one, reference in pairs]
    print(f"{len(pairs):,} sentences, mean sentence chrF {np.mean(quality):.1f}\n")
    print("| measure | Pearson | Spearman |\n|---|---|---|")
    for name, measure in MEASURES.items():
        pearson, spearman = correlate([measure(one) for one, _ in pairs], quality)
        print(f"| {name} | {pearson:.2f} | {spearman:.2f} |")
    print("\n| reason | words | share of words | of them wrong |\n|---|---|---|---|")
    judged = judge_reasons(*zip(*pairs, strict=True))
    for name, (count, wrong) in judged.items():
        print(f"| {name} | {count:,} | {count / judged['all words'][0]:.1%} | {wrong / count:.1%} |")


if __name__ == "__main__":
    main()
