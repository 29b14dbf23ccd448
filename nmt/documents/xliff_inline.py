"""The content of segments of XLIFF: their text, inline tags, and what of them is not to be translated."""

import re
from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape

from nmt.documents.breaks import find_dividing_ends
from nmt.documents.document import Kind, Splice, Splices, Token
from nmt.documents.escaped import find_escaped_tags
from nmt.documents.labels import LINE_END, label_element
from nmt.documents.placeholders import LINES, keep_formulas, keep_matches, keep_spans
from nmt.documents.xml_events import XmlEvents
from nmt.text.languages import is_other_language
from nmt.text.xml_units import Code, is_line_break, name_code

PAIRED = frozenset(("g", "mrk", "pc"))
OPENING = {
    "bpt": ("rid", "id"),
    "bx": ("rid", "id"),
    "sc": ("id",),
    "sm": ("id",),
}  # by which attribute they are paired
CLOSING = {"ept": ("rid", "id"), "ex": ("rid", "id"), "ec": ("startRef",), "em": ("startRef",)}
PAIRED_BY_NAME = re.compile(r"(START|CLOSE)_(\w+?)(?:_\d+)?")  # the id of a tag in files of Angular
KEPT = "kept"  # the name of an unpaired tag that is marked as not to be translated
CDATA, CDATA_END = "<![CDATA[", "]]>"
MARKUP = re.compile(r"[&<>]|\]\Z")  # in a CDATA section; its last "]" may stand before "]>" without the section
IS_READ = {"yes": True, "no": False}
IS_READ_BY_TYPE = {"protected": False, "x-its-translate-no": False, "x-its-translate-yes": True}


def read_translate(attributes: Mapping[str, str]) -> bool | None:
    """Whether an element is marked as to be translated; None where it is as what it is in."""
    value = attributes.get("translate", attributes.get("its:translate", ""))
    return IS_READ.get(value, IS_READ_BY_TYPE.get(attributes.get("mtype", "")))


class InlineReader:
    """Reads the text and inline tags of elements. `foreign` collects the language of each part in another one."""

    def __init__(self, events: XmlEvents, language: str) -> None:
        """`language` is that of the source."""
        self.events = events
        self.language = language
        self.foreign: list[str] = []
        self.data = {  # what codes stand for in XLIFF 2, by the event of their unit and the id
            (events.parents[events.parents[number]], events.read_attributes(number).get("id", "")): self.read(number)
            for number in events.find_starts("data")
        }

    def read(self, number: int) -> str:
        """The text of an element."""
        inside = range(number, self.events.partners[number])
        return "".join(self.events.read_text(one) for one in inside if self.events.kinds[one] == "text")

    def is_break(self, number: int, content: str) -> bool:
        """Whether an inline element, which has some content, is a line break."""
        attributes, unit = self.events.read_attributes(number), number
        if not content and self.data and "dataRef" in attributes:
            while self.events.parents[unit] >= 0 and self.events.names[unit] != "unit":
                unit = self.events.parents[unit]
            content = self.data.get((unit, attributes["dataRef"]), "")
        return is_line_break(attributes, content)

    def note_foreign(self, number: int) -> bool:
        """Whether an element is marked as of another language than the source, which is noted."""
        code = self.events.read_attributes(number).get("xml:lang", "")
        is_other = is_other_language(code, self.language)
        if is_other:
            self.foreign.append(code)
        return is_other

    def is_untranslated(self, number: int, is_read: bool) -> bool:
        """Whether an inline element has nothing to be translated in it; `is_read` is whether what it is in has."""
        own = read_translate(self.events.read_attributes(number))
        if is_read if own is None else own:
            return False
        inside = range(number + 1, self.events.partners[number])
        return not any(read_translate(self.events.read_attributes(one)) for one in inside)

    def make_tokens(self, inside: range, is_read: bool = True) -> list[Token]:
        """The text and inline tags of a source. `is_read` is whether it is to be translated where no mark tells.

        What is not is an unpaired tag. So is an inline element that has nothing else, and a line end that is content.
        Tags that are written in text are tags, too.
        """
        events, text = self.events, self.events.source
        tokens: list[Token] = []
        closing: dict[int, Token] = {}
        regions: dict[str, bool] = {"": is_read}  # whether text is translated, in each mark that is open
        number = inside.start
        while number < inside.stop:
            event = events[number]
            is_read = next(reversed(regions.values()))
            if event.kind == "text":
                is_written = text[event.begin : event.end] == "\r\n"
                token = Token("text", event.begin, event.end, "\r\n" if is_written else event.text)
                if event.text == "\n" and text[event.begin] == "&":
                    token = Token("single", event.begin, event.end, LINE_END, is_break=True)
                tokens.append(token if is_read else token._replace(kind="single", name=KEPT))
            elif event.kind == "start":
                partner = events.partners[number]
                end = events.find_end(partner)
                label = f"<{event.name}>"
                whole = Token("single", event.begin, end, label_element(event.name, text[event.begin : end]))
                code = name_code(event.name, event.attributes)
                own = read_translate(event.attributes)
                if event.name in PAIRED and partner > number + 1:
                    is_kept = self.is_untranslated(number, is_read)
                    if is_kept or self.note_foreign(number):
                        tokens.append(whole._replace(name=KEPT) if is_kept else whole)
                        number = partner
                    else:
                        tokens.append(Token("open", event.begin, event.end, label, f"{number}", original=code))
                        last = Token("close", events.begins[partner], end, label, f"{number}", original=f"</{code[1:]}")
                        closing[partner] = last
                        regions[f"{number}"] = is_read if own is None else own
                else:
                    keys = OPENING.get(event.name) or CLOSING.get(event.name) or ()
                    key = next((event.attributes[one] for one in keys if one in event.attributes), None)
                    kind: Kind = "single" if key is None else "open" if event.name in OPENING else "close"
                    if event.name == "x" and (named := PAIRED_BY_NAME.fullmatch(event.attributes.get("id", ""))):
                        kind, key = "open" if named[1] == "START" else "close", named[2]
                    content = self.read(number)
                    whole = whole._replace(original=Code(content, code).original)
                    if self.is_break(number, content):
                        whole = whole._replace(text="<br>", is_break=True)
                    tokens.append(whole if key is None else whole._replace(kind=kind, text=label, name=f"id {key}"))
                    if kind == "open" and own is not None:
                        regions[f"id {key}"] = own
                    elif kind == "close":
                        regions.pop(f"id {key}", None)
                    number = partner
            elif event.kind == "end":
                tokens.append(closing[number])
                regions.pop(closing[number].name)
            elif not text.startswith((CDATA, CDATA_END), event.begin):
                tokens.append(
                    Token("single", event.begin, event.end, text[event.begin : min(event.end, event.begin + 20)])
                )
            number += 1
        tokens = keep_formulas(find_escaped_tags(tokens, text), text)
        if not self.is_one_line(inside.start - 1):
            return join_kept(keep_matches(tokens, text, LINES), text)
        ends = find_dividing_ends(text, tokens[0].begin, tokens[-1].end, beside_tags=True) if tokens else []
        return join_kept(keep_matches(keep_spans(tokens, text, ends), text), text)

    def write_sections(self, inside: range) -> Splices:
        """What makes the CDATA sections of a source text with references, so that parts of them may stand anywhere."""
        return Splices(splice for number in inside for splice in self.write_section(number))

    def write_section(self, number: int) -> Iterator[Splice]:
        """The same for the section that begins with an event; nothing for another event."""
        events, text = self.events, self.events.source
        if events.kinds[number] != "other" or not text.startswith(CDATA, events.begins[number]):
            return
        begin = events.find_end(number)
        end = text.index(CDATA_END, begin)
        yield Splice(events.begins[number], begin, "")
        for match in MARKUP.finditer(text[begin:end]):
            written = "&#93;" if match[0] == "]" else escape(match[0])
            yield Splice(begin + match.start(), begin + match.end(), written)
        yield Splice(end, end + len(CDATA_END), "")

    def is_one_line(self, number: int) -> bool:
        """Whether line ends in an element are blanks: xml:space="preserve", of it or what it is in, says no."""
        space = ""
        while number >= 0 and not space:
            space = self.events.read_attributes(number).get("xml:space", "")
            number = self.events.parents[number]
        return space != "preserve"


def join_kept(tokens: Iterable[Token], text: str) -> list[Token]:
    """The tokens with one in place of several that stay as they are, one after the other or in a pair of tags."""
    joined: list[Token] = []
    for token in tokens:
        joined.append(token)
        opened, kept = joined[-3:-1] if len(joined) > 2 else (token, token)
        if token.kind == "close" and kept.name == KEPT and (opened.kind, opened.name) == ("open", token.name):
            label = label_element(opened.text.strip("<>"), text[opened.begin : token.end])
            joined[-3:] = [Token("single", opened.begin, token.end, label, KEPT)]
        if [one.name for one in joined[-2:]] == [KEPT] * 2:
            first, last = joined[-2:]
            joined[-2:] = [first._replace(end=last.end, text=first.text + last.text)]
    return joined
