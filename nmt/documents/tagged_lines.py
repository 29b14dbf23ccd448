"""Lines of text with inline tags in the manner of XML and HTML, such as `press <b>Save</b>`."""

from typing import NamedTuple

from nmt.documents.alignment import Alignment
from nmt.documents.document import pair_tokens
from nmt.documents.html import escape, read_fragment
from nmt.documents.projection import Placement, project_tags
from nmt.documents.segment import Mark, Segment


class TaggedLine(NamedTuple):
    """A line with tags: its segment, how each mark is written, and whether its text has escapes, such as &amp;."""

    line: str
    segment: Segment
    written: dict[Mark, str]

    def label(self, tag: int) -> str:
        """A tag as it is written where it opens."""
        return next(text for mark, text in self.written.items() if mark.tag == tag and mark.side != "close")

    def write(self, segment: Segment) -> str:
        """A segment with the tags of this line, as a line. Where this line has tags, text is escaped."""
        if not self.written:
            return segment.text
        parts = (escape(part, self.line) if isinstance(part, str) else self.written[part] for part in segment.split())
        return "".join(parts)


def read_tagged_line(line: str) -> TaggedLine:
    """Read the tags of a line. A line without tags is text, whatever is in it."""
    tokens = read_fragment(line)
    if all(token.kind == "text" for token in tokens):
        return TaggedLine(line, Segment(line), {})
    marks = pair_tokens(tokens)
    parts: list[str | Mark] = [
        token.text if token.kind == "text" else marks[number].mark for number, token in enumerate(tokens)
    ]
    written = {found.mark: line[tokens[number].begin : tokens[number].end] for number, found in marks.items()}
    return TaggedLine(line, Segment.join(parts), written)


class ProjectedLine(NamedTuple):
    """A translation with the tags of its source, and the label and placement of each tag."""

    line: str
    placements: list[tuple[str, Placement]]


def project_line(source: TaggedLine, target: str, alignment: Alignment) -> ProjectedLine:
    """Put the tags of a line into its translation; see nmt.documents.projection.project_tags."""
    projection = project_tags(source.segment, target, alignment)
    labelled = [(source.label(placement.tag), placement) for placement in projection.placements]
    return ProjectedLine(source.write(projection.segment), labelled)
