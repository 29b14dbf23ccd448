"""Word links as text: the Pharaoh format, where `1-2` links source word 1 and target word 2 of a pair.

Words are separated by blanks and counted from 0. nmt.analysis.alignment derives links from attention and scores them.
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
SHOWN_PROBLEMS = 5  # lines of one file whose problems a message describes in full


class GoldLinks(NamedTuple):
    """The reference links of a pair: the sure ones, and all possible ones, which include the sure ones."""

    sure: frozenset[Link]
    possible: frozenset[Link]


def parse_gold(line: str, location: str = "this line", base: int = 0) -> GoldLinks:
    """Read `1-2` or `1s2` as a sure link, `1p2` or `1?2` as a possible one; the first word has the number `base`.

    A weight after a link, `1-2:0.9`, is ignored.

    Raises:
        DataError: text of another form, with `location` in the message.
    """
    sure, possible = set(), set()
    for word in line.split():
        match = PHARAOH.fullmatch(word)
        if match is None:
            raise DataError(
                f'{location}: "{word}" is not a link\n'
                "  Write 1-2 for a sure link of source word 1 and target word 2, 1p2 for a possible one; "
                f"the first word is {base}"
            )
        link = (int(match[1]) - base, int(match[3]) - base)
        possible.add(link)
        if match[2] in "-s":
            sure.add(link)
    return GoldLinks(frozenset(sure), frozenset(possible))


def check_link_bounds(
    gold: GoldLinks, words: tuple[int, int] | None, location: str, hint: Sequence[str | Option], base: int = 0
) -> None:
    """Raise DataError for a link of a word that does not exist. `words` has the numbers of source and target words.

    The message ends with `hint`.
    """
    for link in sorted(gold.possible):
        if min(link) < 0 or (words and (link[0] >= words[0] or link[1] >= words[1])):
            reason = f"the pair has {words[0]} and {words[1]} words" if words else f"the first word is {base}"
            raise DataError(
                f"{location}: link {link[0] + base}-{link[1] + base} is out of range: {reason}\n"
                f"  Words are separated by blanks and counted from {base}; ",
                *hint,
            )


def make_line_count_error(path: Path | str, lines: int, pairs: int) -> DataError:
    """The error for a file of links that does not have one line for each pair."""
    return DataError(
        f"{path} has {lines:,} lines for {pairs:,} pairs\n"
        "  Line n must have the links of pair n; a pair without links has an empty line"
    )


def read_links(path: Path) -> Iterator[list[Link]]:
    """The links of each line for guided attention: the sure links, and possible ones of target words without sure ones.

    Raises DataError for text that is not a link.
    """
    for number, line in enumerate(read_lines(path), 1):
        gold = parse_gold(line, f"{path}, line {number:,}")
        with_sure_link = {target for _, target in gold.sure}
        yield sorted(gold.sure | {link for link in gold.possible if link[1] not in with_sure_link})


def check_links_of_pairs(pairs: Iterable[Pair], path: Path) -> Iterator[Pair]:
    """Yield the pairs, and check each line of a file of links against its pair.

    Raises DataError after the last pair. It counts the lines with problems and describes the first five.
    """
    problems: list[DataError] = []
    count = lines = links = 0
    for pair, line in zip_longest(pairs, read_lines(path)):
        count, lines = count + (pair is not None), lines + (line is not None)
        if pair is not None and line is not None:
            location = f"{path}, line {lines:,}"
            try:
                hint = ["links of an aligner that counts from 1, or splits text in another way, cannot be used"]
                gold = parse_gold(line, location)
                links += len(gold.possible)
                check_link_bounds(gold, (len(pair.source.split()), len(pair.target.split())), location, hint)
            except DataError as error:
                problems.append(error)
        if pair is not None:
            yield pair
    if lines != count:
        raise make_line_count_error(path, lines, count)
    if count and not links and not problems:
        raise DataError(f"{path} has no links in its {lines:,} lines\n  Attention could learn nothing from it")
    if len(problems) == 1:
        raise problems[0]
    if problems:
        more = f"\n  and {len(problems) - SHOWN_PROBLEMS:,} more lines" if len(problems) > SHOWN_PROBLEMS else ""
        raise DataError(f"{len(problems):,} lines of {path} cannot be used", *indent(problems[:SHOWN_PROBLEMS]), more)
