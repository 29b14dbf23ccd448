"""Word links: derived from attention, symmetrised, written as text, and scored against gold links.

A link is a pair (source word, target word), both counted from 0, as in the Pharaoh format `i-j`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmt.arguments import check_count, check_share
from nmt.errors import DataError, Option
from nmt.progress import format_count
from nmt.text.links import GoldLinks, Link

# S source positions, X groups of source words, I source words   T, Y, J the same of the target

Links = Iterable[Link]
Matrix = NDArray[np.float64]
Symmetrisation = Literal["intersection", "union", "grow-diag", "grow-diag-final-and"]
SYMMETRISATIONS: tuple[Symmetrisation, ...] = ("intersection", "union", "grow-diag", "grow-diag-final-and")
LOW_ATTENTION = 0.2  # attention below this is low: see `diagnose_attention`
NUMBER = "([0-9]{1,9})"
NAACL = re.compile(rf"\s*{NUMBER}\s+{NUMBER}\s+{NUMBER}(?:\s+([SPsp]))?(?:\s+-?[0-9.]+(?:[eE][-+]?[0-9]+)?)?\s*")


class AttentionDiagnostics(NamedTuple):
    """Signs of errors in a translation that its attention shows.

    `entropy` is in bits, a mean over the target words: 0 if each attends to one source word, 1 if each attends to two
    equally. `coverage_deviation` is 0 if every source word gets the attention of exactly one target word; words that
    are left out or translated twice raise it. `unattended` are source words with low attention from all target words
    together, `unsupported` are target words with low attention to every source word; both include words without pieces.
    """

    entropy: float
    coverage_deviation: float
    unattended: list[int]
    unsupported: list[int]


class AlignmentScore(NamedTuple):
    """Alignment error rate (lower is better), precision, recall and F1, all between 0 and 1."""

    aer: float
    precision: float
    recall: float
    f1: float


def check_link_options(offset: int, threshold: float | None) -> None:
    """Raise UsageError for an `offset` of `select_rows` or a `threshold` of `extract_links` that cannot be."""
    check_count("offset", offset, 0, 1)
    if threshold is not None:
        check_share("threshold", threshold)


def select_rows(attention_TS: ArrayLike, pieces: int, offset: int = 0) -> Matrix:
    """The rows of attention that belong to the pieces of a target. All code selects rows by this function.

    Row t is the attention of the step that predicts piece t, so that the first `pieces` rows belong to pieces and a
    last one to EOS. With `offset` 1 a piece has the row of the next step, whose input it is. The last piece of a
    translation without EOS then has no row, and gets zeros.
    """
    rows_TS = np.asarray(attention_TS, dtype=np.float64)[offset : offset + pieces]
    missing = pieces - len(rows_TS)
    return np.pad(rows_TS, ((0, missing), (0, 0))) if missing else rows_TS


def merge_attention(
    attention_TS: ArrayLike,
    source_word_of_piece: Sequence[int],
    target_word_of_piece: Sequence[int],
    source_words: int | None = None,
    target_words: int | None = None,
    offset: int = 0,
) -> Matrix:
    """Convert attention between pieces, EOS included, to attention between words. -> target words x source words

        w(j, i) = sum over source pieces s of word i of (mean over target pieces t of word j of a(t, s))

    The attention to a source word is the sum over its pieces; the attention of a target word is the mean over its
    pieces. The row and column of EOS are left out, and each row is divided by its sum, so that rows sum to one. Sum and
    mean as in Koehn & Knowles 2017, arXiv:1706.03872, on word alignment. Words are those of nmt.text.words.split_words:
    a punctuation mark between spaces is a word, and a mark attached to a word belongs to it.

    A word without pieces, which the subword model may normalise to nothing, has a row or column of zeros. All rows are
    zero when the model has no attention (S = 0) or all attention is on EOS. `source_words` and `target_words` are the
    numbers of words, needed where the last words may have no pieces. `offset` is that of `select_rows`.
    """
    from_pieces_SI = build_piece_membership(source_word_of_piece, source_words)
    from_pieces_TJ = build_piece_membership(target_word_of_piece, target_words)
    attention_TS = select_rows(attention_TS, len(target_word_of_piece), offset)[:, : len(source_word_of_piece)]
    if attention_TS.size == 0:
        return np.zeros((from_pieces_TJ.shape[1], from_pieces_SI.shape[1]))
    weights_JI = from_pieces_TJ.T @ attention_TS @ from_pieces_SI  # a sum over t: the division below makes it a mean
    total_J1 = weights_JI.sum(axis=1, keepdims=True)
    shares_JI: Matrix = np.divide(weights_JI, total_J1, out=np.zeros_like(weights_JI), where=total_J1 > 0)
    return shares_JI


def build_piece_membership(word_of_piece: Sequence[int], words: int | None) -> Matrix:
    """A matrix, pieces x words: one where the piece belongs to the word, otherwise zero. Word -1 stands for no word."""
    words = max(word_of_piece, default=-1) + 1 if words is None else words
    belongs: Matrix = (np.asarray(word_of_piece, dtype=int).reshape(-1, 1) == np.arange(words)).astype(np.float64)
    return belongs


def extract_links(word_attention_JI: ArrayLike, threshold: float | None = None) -> list[Link]:
    """Link each target word to the source word with most of its attention; without attention it has no link.

    Every target word has at most one link, while a source word may have several. So links depend on the direction of
    translation, and those of two directions can be combined by `symmetrise`. With a `threshold` above 0, each target
    word is instead linked to every source word that gets at least this share of its attention.
    """
    weights_JI = np.asarray(word_attention_JI)
    if weights_JI.size == 0:
        return []
    if threshold is not None:
        return sorted(
            (int(source), int(target)) for target, source in zip(*np.nonzero(weights_JI >= threshold), strict=True)
        )
    best_J = weights_JI.argmax(axis=1)
    return sorted((int(best), row) for row, best in enumerate(best_J) if weights_JI[row, best] > 0)


def diagnose_attention(attention_JS: ArrayLike) -> AttentionDiagnostics:
    """Diagnose the attention of target words. The last column is the attention to EOS.

        entropy             mean over j of -sum over s of a(j, s) log2 a(j, s)
        coverage deviation  mean over source words i of ln(1 + (1 - sum over j of a(j, i)) ** 2)

    The second is the coverage deviation penalty of Rikters & Fishel 2017, arXiv:1710.03743, without its minus sign, on
    words instead of subwords. A source word is unattended if it gets less than 0.2 from all target words together. A
    target word is unsupported if it attends to every source word with less than 0.2. A mean over no words is 0.
    """
    attention_JS = np.asarray(attention_JS, dtype=np.float64)
    terms_JS = attention_JS * np.log2(attention_JS, out=np.zeros_like(attention_JS), where=attention_JS > 0)
    words_JI = attention_JS[:, :-1]
    coverage_I = words_JI.sum(axis=0)
    return AttentionDiagnostics(
        entropy=abs(float(terms_JS.sum() / max(len(terms_JS), 1))),
        coverage_deviation=float(np.log1p((1 - coverage_I) ** 2).sum() / max(len(coverage_I), 1)),
        unattended=np.flatnonzero(coverage_I < LOW_ATTENTION).tolist(),
        unsupported=np.flatnonzero(words_JI.max(axis=1, initial=0) < LOW_ATTENTION).tolist(),
    )


def summarise_attention(
    attention_TS: ArrayLike,
    source_word_of_piece: Sequence[int],
    target_word_of_piece: Sequence[int],
    source_words: int,
    target_words: int,
    offset: int = 0,
) -> tuple[Matrix, AttentionDiagnostics]:
    """Attention between words by `merge_attention`, and its diagnostics, which include the attention to EOS."""
    source, target = source_word_of_piece, target_word_of_piece
    with_end_JS = merge_attention(attention_TS, [*source, source_words], target, source_words + 1, target_words, offset)
    return merge_attention(attention_TS, source, target, source_words, target_words, offset), diagnose_attention(
        with_end_JS
    )


def spread_attention(
    attention_YX: Matrix, group_of_source_word: Sequence[int], group_of_target_word: Sequence[int]
) -> Matrix:
    """Attention between words from attention between groups of words: a word has that of its group. -> weights_JI

    Groups are those of nmt.text.segmented.SegmentedLine. Where a group has several words, rows do not sum to one.
    """
    weights_JI: Matrix = attention_YX[np.ix_(group_of_target_word, group_of_source_word)]
    return weights_JI


def spread_links(links: Links, group_of_source_word: Sequence[int], group_of_target_word: Sequence[int]) -> list[Link]:
    """Links between words from links between groups: each word of one group with each word of the other."""
    sources, targets = map(list_words, (group_of_source_word, group_of_target_word))
    return sorted((i, j) for source, target in links for i in sources[source] for j in targets[target])


def list_words(group_of_word: Sequence[int]) -> dict[int, list[int]]:
    """The words of each group."""
    words: dict[int, list[int]] = {}
    for word, group in enumerate(group_of_word):
        words.setdefault(group, []).append(word)
    return words


def reverse_links(directed: Links) -> list[Link]:
    """Links of the opposite translation direction as (source word, target word) of this direction."""
    return sorted((source, target) for target, source in directed)


NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrise(forward: Links, backward: Links, how: Symmetrisation) -> list[Link]:
    """One set of links from those of two directions, both given as (source word, target word); see `reverse_links`.

    intersection, union: as for sets; the first has higher precision, the second higher recall.
    grow-diag: start with the intersection; repeatedly add links of the union that are adjacent to an accepted link,
        also diagonally, and have a source or target word that has no link yet. Och & Ney 2003, "A systematic comparison
        of various statistical alignment models", section 5 ("refined"), in the form of Koehn, Och & Marcu 2003 and
        Koehn et al. 2005 ("Edinburgh system description"), in whose order links are visited: by target, then source.
    grow-diag-final-and: then add links of `forward`, and then of `backward`, whose words both have no link yet.
    """
    forward, backward = frozenset(forward), frozenset(backward)
    if how == "union":
        return sorted(forward | backward)
    grown = set(forward & backward)
    if how == "intersection":
        return sorted(grown)
    linked_sources, linked_targets = {source for source, _ in grown}, {target for _, target in grown}

    def accept(link: Link) -> None:
        grown.add(link)
        linked_sources.add(link[0])
        linked_targets.add(link[1])

    def by_target(some: frozenset[Link]) -> list[Link]:
        return sorted(some, key=lambda link: (link[1], link[0]))

    union = forward | backward
    before = -1
    while before != len(grown):
        before = len(grown)
        for source, target in by_target(union):
            if (source, target) in grown:
                for right, down in NEIGHBOURS:
                    near = (source + right, target + down)
                    if near in union and (near[0] not in linked_sources or near[1] not in linked_targets):
                        accept(near)
    if how == "grow-diag-final-and":
        for direction in (forward, backward):
            for link in by_target(direction):
                if link[0] not in linked_sources and link[1] not in linked_targets:
                    accept(link)
    return sorted(grown)


def compute_link_shares(word_attention_JI: Matrix, sentence: Links) -> dict[Link, float]:
    """The links, each with its share of the target word's attention."""
    return {(source, target): float(word_attention_JI[target, source]) for source, target in sentence}


def format_pharaoh(sentence: Links, shares: Mapping[Link, float] | None = None) -> str:
    """`0-0 1-2`: source word, dash, target word; an empty string without links.

    With `shares` each link has its share of the attention: `0-0:0.912`.
    """
    suffixes = {link: f":{share:.3f}" for link, share in (shares or {}).items()}
    return " ".join(f"{source}-{target}{suffixes.get((source, target), '')}" for source, target in sorted(sentence))


def parse_naacl(
    lines: Sequence[str], sentences: int, path: str = "the gold", base: int = 1, base_option: str = "gold_base"
) -> list[GoldLinks]:
    """Read links of the form `18 3 4 P`, one a line: sentence, source word, target word, and P if it is only possible.

    The format of Mihalcea & Pedersen 2003, "An evaluation exercise for word alignment". S, for a sure link, may be left
    out, and a confidence at the end is ignored. Sentences are counted from 1, words from `base`. If words are counted
    from 1, word 0 is the empty word, and its links are ignored. Messages name the argument for `base` `base_option`.

    Raises:
        DataError: a line of another form, a sentence that does not exist, or a link of the empty word with itself.
    """
    sure: list[set[Link]] = [set() for _ in range(sentences)]
    possible: list[set[Link]] = [set() for _ in range(sentences)]
    for number, line in enumerate(lines, 1):
        match = NAACL.fullmatch(line)
        if match is None and line.strip():
            raise DataError(
                f'{path}, line {number:,}: "{line.strip()[:60]}" is not a link\n'
                "  A line has the numbers of sentence, source word and target word, and optionally S or P"
            )
        if match is None:
            continue
        sentence, source, target = (int(match[group]) for group in (1, 2, 3))
        if not 1 <= sentence <= sentences:
            raise DataError(
                f"{path}, line {number:,}: sentence {sentence:,} does not exist: the source has "
                f"{format_count(sentences, 'line')}\n  Every line of the source is a sentence, counted from 1"
            )
        if source == target == 0 < base:
            raise DataError(
                f"{path}, line {number:,}: word 0 is the empty word if words are counted from 1, and cannot be linked "
                "to itself\n  ",
                *(Option(base_option, 0), " counts from 0"),
            )
        if min(source, target) < base:
            continue
        possible[sentence - 1].add((source - base, target - base))
        if match[4] not in ("P", "p"):
            sure[sentence - 1].add((source - base, target - base))
    return [GoldLinks(frozenset(some), frozenset(most)) for some, most in zip(sure, possible, strict=True)]


def alignment_error_rate(predicted: Sequence[Links], golds: Sequence[GoldLinks]) -> AlignmentScore:
    """The alignment error rate of links A against sure links S and possible links P, counted over all sentences.

        AER = 1 - (|A & S| + |A & P|) / (|A| + |S|)     precision = |A & P| / |A|     recall = |A & S| / |S|

    Och & Ney 2003, section 6. F1 is the harmonic mean of precision and recall. A ratio with a denominator of 0 is 1,
    because then no link is wrong or missing.
    """
    links = sure = links_sure = links_possible = 0
    for sentence, gold in zip(predicted, golds, strict=True):
        found = set(sentence)
        links += len(found)
        sure += len(gold.sure)
        links_sure += len(found & gold.sure)
        links_possible += len(found & gold.possible)

    def ratio(part: int, whole: int) -> float:
        return part / whole if whole else 1.0

    precision, recall = ratio(links_possible, links), ratio(links_sure, sure)
    return AlignmentScore(
        aer=1 - ratio(links_sure + links_possible, links + sure),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    )
