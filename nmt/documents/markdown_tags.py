"""Tags of HTML in the text of Markdown: what they are, and which elements stay as they are. Both are as in pages."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from nmt.documents.breaks import COMMENT
from nmt.documents.document import Kind, Token
from nmt.documents.html import ENDS_OF_READING
from nmt.documents.html_attributes import is_untranslated, read_language, read_translate
from nmt.documents.html_events import Event, Scanner
from nmt.documents.html_names import EMBEDDED, READINGS, UNTRANSLATED, VOID
from nmt.documents.inline_units import join_kept
from nmt.text.languages import is_other_language
from nmt.text.units import Span

WITHOUT_TEXT = EMBEDDED | READINGS | UNTRANSLATED  # elements whose labels have none
T = TypeVar("T")
DIVISIONS = {"div", "section", "article", "main", "aside", "header", "footer", "nav"}
EMPTY = {f"<{name}>" for name in WITHOUT_TEXT}


def read_tag(text: str, begin: int, end: int, language: str) -> Token:
    """The token of a tag, a comment or the like. What is not translated, or in another language, stays as it is."""
    found: list[Event] = []
    Scanner(text[begin:end], lambda event, _: found.append(event))
    tag = found[0]
    if tag.kind not in ("start", "empty", "end"):
        return Token("single", begin, end, COMMENT)
    kind: Kind = "close" if tag.kind == "end" else "open"
    kind = "single" if tag.kind == "empty" or tag.name in VOID else kind
    is_left = kind == "open" and is_kept(tag, language)
    return Token(kind, begin, end, f"<{tag.name}>", tag.name, tag.name == "br", is_left)


def is_kept(tag: Event, language: str) -> bool:
    """Whether an element stays as it is: it is marked so, or as of another language."""
    code = read_language(tag)
    return is_untranslated(tag) or (bool(code and language) and is_other_language(code or "", language))


class KeptBlocks:
    """Divisions that stay as they are, and begin and end in different blocks of HTML: Markdown is between their tags.

    One that does not end in a block of HTML, or has a part that is marked as to be translated, counts as none.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.spans: list[Span] = []  # which do not overlap
        self.open: list[int] = []  # where the open one begins, and those of the same name in it
        self.name = ""

    def read(self, text: str, begin: int, end: int) -> None:
        """Read a block."""

        def follow(event: Event, stop: int) -> None:
            is_same = self.open and event.name == self.name
            if event.kind == "start" and self.open and read_translate(event):
                self.open = []
            elif event.kind == "start" and (
                is_same or (not self.open and event.name in DIVISIONS and is_kept(event, self.language))
            ):
                self.name = event.name
                self.open.append(begin + event.begin)
            elif event.kind == "end" and is_same:
                first = self.open.pop()
                self.spans += [] if self.open or first >= begin else [(first, begin + stop)]

        Scanner(text[begin:end], follow)


def leave_out(units: Iterable[T], spans: Sequence[Span], find_begin: Callable[[T], int]) -> list[T]:
    """The units that do not begin in one of some places, which are in order and do not overlap."""
    begins = [begin for begin, _ in spans]
    places = ((one, find_begin(one)) for one in units)
    return [one for one, place in places if not (n := bisect_right(begins, place)) or place >= spans[n - 1][1]]


def close_readings(run: Sequence[Token]) -> list[Token]:
    """The tokens of a run, with an end where a reading in <ruby> ends without its end tag."""
    closed: list[Token] = []
    reading = ""  # the one that is open
    for token in run:
        if reading and token.name in ENDS_OF_READING.get({"open": "start", "close": "end"}.get(token.kind, ""), ()):
            closed.append(Token("close", token.begin, token.begin, f"<{reading}>", reading))
            reading = ""
        if token.name in READINGS:
            reading = token.name if token.kind == "open" else ""
        closed.append(token)
    return closed


def keep_elements(run: Sequence[Token]) -> list[Token]:
    """The tokens of a run with an unpaired tag in place of each element that stays as it is."""
    begins = {token.begin: f"<{token.name}>" for token in run if token.is_kept}
    return [
        token._replace(text=begins[token.begin]) if begins.get(token.begin) in EMPTY else token
        for token in join_kept(close_readings(run))
    ]
