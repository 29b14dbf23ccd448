"""Markup and text of HTML with their places, one by one, from Python's own html.parser."""

import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

NO_ATTRIBUTES: Mapping[str, str | None] = MappingProxyType({})
SECTION = re.compile(r"<!--|<\?(?:php\b|=)|<%|<!\[(?:CDATA\[)?", re.IGNORECASE)
SECTION_ENDS = {"<!--": "-->", "<?": "?>", "<%": "%>", "<![CDATA[": "]]>", "<![": ">"}
BLANK = r"[ \t\n\r\f]"
TAG = re.compile(  # https://html.spec.whatwg.org/#tag-open-state; a quotation mark is one only after "="
    rf"</?[a-zA-Z][^ \t\n\r\f/>]*+(?:[ \t\n\r\f/]++|[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+"
    rf"(?:{BLANK}*+={BLANK}*+(?:\"[^\"]*+\"|'[^']*+'|[^ \t\n\r\f>\"'][^ \t\n\r\f>]*+|(?=>))|(?!{BLANK}*+=)))*+>"
)
TAG_BEGIN = re.compile("</?[a-zA-Z]")
UNENDED = re.compile(r"<[!?](?=[a-zA-Z\[])")
UNENDED_IN_PAGE = re.compile(rf"{UNENDED.pattern}|{TAG_BEGIN.pattern}")


class Event(NamedTuple):
    """What the parser found at a place."""

    kind: Literal["start", "empty", "end", "text", "other", "declaration"]
    begin: int
    name: str
    attributes: Mapping[str, str | None]


class Scanner(HTMLParser):
    """Calls `take` with each event of a page and the place of its end. Text that is not interrupted is one event.

    `hidden` is where a comment, a tag or the like begins that does not end; as in browsers, all that follows belongs to
    it. In a fragment, such as a message of a program, "<" and letters without any ">" after them are text.
    """

    def __init__(self, text: str, take: Callable[[Event, int], object], is_fragment: bool = False) -> None:
        super().__init__()
        self.take = take
        self.place = 0
        self.last: Event | None = None  # whose end is not known
        page, program = mask_programs(text)
        last = page.rfind(">", 0, program) + 1  # the parser takes time by the square of what has no markup after it
        self.feed(page[:last])
        rest = last - len(self.rawdata)
        hidden = program if self.cdata_elem else find_unended(page, rest, last, program, is_fragment)
        self.hidden = hidden if hidden < len(page) else None
        self.rawdata = page[rest : min(last, hidden)]
        self.close()
        self.finish(min(last, hidden), hidden)
        if self.hidden is not None:
            take(Event("other", self.hidden, "", NO_ATTRIBUTES), len(page))

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


def mask_programs(page: str) -> tuple[str, int]:
    """A page with an instruction that the parser knows in place of each program, as of PHP, and each marked section.

    -> the page, which has the same length, and where a program begins that does not end, or the end of the page
    """
    parts: list[str] = []
    missing: set[str] = set()  # ends that do not come any more
    done = place = 0
    while match := SECTION.search(page, place):
        name = "<?" if match[0].startswith("<?") else match[0].upper()
        place = match.end()
        end = -1 if name in missing else page.find(SECTION_ENDS[name], place)
        if end >= 0:
            place = end + len(SECTION_ENDS[name])
            if name != "<!--":
                parts += [page[done : match.start()], "<?", "x" * (place - match.start() - 3), ">"]
                done = place
        elif name == "<?":
            return "".join([*parts, page[done:]]), match.start()
        missing |= {name} if end < 0 else set()
    return "".join([*parts, page[done:]]), len(page)


def find_unended(page: str, begin: int, last: int, end: int, is_fragment: bool) -> int:
    """Where a comment, a declaration or a tag begins that does not end, before `end`; or else `end`.

    What is before `begin` is read, and after `last` there is no ">". The parser stops at a tag that does not end.
    """
    if TAG_BEGIN.match(page, begin, end) and not TAG.match(page, begin, end):
        return begin
    comment = page.find("<!--", max(begin, page.rfind("-->", begin, end) + 1), end)
    found = (UNENDED if is_fragment else UNENDED_IN_PAGE).search(page, max(begin, last), end)
    return min(comment if comment >= 0 else end, found.start() if found else end)
