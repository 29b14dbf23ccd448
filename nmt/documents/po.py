"""gettext's PO files. polib reads entries; translations are written into the lines of the file."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat
from typing import Any, NamedTuple

from nmt.documents import html, markup
from nmt.documents.breaks import divide_string
from nmt.documents.document import (
    Annotation,
    InlineUnit,
    Languages,
    Lines,
    Splices,
    Token,
    Unit,
    describe_doubts,
    describe_foreign,
)
from nmt.documents.encoding import decode_lines
from nmt.documents.inline_units import build_inline_unit
from nmt.documents.placeholders import (
    LINES,
    PLACEHOLDER,
    describe_messages,
    find_messages,
    keep_formulas,
    keep_spans,
    split_placeholders,
)
from nmt.documents.po_header import PoHeader
from nmt.documents.restructured import find_markup, hide_markup
from nmt.documents.segment import Segment
from nmt.errors import DataError, UsageError
from nmt.progress import format_count
from nmt.text.languages import get_primary_language

try:
    import polib
except ImportError:  # the extra `documents` is not installed
    polib = None

DECLARED = re.compile(rb'Content-Type:[^"]*charset=([\w.:-]+)')
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
LINE = re.compile(r'\s*(?:(?:msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s*)?"(?:[^"\\]|\\.)*"')
KEYWORD = re.compile(r"\s*(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d+)\])?)\s*\"")


class Slot(NamedTuple):
    """A string to translate, and where its translation is written.

    `lines` are those of the empty translation, or of several plural forms that get the same. Those in `more`, which the
    file does not have, come after the line `last`. `surplus` are lines of forms that its language does not have.
    `head` is the first line of the entry that is no comment, and `flags` the line of its flags.
    """

    inline: InlineUnit
    text: str
    is_markup: bool
    head: int
    flags: int | None
    lines: list[range]
    more: Sequence[int] = ()
    last: int = 0
    surplus: Sequence[range] = ()


class PoDocument:
    """A file of messages. Those without a translation are units; their translations are marked fuzzy.

    Placeholders (`%s`, `{name}`), line ends, tags and the markup of reStructuredText are inline tags. All else in the
    file stays as it is, but for what its header lacks.
    """

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the file. Raises DataError for what is no PO file, or of another language;
        UsageError without polib."""
        if polib is None:
            raise UsageError(f'{name} can be read with the extra documents: pip install "nmt[documents]"')
        found = DECLARED.search(content)
        declared = found[1].decode() if found and found[1] != b"CHARSET" else None
        self.decoded = decode_lines(content, name, declared)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        text = self.decoded.text
        self.lines = re.findall(r"[^\n]*\n|[^\n]+", text)
        self.check_lines(name)
        try:
            entries = polib.pofile(text + "\n", encoding=self.decoded.encoding)
        except (OSError, UnicodeError) as error:
            found_line = re.search(r"line (\d+)", str(error))
            where = f", line {int(found_line[1]):,}" if found_line else ""
            raise DataError(
                f"{name}{where} is not what a PO file has there\n  Correct it; msgfmt tells more"
            ) from error
        own = entries.metadata.get("Language", "")
        if own and get_primary_language(own) != get_primary_language(languages.target):
            raise DataError(
                f"{name} is a file of translations to {own}, and the run translates to {languages.target}\n"
                "  Use a run of its language"
            )
        first = max(entries[0].linenum - 1, 0) if len(entries) else len(self.lines)
        self.header = PoHeader(self.lines[:first], entries.metadata, own or languages.target)
        self.declared = declared
        self.language = languages.source
        self.foreign: list[str] = []
        self.messages: list[str] = []  # of ICU
        self.unended: dict[int, str] = {}  # what does not end, such as "<a", by the line of its message
        self.slots = list(self.find_slots(entries))
        if self.header.plurals is None and any(slot.last for slot in self.slots):
            self.notes = [
                *self.notes,
                f"{name}: the plural forms of {languages.target} are not known: write Plural-Forms in the header, and "
                "msgstr[n] for each form of each message",
            ]
        self.units: Sequence[Unit] = [slot.inline.unit for slot in self.slots]
        fuzzy = sum(entry.fuzzy and not entry.obsolete and is_translated(entry) for entry in entries)
        if fuzzy:
            keeps = "keeps the translation that it has" if fuzzy == 1 else "keep the translations that they have"
            self.notes = [*self.notes, f"{name}: {format_count(fuzzy, 'fuzzy message')} {keeps}"]
        half = sum(
            not entry.obsolete and is_translated(entry) and not all(entry.msgstr_plural.values()) for entry in entries
        )
        if half:
            has = "has" if half == 1 else "have"
            self.notes = [
                *self.notes,
                f"{name}: {format_count(half, 'message')} {has} some plural forms and not others, which stay empty",
            ]
        self.notes = [
            *self.notes,
            *(
                f'{name}, line {line:,}: "{shown}" does not end: it stays as it is, with what follows in the message'
                for line, shown in self.unended.items()
            ),
            *describe_messages(name, self.messages),
            *describe_foreign(name, self.foreign, languages.source),
        ]

    def check_lines(self, name: str) -> None:
        """Raise DataError for a line that is neither a comment nor has one complete string, which polib would drop."""
        for number, line in enumerate(self.lines, 1):
            if line.strip() and not line.lstrip().startswith("#") and not LINE.fullmatch(line.rstrip()):
                raise DataError(
                    f'{name}, line {number:,}: "{line.strip()[:60]}" is not a line of a PO file\n'
                    "  A line is a comment, or a text in quotation marks, perhaps after a keyword such as msgid"
                )

    def find_slots(self, entries: Any) -> Iterator[Slot]:
        """A slot for each string without a translation."""
        begins = [entry.linenum for entry in entries]
        for entry, after in zip(entries, [*begins, len(self.lines) + 1][1:], strict=True):
            if entry.obsolete or is_translated(entry):
                continue
            inside = range(max(entry.linenum - 1, 0), after - 1)  # polib counts a first line without a header as 0
            parts = {match[1]: number for number in inside if (match := KEYWORD.match(self.lines[number])) is not None}
            flags = next((number for number in inside if self.lines[number].startswith("#,")), None)
            old = (number for number in inside if self.lines[number].startswith("#|"))
            head = min([*old, *parts.values()])
            strings = {name: self.find_string(number) for name, number in parts.items() if name.startswith("msgstr")}
            places = {int(name[7:-1] or 0): own for name, own in strings.items()}
            for text, forms in self.choose_forms(entry, sorted(places)):
                tags = list(find_markup(text))
                hidden = hide_markup(text, tags)
                is_markup = TAG.search(hidden) is not None
                tokens = self.make_tokens(hidden, is_markup, inside.start + 1)
                tokens = list(place_tags(tokens, tags, text))
                self.messages += find_messages(tokens)
                inline = build_inline_unit(tokens, Lines(text))
                if inline is None or not places:
                    continue
                inline = divide_string(inline._replace(unit=replace(inline.unit, line=inside.start + 1)), text)
                slot = Slot(inline, text, is_markup, head, flags, [places[form] for form in forms if form in places])
                if entry.msgid_plural:
                    more = [form for form in forms if form not in places]
                    count = self.header.plurals.total if self.header.plurals else len(places)
                    surplus = [own for form, own in places.items() if form >= count]
                    slot = slot._replace(more=more, last=places[max(places)][-1], surplus=surplus)
                yield slot

    def choose_forms(self, entry: Any, found: Sequence[int]) -> list[tuple[str, list[int]]]:
        """The texts of a message, and the plural forms that their translations are for; `found` are those in the file.

        The singular is for the form of the number one. Where this is that of 21, too, and a program puts the number in,
        gettext demands that it is in the translation, as it is in the plural.
        """
        if not entry.msgid_plural:
            return [(entry.msgid, [0])]
        plurals = self.header.plurals
        forms = list(range(plurals.total) if plurals else found)
        one = plurals.singular if plurals else 0
        has_number = any(flag.endswith("-format") and not flag.startswith("no-") for flag in entry.flags)
        kept = [sorted(match[0] for match in PLACEHOLDER.finditer(text)) for text in (entry.msgid, entry.msgid_plural)]
        if len(forms) == 1 or (plurals and plurals.is_singular_general and has_number and kept[0] != kept[1]):
            return [(entry.msgid_plural, forms)]
        others = [form for form in forms if form != one]
        return [(text, own) for text, own in ((entry.msgid, [one]), (entry.msgid_plural, others)) if own]

    def make_tokens(self, text: str, is_markup: bool, line: int) -> Sequence[Token]:
        """The text and the tags of HTML of a message, which begins in `line`."""
        if not is_markup:
            return [Token("text", 0, len(text), text)]
        tokens: list[Token] = []
        finder = html.Finder(text, tokens.extend, self.language, is_fragment=True)
        self.foreign += finder.foreign
        if finder.unended is not None:
            self.unended[line] = finder.name_unended()
        return tokens

    def find_string(self, number: int) -> range:
        """The lines of a string that begins with a keyword."""
        end = number + 1
        while end < len(self.lines) and self.lines[end].lstrip().startswith('"'):
            end += 1
        return range(number, end)

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document. Every unit gets a translation, and its message the flag fuzzy."""
        return self.write_annotated(translations, repeat(Annotation(), len(self.slots)))

    def write_annotated(self, translations: Iterable[Segment], annotations: Iterable[Annotation]) -> bytes:
        """The same, with comments: the confidence, what to check, and what a memory has for similar messages."""
        lines = list(self.lines)
        flagged: set[int] = set()
        comments: dict[int, list[str]] = {}  # by the first line of a message
        added: dict[int, list[str]] = {}  # by the line before
        for slot, translation, annotation in zip(self.slots, translations, annotations, strict=True):
            escape = markup.escape if slot.is_markup else keep
            splice = slot.inline.render(translation, slot.text, escape, Splices([]))
            text = Splices([splice]).apply(slot.text)
            end = "\r\n" if self.lines[slot.head].endswith("\r\n") else "\n"
            for own in slot.lines:
                keyword = self.lines[own.start].partition('"')[0].rstrip()
                lines[own.start] = end.join(write_string(keyword, text)) + end
                lines[own.start + 1 : own.stop] = [""] * (len(own) - 1)
            for number in chain.from_iterable(slot.surplus):
                lines[number] = ""
            for form in slot.more:
                added.setdefault(slot.last, []).append(end.join(write_string(f"msgstr[{form}]", text)) + end)
            own_comments = comments.setdefault(slot.inline.unit.line - 1, [])
            own_comments += [f"# {line}{end}" for line in describe_annotation(annotation)]
            if slot.head in flagged:
                continue
            flagged.add(slot.head)
            if slot.flags is None:
                lines[slot.head] = f"#, fuzzy{end}{lines[slot.head]}"
            elif "fuzzy" not in lines[slot.flags]:
                lines[slot.flags] = lines[slot.flags].replace("#,", "#, fuzzy,", 1)
        for last, strings in added.items():
            lines[last] = "".join([lines[last], *strings])
        for first, own_comments in comments.items():
            lines[first] = "".join([*own_comments, lines[first]])
        return self.encode(lines)

    def encode(self, lines: list[str]) -> bytes:
        """The lines of the file, whose header then has what it lacks; in UTF-8 if its encoding lacks characters."""
        decoded, text = self.decoded, "".join(lines)
        try:
            text.encode(decoded.encoding)
        except UnicodeEncodeError:
            decoded = replace(decoded, encoding="UTF-8", mark=b"")
        if self.slots:
            is_declared = (
                decoded.mark or decoded.encoding == self.declared or (self.declared is None and text.isascii())
            )
            is_declared = is_declared and not self.header.is_template
            has_plurals = any(slot.last for slot in self.slots)
            self.header.write(lines, "" if is_declared else decoded.encoding, has_plurals)
        return decoded.encode("".join(lines))


def place_tags(tokens: Sequence[Token], tags: Sequence[Token], text: str) -> Iterator[Token]:
    """The tokens of a message with its other tags, placeholders and line ends."""
    own = {tag.begin: tag for tag in tags}
    for token in keep_formulas(keep_spans(tokens, text, [(tag.begin, tag.end) for tag in tags]), text):
        if token.kind == "text":
            yield from split_placeholders(token, LINES)
        else:
            yield own.get(token.begin, token)


def is_translated(entry: Any) -> bool:
    """Whether a message has a translation, which may be fuzzy."""
    return any([entry.msgstr, *entry.msgstr_plural.values()])


def describe_annotation(annotation: Annotation) -> Iterator[str]:
    """The lines of a comment."""
    if annotation.is_known:
        yield "100 % as in the memory"
    if annotation.confidence is not None:
        yield f"nmt: confidence {annotation.confidence:.2f}{describe_doubts(annotation.doubts)}"
    for match in annotation.matches:
        yield f"{match.score} % as in the memory: {match.source}"
        yield f"The memory's translation: {match.target}"


def keep(text: str, original: str) -> str:
    """The text as it is."""
    return text


def write_string(keyword: str, text: str) -> list[str]:
    """The lines of a string in a PO file: one, or one for each line of the text."""
    parts = re.findall(r"[^\n]*\n|[^\n]+", text)
    if len(parts) <= 1:
        return [f'{keyword} "{polib.escape(text)}"']
    return [f'{keyword} ""', *(f'"{polib.escape(part)}"' for part in parts)]
