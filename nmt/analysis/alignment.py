"""Word links from attention weights, and how good they are.

Input is attention of finished translations or forced pairs; nothing here runs a model or reads a checkpoint. A link is
a pair (source word, target word), both counted from 0, as in the Pharaoh format `i-j`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmt.errors import DataError, Option
from nmt.text.links import GoldLinks, Link

# S source positions, I source words   T target positions, J target words

Links = Iterable[Link]
Matrix = NDArray[np.float64]
Symmetrisation = Literal["intersection", "union", "grow-diag", "grow-diag-final-and"]
SYMMETRISATIONS: tuple[Symmetrisation, ...] = ("intersection", "union", "grow-diag", "grow-diag-final-and")
LOW_ATTENTION = (
    0.2  # less attention than this in all does not reach a source word; less than this anywhere looks nowhere
)
NAACL = re.compile(r"\s*([0-9]+)\s+([0-9]+)\s+([0-9]+)(?:\s+([SPsp]))?(?:\s+[0-9.]+)?\s*")


class AttentionDiagnostics(NamedTuple):
    """What attention alone says of a translation: how sure it is, and what it left out or made up.

    `entropy` is in bits, a mean over the target words: at 0 each looks at one word, at 1 it hesitates between two.
    `coverage_deviation` is 0 where every source word gets the attention of one target word, and grows with what is
    skipped or said twice. `unattended` are source words that nothing attends to, `unsupported` target words that attend
    nowhere; both may be the numbers of words without pieces.
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


def select_rows(attention_TS: ArrayLike, pieces: int, offset: int = 0) -> Matrix:
    """The rows that belong to a target's pieces: THE place that says which row is whose.

    Row t is the attention with which piece t was predicted, so the first `pieces` rows are the words' and a last one is
    that of EOS. With `offset` 1 a piece has the row that follows, where it is the decoder's input; the last piece of a
    translation that was cut before EOS has none, and zeros then.
    """
    rows_TS = np.asarray(attention_TS, dtype=np.float64)[offset : offset + pieces]
    return np.pad(rows_TS, ((0, pieces - len(rows_TS)), (0, 0)))


def merge_attention(
    attention_TS: ArrayLike,
    source_word_of_piece: Sequence[int],
    target_word_of_piece: Sequence[int],
    source_words: int | None = None,
    target_words: int | None = None,
    offset: int = 0,
) -> Matrix:
    """Attention between pieces, EOS included, as attention between words. -> target words x source words

        w(j, i) = sum over source pieces s of word i of (mean over target pieces t of word j of a(t, s))

    Attention mass on a source word is that on its pieces together, hence the sum; a target word looked where its pieces
    looked on average, hence the mean. The row and column of EOS are left out and each row is divided by its sum, so
    that rows sum to one. Sum and mean as in Koehn & Knowles 2017, arXiv:1706.03872, on word alignment. Words are what
    blanks separate: a mark that stands alone is a word, and one attached to a word is a part of it, pieces and all.

    A word without pieces (the subword model may normalise it away) has a row or column of zeros; so has every word when
    the model has no attention (S = 0), or all attention is on EOS. `source_words` and `target_words` count the words
    where the last ones may be without pieces. `offset` is that of `select_rows`.
    """
    from_pieces_SI = piece_membership(source_word_of_piece, source_words)
    from_pieces_TJ = piece_membership(target_word_of_piece, target_words)
    attention_TS = select_rows(attention_TS, len(target_word_of_piece), offset)[:, : len(source_word_of_piece)]
    if attention_TS.size == 0:
        return np.zeros((from_pieces_TJ.shape[1], from_pieces_SI.shape[1]))
    weights_JI = from_pieces_TJ.T @ attention_TS @ from_pieces_SI  # dividing by the sum makes the mean of this sum
    total_J1 = weights_JI.sum(axis=1, keepdims=True)
    shares_JI: Matrix = np.divide(weights_JI, total_J1, out=np.zeros_like(weights_JI), where=total_J1 > 0)
    return shares_JI


def piece_membership(word_of_piece: Sequence[int], words: int | None) -> Matrix:
    """One where piece (row) belongs to word (column), else zero. A piece of word -1 belongs to none."""
    words = max(word_of_piece, default=-1) + 1 if words is None else words
    belongs: Matrix = (np.asarray(word_of_piece, dtype=int).reshape(-1, 1) == np.arange(words)).astype(np.float64)
    return belongs


def extract_links(word_attention_JI: ArrayLike, threshold: float | None = None) -> list[Link]:
    """For each target word the source word with most attention, the first of equals; none where there is no attention.

    Every target word has at most one link, while a source word may have several: the direction matters, and two
    opposite ones are worth combining with `symmetrise`. With a `threshold` above 0, every source word that gets at
    least this share of a target word's attention instead: none, one or several links on both sides.
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
    """What is doubtful in the attention of target words, the share of EOS being the last column.

        entropy             mean over j of -sum over s of a(j, s) log2 a(j, s)
        coverage deviation  mean over source words i of ln(1 + (1 - sum over j of a(j, i)) ** 2)

    The second is the coverage deviation penalty of Rikters & Fishel 2017, arXiv:1710.03743, without its minus sign, on
    words instead of subwords. A source word that gets less than 0.2 from all target words together is unattended; a
    target word that gives no source word 0.2 is unsupported. A mean over no words is 0.
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
    """Attention between words as `merge_attention` has it, and the doubts in it with that on EOS."""
    source, target = source_word_of_piece, target_word_of_piece
    with_end_JS = merge_attention(attention_TS, [*source, source_words], target, source_words + 1, target_words, offset)
    return merge_attention(attention_TS, source, target, source_words, target_words, offset), diagnose_attention(
        with_end_JS
    )


def reverse_links(directed: Links) -> list[Link]:
    """Links of the opposite translation direction as (source word, target word) of this one."""
    return sorted((source, target) for target, source in directed)


NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrise(forward: Links, backward: Links, how: Symmetrisation) -> list[Link]:
    """One set of links from those of two directions, both given as (source word, target word); see `reverse_links`.

    intersection, union: as for sets; the first is precise, the second complete.
    grow-diag: start from the intersection; add links of the union beside (or diagonally beside) an accepted one while
        they reach a source or target word that has no link yet. Och & Ney 2003, "A systematic comparison of various
        statistical alignment models", section 5 ("refined"), in the form of Koehn, Och & Marcu 2003 and Koehn et al.
        2005 ("Edinburgh system description"), whose visiting order (target words, then source words) is kept.
    grow-diag-final-and: then add links of `forward`, then of `backward`, whose two words both have no link yet.
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


def link_shares(word_attention_JI: Matrix, sentence: Links) -> dict[Link, float]:
    """Links with the part of its target word's attention that each holds."""
    return {(source, target): float(word_attention_JI[target, source]) for source, target in sentence}


def format_pharaoh(sentence: Links, link_shares: Mapping[Link, float] | None = None) -> str:
    """`0-0 1-2`: source word, dash, target word; an empty line where nothing is linked.

    With `link_shares` each link carries its own: `0-0:0.912`.
    """
    marks = {link: f":{share:.3f}" for link, share in (link_shares or {}).items()}
    return " ".join(f"{source}-{target}{marks.get((source, target), '')}" for source, target in sorted(sentence))


def parse_naacl(lines: Sequence[str], sentences: int, path: str = "the gold", base: int = 1) -> list[GoldLinks]:
    """Read links of the form `18 3 4 P`, one a line: sentence, source word, target word, P where it is only possible.

    The format of Mihalcea & Pedersen 2003, "An evaluation exercise for word alignment": S for a sure link may be left
    out, and a confidence at the end is not read. Sentences are counted from 1, words from `base`; word 0 of a count
    from 1 is the empty word, and its links say nothing here.

    Raises:
        DataError: a line of another form, a sentence past the last, or a link of the empty word with itself.
    """
    sure: list[set[Link]] = [set() for _ in range(sentences)]
    possible: list[set[Link]] = [set() for _ in range(sentences)]
    for number, line in enumerate(lines, 1):
        match = NAACL.fullmatch(line)
        if match is None and line.strip():
            raise DataError(
                f'{path}, line {number:,}: "{line.strip()}" is not a link\n'
                "  The lines before it say: sentence, source word, target word, then S or P or nothing"
            )
        if match is None:
            continue
        sentence, source, target = (int(match[group]) for group in (1, 2, 3))
        if not 1 <= sentence <= sentences:
            raise DataError(
                f"{path}, line {number:,}: there is no sentence {sentence:,} among {sentences:,}\n"
                "  Sentences are counted from 1, and every line of the source is one"
            )
        if source == target == 0 < base:
            raise DataError(
                f"{path}, line {number:,}: word 0 is the empty word where words are counted from 1, and is not linked "
                "to itself\n  ",
                *(Option("gold_base", 0), " counts from 0"),
            )
        if min(source, target) < base:
            continue
        possible[sentence - 1].add((source - base, target - base))
        if match[4] not in ("P", "p"):
            sure[sentence - 1].add((source - base, target - base))
    return [GoldLinks(frozenset(some), frozenset(most)) for some, most in zip(sure, possible, strict=True)]


def alignment_error_rate(predicted: Sequence[Links], golds: Sequence[GoldLinks]) -> AlignmentScore:
    """How far links A are from sure links S and possible links P, counted over all sentences.

        AER = 1 - (|A & S| + |A & P|) / (|A| + |S|)     precision = |A & P| / |A|     recall = |A & S| / |S|

    Och & Ney 2003, section 6; F1 is the harmonic mean of the last two. A ratio of nothing to nothing counts as 1:
    no claim is wrong, no sure link is missed.
    """
    claimed = sure = claimed_sure = claimed_possible = 0
    for sentence, gold in zip(predicted, golds, strict=True):
        found = set(sentence)
        claimed += len(found)
        sure += len(gold.sure)
        claimed_sure += len(found & gold.sure)
        claimed_possible += len(found & gold.possible)

    def ratio(part: int, whole: int) -> float:
        return part / whole if whole else 1.0

    precision, recall = ratio(claimed_possible, claimed), ratio(claimed_sure, sure)
    return AlignmentScore(
        aer=1 - ratio(claimed_sure + claimed_possible, claimed + sure),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    )
