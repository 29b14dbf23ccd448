"""Lines of text with inline tags in the manner of XML and HTML, such as `press <b>Save</b>`.

In lines of both sides `&amp;` and the like are read as the characters that they stand for. A target comes out
character by character as it is, with tags.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from nmt.documents.alignment import Alignment
from nmt.documents.html import read_fragment
from nmt.documents.inline_units import pair_tokens
from nmt.documents.projection import Placement, project_tags
from nmt.documents.segment import Mark, Segment


class TaggedLine(NamedTuple):
    """A line with tags: its segment, and how each mark and each character of the text is written.

    An entity that stands for several characters is that of the first one. A line break between words is a blank in the
    text, which is not written.
    """

    segment: Segment
    tags: dict[Mark, str]
    characters: tuple[str, ...]

    def label(self, tag: int) -> str:
        """A tag as it is written where it opens."""
        return next(text for mark, text in self.tags.items() if mark.tag == tag and mark.side != "close")

    def write(self, tags: dict[Mark, str], segment: Segment) -> str:
        """This line with other tags, which are those of `segment`, whose text is that of this line."""
        places = list(accumulate(map(len, self.characters), initial=0))
        text = "".join(self.characters)
        parts = []
        done = 0
        for place, mark in segment.marks:
            parts += [text[done : places[place]], tags[mark]]
            done = places[place]
        return "".join([*parts, text[done:]])

    def take_out_tags(self) -> "TaggedLine":
        """This line without tags, and with a blank in place of a line break between words."""
        pairs = zip(self.segment.text, self.characters, strict=True)
        return TaggedLine(Segment(self.segment.text), {}, tuple(" " if one == " " else own for one, own in pairs))


def read_tagged_line(line: str) -> TaggedLine:
    """Read the tags of a line."""
    tokens = read_fragment(line)
    marks = pair_tokens(tokens)
    parts: list[str | Mark] = []
    characters: list[str] = []
    for number, token in enumerate(tokens):
        if token.kind != "text":
            beside = line[token.begin - 1 : token.begin], line[token.end : token.end + 1]
            if token.is_break and all(map(str.strip, beside)):
                parts.append(" ")
                characters.append("")
            parts.append(marks[number].mark)
            continue
        parts.append(token.text)
        written = line[token.begin : token.end]
        is_entity = written != token.text
        characters += [written, *[""] * (len(token.text) - 1)] if is_entity else written
    tags = {found.mark: line[tokens[number].begin : tokens[number].end] for number, found in marks.items()}
    return TaggedLine(Segment.join(parts), tags, tuple(characters))


class ProjectedLine(NamedTuple):
    """A translation with the tags of its source, and the label and placement of each tag."""

    line: str
    placements: list[tuple[str, Placement]]


def project_line(source: TaggedLine, target: TaggedLine, alignment: Alignment) -> ProjectedLine:
    """Put the tags of a line into its translation; see nmt.documents.projection.project_tags.

    Tags that the translation has are taken out before, unless they are those of the source: then the translation stays
    as it is.
    """
    if has_same_tags(source, target):
        return ProjectedLine(target.write(target.tags, target.segment), [])
    projection = project_tags(source.segment, target.segment.text, alignment)
    labelled = [(source.label(placement.tag), placement) for placement in projection.placements]
    return ProjectedLine(target.take_out_tags().write(source.tags, projection.segment), labelled)


def has_same_tags(source: TaggedLine, target: TaggedLine) -> bool:
    """Whether a translation has the tags of its source, in any order."""
    return Counter(source.tags.values()) == Counter(target.tags.values())


def describe_tagged_targets(name: str, sources: Sequence[TaggedLine], targets: Sequence[TaggedLine]) -> list[str]:
    """Notes on the translations, in a file called `name`, that have tags before those of their sources are put in."""
    kept: list[int] = []
    replaced: list[int] = []
    removed: list[int] = []
    for number, (source, target) in enumerate(zip(sources, targets, strict=True), 1):
        if target.tags:
            (kept if has_same_tags(source, target) else replaced if source.tags else removed).append(number)
    notes = []
    for lines, one, several in (
        (kept, "it has the tags of its source, and stays as it is", "have the tags of their sources, and stay"),
        (replaced, "its tags are replaced by those of its source", "have tags, which those of their sources replace"),
        (
            removed,
            "its tags are taken out, because its source has none",
            "have tags, which are taken out, because their sources have none",
        ),
    ):
        if len(lines) == 1:
            notes.append(f"{name}, line {lines[0]:,}: {one}")
        elif lines:
            notes.append(f"{name}: {len(lines):,} lines {several}; the first is line {lines[0]:,}")
    return notes
