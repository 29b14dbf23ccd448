"""Gold word links: reads them from files, checks them, and scores other links against them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path

from nmt.analysis.alignment import NAACL, SYMMETRISATIONS, AlignmentScore, alignment_error_rate, parse_naacl, symmetrise
from nmt.errors import Option
from nmt.text.corpus import read_lines, read_parallel
from nmt.text.links import GoldLinks, Link, check_link_bounds, make_line_count_error, parse_gold


def read_gold(
    path: Path | str, pairs: int, base: int | None = None, words: Sequence[tuple[int, int]] | None = None
) -> list[GoldLinks]:
    """The gold links of each pair, from a file in Pharaoh format (a line for each pair) or in that of NAACL 2003 (a
    line for each link).

    The format is recognised by the first line. `base` is the number of the first word, by default 0, or 1 in the NAACL
    format. `words` has the numbers of source and target words of each pair.

    Raises DataError for a wrong number of lines, for text that is not a link, and for words that do not exist.
    """
    lines = list(read_lines(path))
    is_naacl = NAACL.fullmatch(next(filter(str.strip, lines), "")) is not None
    base = int(is_naacl) if base is None else base
    if not is_naacl and len(lines) != pairs:
        raise make_line_count_error(path, len(lines), pairs)
    if is_naacl:
        locations = [f"{path}, sentence {number:,}" for number in range(1, pairs + 1)]
        golds = parse_naacl(lines, pairs, str(path), base)
    else:
        locations = [f"{path}, line {number:,}" for number in range(1, len(lines) + 1)]
        golds = [parse_gold(line, location, base) for line, location in zip(lines, locations, strict=True)]
    hint = Option("gold_base", 1 - base), f" counts from {1 - base}"
    for location, gold, counts in zip(locations, golds, words or repeat(None, pairs), strict=True):
        check_link_bounds(gold, counts, location, hint, base)
    return golds


def find_gold_warnings(path: Path | str, golds: Sequence[GoldLinks], is_linked: Iterable[bool]) -> Iterator[str]:
    """Warnings about gold links with which scores have little meaning. `is_linked` is True for pairs with links."""
    linked = [number for number, (_, has_links) in enumerate(zip(golds, is_linked, strict=True), 1) if has_links]
    without_gold = [number for number in linked if not golds[number - 1].possible]
    if without_gold:
        yield (
            f"{path} has no links for {len(without_gold):,} of {len(golds):,} pairs, first for pair "
            f"{without_gold[0]:,}: every link of these pairs counts as wrong"
        )
    if not any(gold.sure for gold in golds):
        yield f"{path} has no sure links: recall has no meaning"


def score_link_files(
    paths: Sequence[str], gold: str, base: int | None = None
) -> tuple[dict[str, AlignmentScore], list[GoldLinks], list[str]]:
    """Score files of links in Pharaoh format against gold links. -> scores by file, the gold links, and warnings

    Raises DataError for text that is not a link, and for files of different lengths.
    """
    lines = read_parallel(paths)
    golds = read_gold(gold, len(lines[0]), base)
    is_linked = (any(map(str.strip, line_of_each)) for line_of_each in zip(*lines, strict=True))
    warnings = list(find_gold_warnings(gold, golds, is_linked))
    scores = {}
    for path, system in zip(paths, lines, strict=True):
        found = [parse_gold(line, f"{path}, line {number:,}").possible for number, line in enumerate(system, 1)]
        scores[path] = alignment_error_rate(found, golds)
    return scores, golds, warnings


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
