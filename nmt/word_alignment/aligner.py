"""Statistical word links of parallel text, learnt from this text alone: no run, and no other program.

Both directions are sampled by nmt.word_alignment.sampler, between the atoms of the texts or, where there are no blanks
between words and ICU is installed, between the words that ICU finds. Their probabilities are then those of links
between units.
"""

# S source tokens   T target tokens   I source units   J target units   U units of a side   K tokens of that side

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nmt.analysis.alignment import Matrix, Symmetrisation, symmetrise
from nmt.progress import Progress
from nmt.text.atoms import find_atoms
from nmt.text.links import Link
from nmt.text.units import HAS_ICU, WORDS, Span, Units, find_units, measure_overlap
from nmt.word_alignment.cells import Batch, build_cells, measure_similarity
from nmt.word_alignment.sampler import FERTILITIES, JUMPS, LEXICON_ALONE, Sampler

SEED = 1
SIMILARITY = 0.3  # pseudo-count of two words that are equal
CHAINS = 4  # independent samples of each direction, whose probabilities are averaged
SWEEPS = ((LEXICON_ALONE, 1, 1), (JUMPS, 4, 4), (FERTILITIES, 8, 3))  # stage, sweeps, those that are not averaged
ENOUGH_PAIRS, MOST = 2000, 4  # fewer pairs have more sweeps, by the square root and MOST times at most
LEAST = 0.2  # lower mean probabilities of both directions are taken as none
PART_CELLS = 50_000_000  # of text that is aligned at once, which takes about 1 GB of memory
LONGEST = 4_000_000  # cells of a pair: a longer one gets no links
NO_PROGRESS = Progress()

Tokens = Sequence[str]
TokenPair = tuple[Tokens, Tokens]


class Posteriors(NamedTuple):
    """The probabilities of links: that of each target token to each source token, and the opposite direction."""

    forward_TS: Matrix
    backward_TS: Matrix


class LinkedText(NamedTuple):
    """A pair, its units with their places, and its links (source unit, target unit), counted from 0.

    `links` is `forward` and `backward` symmetrised: each target unit's one link, and each source unit's one link, where
    they have one. `weights_TS` has the mean probabilities of both directions, between the tokens at
    `source_tokens` and `target_tokens`; those below LEAST are zero.
    """

    source: str
    target: str
    source_units: list[Span]
    target_units: list[Span]
    links: list[Link]
    forward: list[Link]
    backward: list[Link]
    source_tokens: list[Span]
    target_tokens: list[Span]
    weights_TS: Matrix

    @property
    def source_words(self) -> list[str]:
        """The words of the source, or its other units."""
        return [self.source[begin:end] for begin, end in self.source_units]

    @property
    def target_words(self) -> list[str]:
        """The words of the target, or its other units."""
        return [self.target[begin:end] for begin, end in self.target_units]


def link_pairs(
    pairs: Iterable[tuple[str, str]],
    units: tuple[Units, Units] = (WORDS, WORDS),
    symmetrisation: Symmetrisation = "grow-diag",
    progress: Progress = NO_PROGRESS,
) -> Iterator[LinkedText]:
    """Link the units of every pair, in order. The same pairs get the same links.

    The pairs are read once, and aligned in parts of PART_CELLS, so that memory does not grow with the text. `progress`
    has a note of pairs that are too long to be linked.
    """
    part: list[tuple[str, str, list[Span], list[Span]]] = []
    cells = begun = 0
    for number, (source, target) in enumerate(pairs, 1):
        tokens = find_tokens(source, units[0]), find_tokens(target, units[1])
        size = len(tokens[0]) * len(tokens[1])
        if size > LONGEST:
            progress.note(f"pair {number:,} is too long to be linked: {len(tokens[0]):,} and {len(tokens[1]):,} words")
            tokens, size = ([], []), 0
        if cells + size > PART_CELLS:
            yield from link_part(part, units, symmetrisation, progress, begun)
            begun, part, cells = begun + len(part), [], 0
        part.append((source, target, *tokens))
        cells += size
    yield from link_part(part, units, symmetrisation, progress, begun)


def link_part(
    part: Sequence[tuple[str, str, list[Span], list[Span]]],
    units: tuple[Units, Units],
    symmetrisation: Symmetrisation,
    progress: Progress,
    begun: int,
) -> Iterator[LinkedText]:
    """Link pairs whose tokens are known; `begun` pairs were before them."""
    pairs = [(cut(source, of_source), cut(target, of_target)) for source, target, of_source, of_target in part]
    title = f"aligning pairs {begun + 1:,} to {begun + len(part):,}"
    found = sample_posteriors(pairs, progress, title) if part else []
    for (source, target, of_source, of_target), posteriors in zip(part, found, strict=True):
        forward_TS, backward_TS = posteriors
        spans = find_units(source, units[0]), find_units(target, units[1])
        forward = [(i, j) for j, i in choose_links(forward_TS, spans[1], of_target, spans[0], of_source)]
        backward = choose_links(backward_TS.T, spans[0], of_source, spans[1], of_target)
        links = symmetrise(forward, backward, symmetrisation)
        yield LinkedText(
            source,
            target,
            *spans,
            links,
            sorted(forward),
            backward,
            of_source,
            of_target,
            average_posteriors(posteriors),
        )


def average_posteriors(posteriors: Posteriors) -> Matrix:
    """The mean probabilities of both directions; those below LEAST become zero. -> weights_TS"""
    weights_TS = (posteriors.forward_TS + posteriors.backward_TS) / 2
    weights_TS[weights_TS < LEAST] = 0
    return weights_TS


def find_tokens(text: str, units: Units) -> list[Span]:
    """The (begin, end) of each token: ICU's words where characters are linked, otherwise atoms."""
    if units.name in ("characters", "icu-words") and HAS_ICU:
        return find_units(text, units._replace(name="icu-words"))
    return find_atoms(text)


def cut(text: str, spans: Iterable[Span]) -> list[str]:
    """The tokens of a text, without regard to case."""
    return [text[begin:end].casefold() for begin, end in spans]


def choose_links(
    posterior_KL: Matrix,
    units: Sequence[Span],
    tokens: Sequence[Span],
    others: Sequence[Span],
    other_tokens: Sequence[Span],
) -> list[Link]:
    """The likeliest link of each unit of one side, as (unit, other unit), where it is likelier that it has one.

    A unit has the mean probabilities of its tokens, by the number of characters. Units that share a token have
    the same links.
    """
    if not tokens or not other_tokens:  # of a pair that is too long, whose tables would be large
        return []
    share_UK = measure_overlap(units, tokens)
    share_UK /= share_UK.sum(axis=1, keepdims=True).clip(min=1)
    of_tokens_UL = share_UK @ posterior_KL
    weights = of_tokens_UL @ (measure_overlap(other_tokens, others) > 0)
    best_U1 = weights.max(axis=1, initial=0, keepdims=True)
    is_linked_UO = (weights >= best_U1 - 1e-9) & (of_tokens_UL.sum(axis=1, keepdims=True) > 0.5)
    return [(int(unit), int(other)) for unit, other in zip(*np.nonzero(is_linked_UO), strict=True)]


def sample_posteriors(
    pairs: Sequence[TokenPair], progress: Progress = NO_PROGRESS, title: str = "aligning"
) -> list[Posteriors]:
    """The posteriors of pairs of token sequences, by these pairs alone."""
    cells = build_cells(pairs)
    extra_E = SIMILARITY * measure_similarity(cells)
    sizes = len(cells.source_words), len(cells.target_words)
    turned = [Batch(batch.pairs, *batch[2:0:-1], batch.entries_BTS.transpose(0, 2, 1)) for batch in cells.batches]
    generator = np.random.default_rng(SEED)
    forward = [np.zeros((len(target), len(source)), dtype=np.float32) for source, target in pairs]
    backward = [np.zeros((len(source), len(target)), dtype=np.float32) for source, target in pairs]
    times = round(min(MOST, max(1.0, (ENOUGH_PAIRS / max(len(pairs), 1)) ** 0.5)))
    rounds = [
        (chain, stage, sweep >= first * times)
        for chain in range(CHAINS)
        for stage, sweeps, first in SWEEPS
        for sweep in range(sweeps * times)
    ]
    steps = iter(progress.track(range(2 * len(rounds)), title, 2 * len(rounds), "sweeps"))
    averaged = sum(is_averaged for *_, is_averaged in rounds)
    for batches, words, entries, found in (
        (cells.batches, sizes, cells.source_E, forward),
        (turned, sizes[::-1], cells.target_E, backward),
    ):
        current = -1
        for chain, stage, is_averaged in rounds:
            if chain != current:
                sampler, current = Sampler(batches, words, entries, extra_E, generator), chain
            next(steps)
            sampler.sweep(stage, found if is_averaged else None)
        for matrix in found:
            matrix /= averaged
    for _ in steps:
        pass
    return [
        Posteriors(one.astype(np.float64), other.T.astype(np.float64))
        for one, other in zip(forward, backward, strict=True)
    ]
