"""Gold word links: reading them from files, what makes them doubtful, and scoring other links by them."""

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
    """The gold links of each pair: one line a pair in Pharaoh format, or one line a link in that of NAACL 2003.

    The first line tells which. `base` is the number of the first word, by default 0, or 1 in the NAACL format. `words`
    are the numbers of source and target words of each pair.

    Raises DataError for another number of lines, for what is no link, and for words that a sentence does not have.
    """
    lines = list(read_lines(path))
    is_naacl = NAACL.fullmatch(next(filter(str.strip, lines), "")) is not None
    base = int(is_naacl) if base is None else base
    if not is_naacl and len(lines) != pairs:
        raise make_line_count_error(path, len(lines), pairs)
    if is_naacl:
        places = [f"{path}, sentence {number:,}" for number in range(1, pairs + 1)]
        golds = parse_naacl(lines, pairs, str(path), base)
    else:
        places = [f"{path}, line {number:,}" for number in range(1, len(lines) + 1)]
        golds = [parse_gold(line, place, base) for line, place in zip(lines, places, strict=True)]
    hint = Option("gold_base", 1 - base), f" counts from {1 - base}"
    for place, gold, counts in zip(places, golds, words or repeat(None, pairs), strict=True):
        check_link_bounds(gold, counts, place, hint, base)
    return golds


def gold_doubts(path: Path | str, golds: Sequence[GoldLinks], is_linked: Iterable[bool]) -> Iterator[str]:
    """What makes scores by these links mean less than they seem to; `is_linked` says where links are expected."""
    places = [number for number, (gold, there) in enumerate(zip(golds, is_linked, strict=True), 1) if there]
    bare = [number for number in places if not golds[number - 1].possible]
    if bare:
        yield (
            f"{path} has no link for {len(bare):,} of {len(golds):,} pairs, the first being {bare[0]:,}: "
            "every link there counts as wrong"
        )
    if not any(gold.sure for gold in golds):
        yield f"{path} has no sure link: recall means nothing"


def score_link_files(
    paths: Sequence[str], gold: str, base: int | None = None
) -> tuple[dict[str, AlignmentScore], list[GoldLinks], list[str]]:
    """How well files of links in Pharaoh format match gold: scores by file, the gold, and doubts about it.

    Raises DataError for what is no link, and for files of unequal length.
    """
    lines = read_parallel(paths)
    golds = read_gold(gold, len(lines[0]), base)
    doubts = list(gold_doubts(gold, golds, (any(map(str.strip, pair)) for pair in zip(*lines, strict=True))))
    scores = {}
    for path, system in zip(paths, lines, strict=True):
        found = [parse_gold(line, f"{path}, line {number:,}").possible for number, line in enumerate(system, 1)]
        scores[path] = alignment_error_rate(found, golds)
    return scores, golds, doubts


def score_directions(
    forward: list[list[Link]], backward: list[list[Link]], golds: Sequence[GoldLinks]
) -> Mapping[str, AlignmentScore]:
    """How well the links of one direction match gold, or those of both and of every way to symmetrise them."""
    systems = {"forward": forward}
    if backward:
        systems["reverse"] = backward
        for how in SYMMETRISATIONS:
            systems[how] = [symmetrise(*both, how) for both in zip(forward, backward, strict=True)]
    return {name: alignment_error_rate(links, golds) for name, links in systems.items()}
