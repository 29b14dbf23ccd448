"""How the tags of a segment are written in its text, where a person edits it, and how they are read again.

A pair is `<b>` and `</b>`, an unpaired tag is `<br>`, and a placeholder is itself: `%s`. Of several tags of one name
each has a number, as `<a:1>` and `<a:2>`.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nmt.documents.document import BLANKS, Unit
from nmt.documents.labels import LINE_END, PLAIN_NAME, is_break, shorten_label
from nmt.documents.segment import Mark, Segment
from nmt.documents.tree import find_crossing
from nmt.errors import DataError
from nmt.text.xml_units import Code

ELEMENT = re.compile(r"<([^\s<>/!?][^\s<>/]*)")
TAG_LIKE = re.compile(r"</?[a-zA-Z][^<>]*>")
IN_ORDER = frozenset((LINE_END, "next cue"))  # are the same wherever they stand, and have no numbers


class TagName(NamedTuple):
    """A tag in text: what opens a pair and what closes it, or an unpaired tag and nothing."""

    begin: str
    end: str = ""


def name_tags(unit: Unit) -> list[TagName]:
    """The name of each tag of a unit. Placeholders of the same name, and line ends, are counted by their order."""
    pairs = {tag for _, (tag, side) in unit.segment.marks if side == "open"}
    names = [build_name(label, tag in pairs) for tag, label in enumerate(unit.labels)]
    counts = Counter(name.begin for name in names)
    seen: Counter[str] = Counter()
    for tag, (begin, end) in enumerate(names):
        is_same = unit.labels[tag] in IN_ORDER or not ELEMENT.match(begin)
        if begin in unit.segment.text or (counts[begin] > 1 and not is_same):
            seen[begin] += 1
            names[tag] = TagName(add_number(begin, seen[begin]), end and add_number(end, seen[begin]))
    return names


def build_name(label: str, is_pair: bool) -> TagName:
    """The name of a tag that is the only one with its label, which may have line ends."""
    label = shorten_label(" ".join(label.split()))
    begin = label if label.startswith("<") or not (is_pair or PLAIN_NAME.fullmatch(label)) else f"<{label}>"
    element = ELEMENT.match(begin)
    return TagName(begin, f"</{element[1] if element else begin[1:-1]}>" if is_pair else "")


def add_number(name: str, number: int) -> str:
    """`<a:2>` for the second `<a>`."""
    element = re.match(r"</?[^\s<>]+", name)
    place = element.end() if element else len(name)
    return f"{name[:place]}:{number}{name[place:]}"


def write_tags(segment: Segment, names: Sequence[TagName]) -> str:
    """The text of a segment with the names of its tags."""
    parts = (
        part if isinstance(part, str) else names[part.tag].end if part.side == "close" else names[part.tag].begin
        for part in segment.split()
    )
    return "".join(parts)


def split_names(text: str, names: Sequence[TagName]) -> Iterator[str | Code]:
    """A text, and the names in it."""
    known = sorted({one for name in names for one in name if one}, key=len, reverse=True)
    for number, part in enumerate(re.split(f"({'|'.join(map(re.escape, known))})", text) if known else [text]):
        if part:
            yield Code(part) if number % 2 else part


def read_tags(parts: Sequence[str | Code], unit: Unit) -> Segment:
    """The segment of a translation that is written with the names of a unit's tags.

    Raises DataError, which tells what is wrong, unless it has each tag of the unit once, and pairs are well-formed.
    """
    wanted: dict[str, deque[Mark]] = {}
    for tag, (begin, end) in enumerate(name_tags(unit)):
        wanted.setdefault(begin, deque()).append(Mark(tag, "open" if end else "single"))
        if end:
            wanted.setdefault(end, deque()).append(Mark(tag, "close"))
    found: list[str | Mark] = []
    for part in parts:
        if isinstance(part, str):
            found.append(part)
        elif part.text not in wanted:
            raise DataError(f"it has {part.text}, which is no tag of the segment")
        elif not wanted[part.text]:
            raise DataError(f"it has {part.text} more often than the segment")
        else:
            found.append(wanted[part.text].popleft())
    missing = [name for name, marks in wanted.items() if marks]
    if missing:
        raise DataError(f"it lacks {', '.join(missing)}")
    try:
        segment = Segment.join(found)
    except DataError as error:
        raise DataError("one of its tags ends before it begins") from error
    if find_crossing(segment.marks) - find_crossing(unit.segment.marks):
        raise DataError("its tags cross each other")
    return segment


def drop_tags(parts: Sequence[str | Code]) -> str:
    """The text without names of tags; in place of a tag that separates words there is a blank."""
    kept = (part if isinstance(part, str) else " " if is_break(part.text) else "" for part in parts)
    return BLANKS.sub(" ", "".join(kept)).strip()


def find_invented_tag(source: str, translation: str) -> str | None:
    """What looks like a tag in a translation, if nothing in its source does."""
    found = TAG_LIKE.search(translation)
    return found[0] if found and not TAG_LIKE.search(source) else None
