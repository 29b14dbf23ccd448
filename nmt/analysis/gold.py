"""Gold word links: reads them from files, checks them, and scores other links against them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from nmt.analysis.alignment import NAACL, SYMMETRISATIONS, AlignmentScore, alignment_error_rate, parse_naacl, symmetrise
from nmt.errors import Option, UsageError
from nmt.progress import format_count
from nmt.text.corpus import read_lines, read_parallel
from nmt.text.links import GoldLinks, Link, Reading, check_link_bounds, make_line_count_error, parse_gold
from nmt.text.units import BOTH_WORDS, UnitPair

LEAST_GAIN = 0.1  # by which the error rate of a reading must be lower to be worth a warning
LARGEST_RATIO = 0.7  # of its error rate to that of the links as they are


class LinkFile(NamedTuple):
    """The links of each pair in a file, and the number that its first word has."""

    links: list[GoldLinks]
    base: int

    def may_count_from_1(self) -> bool:
        """Whether links that were read as counted from 0 have no word 0, so that they may count from 1."""
        return self.base == 0 and all(0 not in link for one in self.links for link in one.possible)


class BetterReading(NamedTuple):
    """A reading of links in which they fit gold links far better, and their alignment error rate in it."""

    reading: Reading
    aer: float


def is_naacl(lines: Iterable[str]) -> bool:
    """Whether lines are links in the format of NAACL 2003, by the first line that is not empty."""
    return NAACL.fullmatch(next(filter(str.strip, lines), "")) is not None


def read_gold(
    path: Path | str,
    pairs: int,
    base: int | None = None,
    words: Sequence[tuple[int, int]] | None = None,
    units: UnitPair = BOTH_WORDS,
) -> list[GoldLinks]:
    """The gold links of each pair, see `parse_links`."""
    return parse_links(list(read_lines(path)), path, pairs, base, words=words, units=units).links


def parse_links(
    lines: Sequence[str],
    path: Path | str,
    pairs: int,
    base: int | None = None,
    base_option: str = "gold_base",
    words: Sequence[tuple[int, int]] | None = None,
    units: UnitPair = BOTH_WORDS,
) -> LinkFile:
    """The links of each pair, in Pharaoh format (a line for each pair) or that of NAACL 2003 (a line for each link).

    The format is recognised by the first line. `base` is the number of the first word, by default 0, or 1 in the NAACL
    format; `base_option` is the name of this argument in messages. `words` has the numbers of source and target words
    of each pair, or of other `units`.

    Raises DataError for a wrong number of lines, for text that is not a link, and for words that do not exist.
    """
    in_naacl = is_naacl(lines)
    base = int(in_naacl) if base is None else base
    if not in_naacl and len(lines) != pairs:
        raise make_line_count_error(path, len(lines), pairs)
    if in_naacl:
        locations = [f"{path}, sentence {number:,}" for number in range(1, pairs + 1)]
        links = parse_naacl(lines, pairs, str(path), base, base_option)
    else:
        locations = [f"{path}, line {number:,}" for number in range(1, len(lines) + 1)]
        links = [parse_gold(line, location, base) for line, location in zip(lines, locations, strict=True)]
    hint = find_hint(links, base, base_option, words)
    for location, of_pair, counts in zip(locations, links, words or repeat(None, pairs), strict=True):
        check_link_bounds(of_pair, counts, location, hint, base, units)
    return LinkFile(links, base)


def find_hint(
    links: Sequence[GoldLinks], base: int, base_option: str, words: Sequence[tuple[int, int]] | None
) -> list[str | Option]:
    """The end of a message about links out of range: the reading in which all are in range, if there is one."""
    other = Option(base_option, 1 - base)
    alternatives: list[tuple[Reading, list[str | Option]]] = [
        (Reading(2 * base - 1, False), ["all links fit with ", other]),
        (Reading(0, True), ["all links fit if they are turned: write 2-1 for 1-2"]),
        (Reading(2 * base - 1, True), ["all links fit if they are turned, 2-1 for 1-2, with ", other]),
    ]
    for reading, parts in alternatives:
        if words and all(reading.fits(one.possible, counts) for one, counts in zip(links, words, strict=True)):
            return parts
    return [other, f" counts from {1 - base}"]


def find_better_reading(found: Sequence[Iterable[Link]], golds: Sequence[GoldLinks]) -> BetterReading | None:
    """The reading with the lowest error rate, if it is far lower than that of the links as they are; else None."""
    aer = alignment_error_rate(found, golds).aer
    readings = [Reading(shift, is_turned) for is_turned in (False, True) for shift in (0, -1, 1)][1:]
    rates = {
        reading: alignment_error_rate([reading.apply(links) for links in found], golds).aer for reading in readings
    }
    best = min(readings, key=rates.__getitem__)
    is_better = rates[best] < min(aer - LEAST_GAIN, aer * LARGEST_RATIO)
    return BetterReading(best, rates[best]) if is_better else None


def find_gold_warnings(path: Path | str, golds: Sequence[GoldLinks], is_linked: Iterable[bool]) -> Iterator[str]:
    """Warnings about gold links with which scores have little meaning. `is_linked` is True for pairs with links."""
    linked = [number for number, (_, has_links) in enumerate(zip(golds, is_linked, strict=True), 1) if has_links]
    without_gold = [number for number in linked if not golds[number - 1].possible]
    if without_gold:
        yield (
            f"{path} has no links for {len(without_gold):,} of {format_count(len(golds), 'pair')}, first for pair "
            f"{without_gold[0]:,}: every link of these pairs counts as wrong"
        )
    if not any(gold.sure for gold in golds):
        yield f"{path} has no sure links: recall has no meaning"


class LinkScores(NamedTuple):
    """Scores and better readings of files of links, by file, with these files, the gold, and warnings about it."""

    scores: dict[str, AlignmentScore]
    better: dict[str, BetterReading]
    files: dict[str, LinkFile]
    gold: LinkFile
    warnings: list[str]


def score_link_files(
    paths: Sequence[str],
    gold: str,
    gold_base: int | None = None,
    links_base: int | None = None,
    links_turned: bool = False,
) -> LinkScores:
    """Score files of links against gold links. All may be in Pharaoh or NAACL format; see `parse_links`.

    `links_base` is the number of the first word in `paths`. With `links_turned` their links are target-source.

    Raises DataError for text that is not a link, and for files of different lengths.
    """
    if [*paths, gold].count("-") > 1:
        raise UsageError('standard input, "-", is named more than once, but can be read only once')
    (gold_lines,) = read_parallel([gold])
    lines = {path: read_parallel([path])[0] for path in paths}
    pairs = count_pairs([*lines.values(), gold_lines])
    own = parse_links(gold_lines, gold, pairs, gold_base)
    files = {path: parse_links(some, path, pairs, links_base, "links_base") for path, some in lines.items()}
    turn = Reading(0, links_turned)
    found = {path: [turn.apply(one.possible) for one in file.links] for path, file in files.items()}
    is_linked = (any(links) for links in zip(*found.values(), strict=True))
    better = {path: find_better_reading(links, own.links) for path, links in found.items()}
    return LinkScores(
        {path: alignment_error_rate(links, own.links) for path, links in found.items()},
        {path: reading for path, reading in better.items() if reading},
        files,
        own,
        list(find_gold_warnings(gold, own.links, is_linked)),
    )


def count_pairs(files: Sequence[Sequence[str]]) -> int:
    """The number of pairs of files of links: the lines of the first in Pharaoh format, or else the last sentence."""
    for lines in files:
        if not is_naacl(lines):
            return len(lines)
    return max(int(match[1]) for lines in files for line in lines if (match := NAACL.fullmatch(line)))


def score_directions(
    forward: list[list[Link]], backward: list[list[Link]], golds: Sequence[GoldLinks]
) -> Mapping[str, AlignmentScore]:
    """Score the links of one direction, or those of both directions and of every symmetrisation, against gold links."""
    systems = {"forward": forward}
    if backward:
        systems["reverse"] = backward
        for how in SYMMETRISATIONS:
            systems[how] = [symmetrise(*both, how) for both in zip(forward, backward, strict=True)]
    return {name: alignment_error_rate(links, golds) for name, links in systems.items()}
