"""Word links as text: the Pharaoh format, where `1-2` links source word 1 and target word 2 of a pair.

Words are separated by spaces and tabs, and counted from 0. nmt.analysis.alignment derives links from attention and
scores them.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from nmt.errors import DataError, Option, indent
from nmt.progress import format_count
from nmt.text.corpus import Pair, read_lines
from nmt.text.units import BOTH_WORDS, UnitPair, are_words, describe_units, find_units
from nmt.text.words import find_inner_blank

Link = tuple[int, int]
PHARAOH = re.compile(r"([0-9]{1,9})([-sp?])([0-9]{1,9})(?::-?[0-9.]+(?:[eE][-+]?[0-9]+)?)?")
SHOWN_PROBLEMS = 5  # lines of one file whose problems a message describes in full


class GoldLinks(NamedTuple):
    """The reference links of a pair: the sure ones, and all possible ones, which include the sure ones."""

    sure: frozenset[Link]
    possible: frozenset[Link]


class Reading(NamedTuple):
    """Another reading of links: with `shift` added to both numbers, and with `is_turned` as target-source."""

    shift: int
    is_turned: bool

    def apply(self, links: Iterable[Link]) -> list[Link]:
        """The links in this reading."""
        order = -1 if self.is_turned else 1
        return [(source + self.shift, target + self.shift) for source, target in (link[::order] for link in links)]

    def fits(self, links: Iterable[Link], words: tuple[int, int]) -> bool:
        """Whether all links in this reading are between words that exist."""
        return all(0 <= source < words[0] and 0 <= target < words[1] for source, target in self.apply(links))


READINGS = {
    "counted from 1": Reading(-1, False),
    "target-source": Reading(0, True),
    "target-source and counted from 1": Reading(-1, True),
}


def parse_gold(line: str, location: str = "this line", base: int = 0) -> GoldLinks:
    """Read `1-2` or `1s2` as a sure link, `1p2` or `1?2` as a possible one; the first word has the number `base`.

    A weight after a link, `1-2:0.9` or `1-2:9.1e-05`, is ignored.

    Raises:
        DataError: text of another form, with `location` in the message.
    """
    sure, possible = set(), set()
    for word in line.split():
        match = PHARAOH.fullmatch(word)
        if match is None:
            raise DataError(
                f'{location}: "{word[:60]}" is not a link\n'
                "  Write 1-2 for a sure link of source word 1 and target word 2, 1p2 for a possible one; "
                f"the first word is {base}"
            )
        link = (int(match[1]) - base, int(match[3]) - base)
        possible.add(link)
        if match[2] in "-s":
            sure.add(link)
    return GoldLinks(frozenset(sure), frozenset(possible))


def check_link_bounds(
    gold: GoldLinks,
    words: tuple[int, int] | None,
    location: str,
    hint: Sequence[str | Option],
    base: int = 0,
    units: UnitPair = BOTH_WORDS,
) -> None:
    """Raise DataError for a link of a word that does not exist. `words` has the numbers of source and target words.

    Words may be other `units`. The message ends with `hint`.
    """
    source, target = (own.name for own in units)
    for link in sorted(gold.possible):
        if min(link) < 0 or (words and (link[0] >= words[0] or link[1] >= words[1])):
            reason = f"the first word is {base}"
            if words:
                reason = f"the pair has {words[0]}{'' if source == target else f' {source}'} and {words[1]} {target}"
            rule = "Words are separated by spaces and tabs, and" if are_words(units) else "They are"
            raise DataError(
                f"{location}: link {link[0] + base}-{link[1] + base} is out of range: {reason}\n"
                f"  {rule} counted from {base}; ",
                *hint,
            )


def make_line_count_error(path: Path | str, lines: int, pairs: int) -> DataError:
    """The error for a file of links that does not have one line for each pair."""
    return DataError(
        f"{path} has {format_count(lines, 'line')} for {format_count(pairs, 'pair')}\n"
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


def describe_inner_blank(pair: Sequence[str], location: str) -> str:
    """A warning if a pair has a blank inside a word, where tools may count other words; otherwise an empty string.

    fast_align, GIZA++ and Moses count words as `split_words`. Many tools in Python split at every blank.
    """
    blank = find_inner_blank_of_pair(pair)
    if blank is None:
        return ""
    return (
        f"{location} is the first with a blank inside a word, {describe_character(blank)}\n"
        "  Only spaces and tabs separate the words of links. For links of a tool that splits at every blank, write "
        "spaces in the text"
    )


def find_inner_blank_of_pair(pair: Sequence[str]) -> str | None:
    """The first blank inside a word of a pair, or None."""
    return next(filter(None, map(find_inner_blank, pair)), None)


def find_reason(pair: Pair, gold: GoldLinks, units: UnitPair) -> list[str | Option]:
    """Why links may be out of the range of a pair's words, as parts of a message."""
    blank = find_inner_blank_of_pair(pair) if are_words(units) else None
    words = len(pair.source.split()), len(pair.target.split())
    if blank is not None and all(source < words[0] and target < words[1] for source, target in gold.possible):
        return [f"the links fit if {describe_character(blank)} separates words too: write spaces in its place"]
    reason = "links of an aligner that counts from 1, or splits text in another way, cannot be used"
    return [reason, "\n  ", Option("units"), " tells what links are between, if it is something else"]


def describe_character(character: str) -> str:
    """`U+00A0 (NO-BREAK SPACE)`"""
    code = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "")
    return f"{code} ({name})" if name else code


def check_links_of_pairs(
    pairs: Iterable[Pair], path: Path, units: UnitPair, note: Callable[[str], None]
) -> Iterator[Pair]:
    """Yield the pairs, and check each line of a file of links against its pair. `note` receives a warning.

    `units` are what is linked of source and target; `note` receives them too, where they are no words.

    Raises DataError after the last pair. It counts the lines with problems and describes the first five, and names a
    reading in which all links fit: counted from 1, or turned.
    """
    fitting = list(READINGS)
    problems: list[DataError] = []
    warning = ""
    count = lines = links = 0
    for pair, line in zip_longest(pairs, read_lines(path)):
        count, lines = count + (pair is not None), lines + (line is not None)
        if pair is not None and line is not None:
            location = f"{path}, line {lines:,}"
            counts = len(find_units(pair.source, units[0])), len(find_units(pair.target, units[1]))
            sides_of_words = [side for side, own in zip(pair, units, strict=True) if own.name == "words"]
            warning = warning or describe_inner_blank(sides_of_words, location)
            try:
                gold = parse_gold(line, location)
                links += len(gold.possible)
                fitting = [name for name in fitting if READINGS[name].fits(gold.possible, counts)]
                check_link_bounds(gold, counts, location, find_reason(pair, gold, units), units=units)
            except DataError as error:
                problems.append(error)
        if pair is not None:
            yield pair
    if lines != count:
        raise make_line_count_error(path, lines, count)
    if count and not links and not problems:
        raise DataError(
            f"{path} has no links in its {format_count(lines, 'line')}\n  Attention could learn nothing from it"
        )
    hint = (
        f"\n  Read as {fitting[0]}, all its links fit: write them as source-target, counted from 0" if fitting else ""
    )
    if len(problems) == 1:
        raise DataError(*problems[0].args, hint if links else "")
    if problems:
        more = (
            f"\n  and {format_count(len(problems) - SHOWN_PROBLEMS, 'more line')}"
            if len(problems) > SHOWN_PROBLEMS
            else ""
        )
        more += hint if links else ""
        raise DataError(f"{len(problems):,} lines of {path} cannot be used", *indent(problems[:SHOWN_PROBLEMS]), more)
    if warning:
        note(warning)
    if what := describe_units(units):
        note(f"{path}: {what}")
