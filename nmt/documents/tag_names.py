"""How the tags of a segment are written in its text, where a person edits it, and how they are read again.

A pair is `<b>` and `</b>`, an unpaired tag is `<br>`, and a placeholder is itself: `%s`. Of several tags of one name
each has a number, as `<a:1>` and `<a:2>`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from nmt.documents.document import Unit
from nmt.documents.labels import LINE_END, PLAIN_NAME, is_break, read_label, shorten_label
from nmt.documents.placeholders import PLACEHOLDER
from nmt.documents.segment import Mark, PlacedMark, Segment
from nmt.documents.tree import find_crossing
from nmt.errors import DataError
from nmt.text.xml_units import LINE_BREAK, Code

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


def write_markup(unit: Unit) -> str:
    """The text of a unit with its tags as other files have them; line ends are blanks."""
    parts = unit.segment.split()
    found = read_markup(unit)
    return "".join(part if isinstance(part, str) else found.get(part, unit.labels[part.tag]) for part in parts)


def read_markup(unit: Unit) -> dict[Mark, str]:
    """Each mark as other files have it, in one line."""
    return {
        mark: " " if unit.labels[mark.tag : mark.tag + 1] == (LINE_END,) else re.sub(r"\s+", " ", markup)
        for mark, markup in zip_markup(unit)
    }


def zip_markup(unit: Unit) -> Iterator[tuple[Mark, str]]:
    """Each mark of a unit and its edges, with its markup."""
    marks = (mark for _, mark in unit.widen().segment.marks)
    return zip(marks, unit.markup, strict=bool(unit.markup))


class TagReader:
    """Reads the tags of a unit in its translation: as inline codes, by what they stand for, or as text.

    In a text tags are called by their names, as in the document, or by the words that readers see in place of one.
    `codes` are those of the unit's source where the translation comes from, in order.
    """

    def __init__(self, unit: Unit, codes: Iterable[Code] = ()) -> None:
        self.unit = unit
        self.marks = [mark for _, mark in unit.segment.marks]
        self.by_name: dict[str, list[Mark]] = {}
        names, markup = name_tags(unit), read_markup(unit)
        for mark in self.marks:
            begin, end = names[mark.tag]
            own = markup.get(mark, "")
            written = (own, own.strip()) if own.strip() and own.strip() not in unit.segment.text else ()
            word = read_label(unit.labels[mark.tag]) if mark.side == "single" else ""
            aliases = [end if mark.side == "close" else begin, *written, word]
            for alias in dict.fromkeys(aliases):
                if alias:
                    self.by_name.setdefault(alias, []).append(mark)
        keys: dict[str, list[str]] = {}  # of the source's codes, by what they stand for
        for code in codes:
            keys.setdefault(code.original, []).append(code.key)
        self.by_key: dict[str, Mark] = {}
        for original, own_keys in keys.items():
            own_marks = [mark for mark in self.marks if markup.get(mark) == original]
            if len(own_marks) == len(own_keys):
                self.by_key |= zip(own_keys, own_marks, strict=True)
        known = sorted(self.by_name, key=len, reverse=True)
        self.pattern = re.compile(f"({'|'.join(map(re.escape, known))})") if known else None
        text, raw = unit.segment.text, dict(zip_markup(unit))
        ends = len(text) - len(text.lstrip()), len(text.rstrip())
        self.line_ends = {  # those inside the text, with what they are in the document
            mark: raw.get(mark, "")
            for place, mark in unit.segment.marks
            if unit.labels[mark.tag] == LINE_END and ends[0] < place < ends[1]
        }
        self.used: list[Mark] = []
        self.problem = ""  # what is wrong with the tags that it has

    def read(self, parts: Iterable[str | Code]) -> list[str | Mark]:
        """The text of a translation and the unit's tags in it. A placeholder beyond those of the unit is text.

        Line breaks are line ends of the unit, in its order. Others than it has are text.
        """
        parts = list(parts)
        breaks = [part.text for part in parts if isinstance(part, Code) and part.key == LINE_BREAK]
        own_breaks = list(self.line_ends.values())
        are_text = breaks != own_breaks and "\n" in "".join(own_breaks)
        free = iter(() if are_text else self.line_ends)
        found: list[str | Mark] = []
        for part in parts:
            if isinstance(part, Code) and part.key == LINE_BREAK:
                taken = next(free, None)
                self.used += [taken] if taken else []
                found.append(taken or (part.text if are_text else " "))
                continue
            pieces = [part] if isinstance(part, Code) else self.pattern.split(part) if self.pattern else [part]
            for number, piece in enumerate(pieces):
                if isinstance(piece, str) and number % 2 == 0:
                    found.append(piece)
                    continue
                name = piece if isinstance(piece, str) else piece.original
                if (mark := self.take(name, piece.key if isinstance(piece, Code) else "")) is not None:
                    found.append(mark)
                elif isinstance(piece, str) and not piece.startswith("<"):
                    found.append(piece)
                elif isinstance(piece, str) or piece.text:
                    is_known = name in self.by_name
                    wrong = "more often than the segment" if is_known else "which is no tag of the segment"
                    self.problem = self.problem or f"it has {name}{' ' if is_known else ', '}{wrong}"
                    found += [" "] if is_break(name) else []
        return found

    def take(self, name: str, key: str) -> Mark | None:
        """A mark that is called so, and was not taken before. A pair that was opened last is closed first."""
        free = [mark for mark in self.by_name.get(name, ()) if mark not in self.used]
        pinned = self.by_key.get(key)
        if pinned is not None and pinned not in self.used:
            free = [pinned]
        opened = [mark.tag for mark in self.used if mark.side == "open"]
        closing = [mark for mark in free if mark.side == "close" and mark.tag in opened]
        if free:
            self.used.append(max(closing, key=lambda mark: opened.index(mark.tag)) if closing else free[0])
        return self.used[-1] if free else None

    def join(self, found: Iterable[str | Mark], omitted: Collection[Mark] = ()) -> Segment:
        """The segment of a translation and its tags.

        Raises DataError, which tells what is wrong, unless it has each tag of the unit once, but for those that are
        omitted, and pairs are well-formed.
        """
        if self.problem:
            raise DataError(self.problem)
        parts = list(found)
        names = name_tags(self.unit)
        missing = [mark for mark in self.marks if mark not in parts and mark not in omitted]
        if missing:
            written = (names[mark.tag].end if mark.side == "close" else names[mark.tag].begin for mark in missing)
            raise DataError(f"it lacks {', '.join(dict.fromkeys(written))}")
        try:
            segment = Segment.join(parts)
        except DataError as error:
            raise DataError("one of its tags ends before it begins") from error
        if find_crossing(segment.marks) - find_crossing(self.unit.segment.marks):
            raise DataError("its tags cross each other")
        return segment


def read_tags(text: str, unit: Unit) -> Segment:
    """The segment of a translation that is written with the names of a unit's tags. Raises DataError as TagReader.join
    does."""
    reader = TagReader(unit)
    return reader.join(reader.read([text]))


def is_placeholder(label: str) -> bool:
    """Whether a tag is text to other files, and to readers: `%s`, a URL."""
    return label != "" and read_label(label) == label


def spell_out(parts: Iterable[str | Mark], labels: Sequence[str], tags: Collection[int]) -> Iterator[str | Mark]:
    """The parts of a segment with these of its tags, which are placeholders, as text."""
    return (labels[part.tag] if isinstance(part, Mark) and part.tag in tags else part for part in parts)


def restore_placeholders(segment: Segment, labels: Sequence[str], tags: Iterable[int]) -> Segment:
    """A segment with placeholders as tags, which were spelled out; of those that it has more often, the first ones.

    Other tags inside a placeholder are put beside it, or around it.
    """
    marks = list(segment.marks)
    for begin, end in (match.span() for match in PLACEHOLDER.finditer(segment.text)):
        inside = [number for number, (place, _) in enumerate(marks) if begin < place < end]
        place = begin
        for number in inside:
            place = end if marks[number].mark.side == "close" else place
            marks[number] = PlacedMark(place, marks[number].mark)
    parts = list(Segment(segment.text, tuple(marks)).split())
    for tag in tags:
        for number, part in enumerate(parts):
            if isinstance(part, str) and (place := part.find(labels[tag])) >= 0:
                after = part[place + len(labels[tag]) :]
                parts[number : number + 1] = [part[:place], Mark(tag, "single"), after]
                break
    return Segment.join(part for part in parts if part)


def find_invented_tag(source: str, translation: str) -> str | None:
    """What looks like a tag in a translation, if nothing in its source does."""
    found = TAG_LIKE.search(translation)
    return found[0] if found and not TAG_LIKE.search(source) else None
