"""Translation units of TMX and XLIFF, read one after the other, so that a file may be larger than memory."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html.entities import html5
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from nmt.errors import DataError, describe_unreadable
from nmt.text.compression import READ_ERRORS, decompress

CODES = frozenset(
    ("bpt", "ept", "ph", "it", "ut", "x", "bx", "ex", "cp", "sc", "ec")
)  # inline elements whose content is no text
PAIRED = frozenset(("g", "pc", "mrk"))  # those whose content is text
IDS = ("rid", "i", "startRef", "x", "id", "mid")  # attributes that name a code, and both ends of a pair alike
MAX_DEPTH = 1000  # of elements in each other
CHUNK = 2**18  # bytes
BLANKS = re.compile(r"[ \t\r\n\x85\u2028\u2029]+")
UNREVIEWED_STATES = re.compile("new|initial|needs-.*")
MACHINE_MADE = frozenset(("mt-suggestion", "leveraged-mt", "nmt:mt-suggestion"))  # qualifiers of a state
LINE_BREAK = "line break"
BREAK_KINDS = frozenset(("lb", "pb", "x-br", "xlf:lb", "xlf:pb", "LINE_BREAK"))  # the last one is the id in Angular
BREAK_MARKUP = re.compile(r"(?:<br\s*/?>|<br\s[^<>]*>|\r?\n|\\n|\\r\\n)", re.IGNORECASE)
REVIEWED_STATES = frozenset(("final", "signed-off"))


class Code(NamedTuple):
    """An inline code: its content, such as `<b>`, which is markup and no text, and its element and id: `<ph 1>`.

    In a text of several lines, each line end is one, and so is a tab: their key is LINE_BREAK.
    """

    text: str
    key: str = ""

    @property
    def original(self) -> str:
        """What the code stands for: its content or, without one, its element. A line break stands for a blank."""
        return " ".join(self.text.split()) or ("" if self.key == LINE_BREAK else self.key)


def name_code(element: str, attributes: Mapping[str, str]) -> str:
    """The key of a code: `<x 1>` for `<x id="1"/>`. Both sides of a unit have the same ones."""
    number = next((attributes[one] for one in IDS if one in attributes), "")
    return f"<{element} {number}>" if number else f"<{element}>"


def is_line_break(attributes: Mapping[str, str], content: str) -> bool:
    """Whether a code stands for a line break, which separates words, by its kind or by the markup that it has."""
    kinds = {attributes.get(name) for name in ("ctype", "type", "subType", "id", "equiv")}
    markup = (content, attributes.get("equiv-text", ""), attributes.get("disp", ""))
    return not BREAK_KINDS.isdisjoint(kinds) or any(BREAK_MARKUP.fullmatch(one.strip(" ")) for one in markup)


class Side(NamedTuple):
    """The text of a unit in one language. With inline codes, `parts` are text and codes in order."""

    language: str
    text: str
    parts: tuple[str | Code, ...] = ()


class UnitReader:
    """Collects the sides of units while a parser reads a file. Inline codes are left out of texts, but not of parts.

    In a text, a line break is a blank.
    """

    root = ""
    form = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.add_text
        self.parser.EntityDeclHandler = self.refuse_entity
        self.parser.SkippedEntityHandler = self.add_entity
        self.opened: list[str] = []
        self.codes = 0  # how many elements of CODES are open
        self.attributes: Mapping[str, str] = {}  # of the outermost of them
        self.breaks: set[int] = set()  # the numbers of the parts that are line breaks
        self.data: dict[str, str] = {}  # what codes of XLIFF 2 stand for, by its id
        self.pairs: list[str] = []  # the keys of elements of PAIRED that are open
        self.text: list[str | Code] | None = None  # of the side that is open
        self.sides: list[Side] = []
        self.units: list[list[Side]] = []

    def read(self, path: Path) -> Iterator[list[Side]]:
        """The sides of each unit of a file. Raises DataError for what cannot be read, or is of another format."""
        try:
            file = open(path, "rb")  # noqa: SIM115
        except OSError as error:
            raise DataError(describe_unreadable(path, error)) from error
        with file:
            try:
                stream = decompress(file, self.name)
                while chunk := stream.read(CHUNK):
                    self.parser.Parse(chunk, False)
                    yield from self.units
                    self.units.clear()
                self.parser.Parse(b"", True)
            except READ_ERRORS as error:
                raise DataError(
                    f"{self.name} cannot be read beyond line {self.parser.CurrentLineNumber:,}: {error}\n"
                    "  The file is incomplete or damaged: download or copy it again"
                ) from error
            except expat.ExpatError as error:
                raise DataError(
                    f"{self.name}, line {error.lineno:,}, column {error.offset + 1:,}: it is not XML: "
                    f"{expat.ErrorString(error.code)}\n"
                    "  Correct it first"
                ) from error
        yield from self.units

    def refuse_entity(self, entity: str, *_: object) -> None:
        raise DataError(
            f"{self.name}, line {self.parser.CurrentLineNumber:,}: it defines the entity {entity!r}, and a definition "
            "may be an attack that fills memory\n  Remove the definitions, and write what they stand for"
        )

    def add_entity(self, entity: str, is_parameter: bool) -> None:
        """Add an entity that a DTD in another file may define, which is not read: those of HTML are known.

        Raises DataError for another one in a text, which would be without it.
        """
        if is_parameter or self.text is None or self.codes:
            return
        if f"{entity};" not in html5:
            raise DataError(
                f"{self.name}, line {self.parser.CurrentLineNumber:,}: the entity &{entity}; is not known, and no "
                "other file is read for it\n  Write what it stands for"
            )
        self.add_text(html5[f"{entity};"])

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        name = name.rpartition(":")[2]
        if not self.opened and name != self.root:
            raise DataError(f"{self.name} is not {self.form}: its first element is <{name}>, not <{self.root}>")
        if len(self.opened) >= MAX_DEPTH:
            where = f"{self.name}, line {self.parser.CurrentLineNumber:,}"
            raise DataError(f"{where}: elements are nested more than {MAX_DEPTH} deep")
        self.opened.append(name)
        if self.text is None:
            self.open(name, attributes)
        elif name in CODES:
            self.codes += 1
            if self.codes == 1:
                self.attributes = attributes
                self.text.append(Code("", name_code(name, attributes)))
        elif name in PAIRED and not self.codes:
            key = "" if attributes.get("mtype") == "seg" else name_code(name, attributes)
            self.pairs.append(key)
            self.text += [Code("", key)] if key else []

    def end(self, name: str) -> None:
        name = self.opened.pop()
        if self.text is not None and name in CODES:
            self.codes -= 1
            if not self.codes and isinstance(last := self.text[-1], Code):
                content = last.text or self.data.get(self.attributes.get("dataRef", ""), "")
                self.breaks.update([len(self.text) - 1] if is_line_break(self.attributes, content) else [])
        elif self.text is not None and name in PAIRED:
            if not self.codes and (key := self.pairs.pop()):
                self.text.append(Code("", f"</{key[1:]}"))
        else:
            self.close(name)

    def add_text(self, text: str) -> None:
        if self.text is None:
            return
        if self.codes and isinstance(last := self.text[-1], Code):
            self.text[-1] = last._replace(text=last.text + text)
        elif not self.codes:
            self.text.append(text)

    def open(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element outside the text of a side begins."""
        raise NotImplementedError

    def close(self, name: str) -> None:
        """An element ends."""
        raise NotImplementedError

    def finish_side(self, language: str) -> None:
        """The text of a side is complete."""
        found = self.text or []
        texts = [one if isinstance(one, str) else " " * (number in self.breaks) for number, one in enumerate(found)]
        has_codes = any(isinstance(one, Code) for one in found)
        parts = [BLANKS.sub(" ", one) if isinstance(one, str) else one for one in found] if has_codes else []
        if parts and isinstance(first := parts[0], str):
            parts[0] = first.lstrip()
        if parts and isinstance(last := parts[-1], str):
            parts[-1] = last.rstrip()
        self.sides.append(Side(language, BLANKS.sub(" ", "".join(texts)).strip(), tuple(parts)))
        self.text = None
        self.breaks.clear()

    def finish_unit(self) -> None:
        """A unit is complete."""
        self.units.append(self.sides)
        self.sides = []


class TmxReader(UnitReader):
    """Units of TMX, a translation memory: <tu> with a <tuv> for each language."""

    root = "tmx"
    form = "TMX"
    language = ""

    def open(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "tuv":
            self.language = attributes.get("xml:lang", attributes.get("lang", ""))
        elif name == "seg":
            self.text = []

    def close(self, name: str) -> None:
        if name == "seg":
            self.finish_side(self.language)
        elif name == "tu":
            self.finish_unit()


class XliffReader(UnitReader):
    """Units of XLIFF 1.2 and 2: the source of each, and its target.

    A target whose state says that a person has not made or not reviewed it is left out, with its source; `counts`
    counts these. One that is approved, or has no state, is a translation.
    """

    root = "xliff"
    form = "XLIFF"

    def __init__(self, name: str, counts: Counter[str]) -> None:
        super().__init__(name)
        self.languages = ["", ""]
        self.data_id = ""  # of the element of data that is open
        self.is_approved = False
        self.is_reviewed = True
        self.counts = counts

    def open(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ("xliff", "file"):
            for number, names in enumerate((("source-language", "srcLang"), ("target-language", "trgLang"))):
                own = [attributes[one] for one in names if one in attributes]
                self.languages[number] = own[0] if own else self.languages[number]
        elif name == "unit":
            self.data.clear()
        elif name == "data" and self.opened[-2:-1] == ["originalData"]:
            self.data_id = attributes.get("id", "")
            self.text = []
        elif name in ("trans-unit", "segment"):
            self.sides = []
            self.is_approved = attributes.get("approved") == "yes"
            self.is_reviewed = self.is_approved or is_reviewed(attributes)
        elif name in ("source", "target") and self.opened[-2:-1] in (["trans-unit"], ["segment"]):
            if name == "target" and not self.is_approved:
                self.is_reviewed = self.is_reviewed and is_reviewed(attributes)
            self.text = []

    def close(self, name: str) -> None:
        if name == "data" and self.text is not None:
            self.data[self.data_id] = "".join(one for one in self.text if isinstance(one, str))
            self.text = None
        elif name in ("source", "target") and self.text is not None:
            self.finish_side(self.languages[name == "target"])
        elif name in ("trans-unit", "segment"):
            if self.is_reviewed or not any(side.text for side in self.sides[1:]):
                self.finish_unit()
            else:
                self.counts["units"] += 1
                self.counts["not reviewed"] += 1


def is_reviewed(attributes: Mapping[str, str]) -> bool:
    """Whether the state of a translation in XLIFF, if it has one, is that of one by a person."""
    state = attributes.get("state", "")
    qualifiers = {attributes.get(name) for name in ("state-qualifier", "subState")}
    return not UNREVIEWED_STATES.fullmatch(state) and (state in REVIEWED_STATES or not qualifiers & MACHINE_MADE)
