"""Links between the words of pairs, as text: the Pharaoh format, where `1-2` joins source word 1 and target word 2.

Words are what blanks separate, counted from 0. How good links are is not its business, nor how attention makes them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from nmt.errors import DataError, Option, indent
from nmt.text.corpus import Pair, read_lines

Link = tuple[int, int]
PHARAOH = re.compile(r"([0-9]+)([-sp?])([0-9]+)(?::[0-9.]+)?")
SHOWN = 5  # problems of one file that a message holds in full


class GoldLinks(NamedTuple):
    """Links that people or an aligner drew: sure ones, and all that are possible, the sure ones among them."""

    sure: frozenset[Link]
    possible: frozenset[Link]


def parse_gold(line: str, place: str = "this line", base: int = 0) -> GoldLinks:
    """Read `1-2` or `1s2` as a sure link, `1p2` or `1?2` as a possible one; the first word has the number `base`.

    A share behind it, `1-2:0.9`, is not read.

    Raises:
        DataError: anything else, with `place` in the message.
    """
    sure, possible = set(), set()
    for word in line.split():
        match = PHARAOH.fullmatch(word)
        if match is None:
            raise DataError(
                f'{place}: "{word}" is not a link\n'
                "  Write 1-2 for a sure link of source word 1 and target word 2, 1p2 for a possible one; "
                f"count from {base}"
            )
        link = (int(match[1]) - base, int(match[3]) - base)
        possible.add(link)
        if match[2] in "-s":
            sure.add(link)
    return GoldLinks(frozenset(sure), frozenset(possible))


def check_link_bounds(
    gold: GoldLinks, words: tuple[int, int] | None, place: str, hint: Sequence[str | Option], base: int = 0
) -> None:
    """Raise DataError for a link to a word that a pair of so many words does not have; `hint` says what to try."""
    for link in sorted(gold.possible):
        if min(link) < 0 or (words and (link[0] >= words[0] or link[1] >= words[1])):
            past = f"points past {words[0]} and {words[1]} words" if words else "has a word before the first"
            raise DataError(
                f"{place}: link {link[0] + base}-{link[1] + base} {past}\n"
                f"  Blanks separate words, which are counted from {base}; ",
                *hint,
            )


def line_count_error(path: Path | str, lines: int, pairs: int) -> DataError:
    """The error for a file of links that does not have a line for each pair."""
    return DataError(
        f"{path} has {lines:,} lines for {pairs:,} pairs\n"
        "  Line n holds the links of pair n; a pair without links has an empty line"
    )


def read_links(path: Path) -> Iterator[list[Link]]:
    """The links that a target word is to learn from, line by line: its sure ones, or the possible if it has no other.

    Raises DataError for what is no link.
    """
    for number, line in enumerate(read_lines(path), 1):
        gold = parse_gold(line, f"{path}, line {number:,}")
        settled = {target for _, target in gold.sure}
        yield sorted(gold.sure | {link for link in gold.possible if link[1] not in settled})


def with_checked_links(pairs: Iterable[Pair], path: Path) -> Iterator[Pair]:
    """The pairs, while the file that links their words is read along.

    Raises DataError after the last pair, with what is wrong in every line of the file: the first five in full.
    """
    problems: list[DataError] = []
    count = lines = links = 0
    for pair, line in zip_longest(pairs, read_lines(path)):
        count, lines = count + (pair is not None), lines + (line is not None)
        if pair is not None and line is not None:
            place = f"{path}, line {lines:,}"
            try:
                hint = ["an aligner that counts from 1 or splits words otherwise does not fit"]
                gold = parse_gold(line, place)
                links += len(gold.possible)
                check_link_bounds(gold, (len(pair.source.split()), len(pair.target.split())), place, hint)
            except DataError as error:
                problems.append(error)
        if pair is not None:
            yield pair
    if lines != count:
        raise line_count_error(path, lines, count)
    if count and not links and not problems:
        raise DataError(f"{path} has no link in its {lines:,} lines\n  Attention would learn nothing from it")
    if len(problems) == 1:
        raise problems[0]
    if problems:
        more = f"\n  and {len(problems) - SHOWN:,} lines more" if len(problems) > SHOWN else ""
        raise DataError(f"{len(problems):,} lines of {path} cannot be used", *indent(problems[:SHOWN]), more)
