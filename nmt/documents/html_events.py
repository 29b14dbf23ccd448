"""Markup and text of HTML with their places, one by one, from Python's own html.parser."""

from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

NO_ATTRIBUTES: Mapping[str, str | None] = MappingProxyType({})


class Event(NamedTuple):
    """What the parser found at a place."""

    kind: Literal["start", "empty", "end", "text", "other", "declaration"]
    begin: int
    name: str
    attributes: Mapping[str, str | None]


class Scanner(HTMLParser):
    """Calls `take` with each event of a page and the place of its end. Text that is not interrupted is one event."""

    def __init__(self, text: str, take: Callable[[Event, int], object]) -> None:
        super().__init__()
        self.take = take
        self.place = 0
        self.last: Event | None = None  # whose end is not known
        end = text.rfind(">") + 1  # the parser takes time by the square of what is after it, where there is no markup
        self.feed(text[:end])
        self.close()
        self.finish(end, len(text))

    def finish(self, place: int, end: int) -> None:
        """Take the last event, and the text that may be after it."""
        self.place = place
        if place < end:
            self.note_event("text")
        if self.last:
            self.take(self.last, end)

    def updatepos(self, i: int, j: int) -> int:
        """Count characters; the parser itself counts lines and columns."""
        self.place += max(j - i, 0)
        return j

    def note_event(self, kind: Any, name: str = "", attributes: Any = ()) -> None:
        """Take the event before one that the parser reports."""
        if self.last and self.last.kind == kind == "text":
            return
        if self.last:
            self.take(self.last, self.place)
        self.last = Event(kind, self.place, name, dict(attributes) if attributes else NO_ATTRIBUTES)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.note_event("start", tag, attrs)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.note_event("empty", tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.note_event("end", tag)

    def handle_data(self, data: str) -> None:
        self.note_event("text")

    def handle_comment(self, data: str) -> None:
        self.note_event("other")

    def handle_pi(self, data: str) -> None:
        self.note_event("other")

    def handle_decl(self, decl: str) -> None:
        self.note_event("declaration")

    def unknown_decl(self, data: str) -> None:
        self.note_event("other")
