"""XLIFF 1.2 and 2, the files of translators' tools."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from nmt.documents.breaks import divide_string
from nmt.documents.document import (
    Annotation,
    InlineUnit,
    Languages,
    Lines,
    Splice,
    Splices,
    Unit,
    describe_doubts,
    describe_foreign,
)
from nmt.documents.encoding import decode_document
from nmt.documents.inline_units import build_inline_unit
from nmt.documents.joining import show_sides
from nmt.documents.placeholders import describe_messages, find_messages
from nmt.documents.segment import Segment
from nmt.documents.xliff_inline import InlineReader, read_translate
from nmt.documents.xml_events import DECLARED, XmlEvent, read_events
from nmt.errors import DataError
from nmt.text.languages import get_primary_language

EMPTY_STATES = frozenset(("new", "needs-translation", "initial"))  # of targets that are to be translated
FOLLOWING = frozenset(("originalData", "segment", "ignorable"))  # come after the notes of a unit in XLIFF 2
BLANKS_BEFORE = re.compile(r"\s*\Z")
MATCHES = "urn:oasis:names:tc:xliff:matches:2.0"  # the namespace of the module of matches in XLIFF 2


class Candidate(NamedTuple):
    """A translation of a segment, ours or a memory's: its quality in percent, and both sides as text of the file.

    In XLIFF 1.2 ours has the inline codes of the segment, others have none.
    """

    origin: Literal["nmt", "memory"]
    score: int
    source: str
    target: str


class Slot(NamedTuple):
    """A segment of the file: its source, and where its translation is written.

    `owner` is the element that has the state of the translation, `before` what the target comes after. `unit` is what
    the owner is in. `mark` is the name of the mark in both source and target, if the owner has several segments in one.
    """

    inline: InlineUnit
    source: range  # events between the source's tags
    owner: int
    before: int
    target: int | None
    unit: int
    mark: str = ""


class FilledSlot(NamedTuple):
    """A slot, its translation as text of the file, and what is known about it."""

    slot: Slot
    content: str
    is_known: bool
    candidates: Sequence[Candidate]
    doubts: str


class XliffDocument:
    """A file of segments. Those without a translation, or with one to be made again, are units.

    Ours have the state "needs-review-translation" with the qualifier "mt-suggestion" in XLIFF 1.2, and "translated" in
    XLIFF 2, with the sub-state "nmt:mt-suggestion" unless a memory has them. Other translations, and what is marked as
    not to be translated, stay as they are. Of a unit that XLIFF 1.2 divides into segments by <seg-source>, those
    without a translation are units.
    """

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the file. Raises DataError for what is not XLIFF, or of other languages."""
        declared = DECLARED.match(content)
        self.decoded = decode_document(content, name, declared[1].decode() if declared else None)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        self.languages = languages
        self.events = read_events(self.decoded.text, name)
        self.partners = self.events.partners
        self.root = self.events.kinds.index("start")
        if self.events.names[self.root] != "xliff":
            raise DataError(f"{name} is not XLIFF: its first element is <{self.events.names[self.root]}>, not <xliff>")
        self.is_version_2 = self.events.read_attributes(self.root).get("version", "").startswith("2")
        lines = Lines(self.decoded.text)
        self.check_languages(name, lines)
        self.messages: list[str] = []  # of ICU
        self.reader = InlineReader(self.events, languages.source)
        self.slots = [slot for owner in self.list_owners() for slot in self.make_slots(*owner, lines)]
        self.units: Sequence[Unit] = [slot.inline.unit for slot in self.slots]
        self.notes = [
            *self.notes,
            *describe_messages(name, self.messages),
            *describe_foreign(name, self.reader.foreign, languages.source),
        ]

    def check_languages(self, name: str, lines: Lines) -> None:
        """Raise DataError if the file is of other languages than the translator."""
        known = self.languages.source, self.languages.target
        for number in (self.root, *self.events.find_starts("file")):
            attributes = self.events.read_attributes(number)
            own = [
                next((attributes[one] for one in names if one in attributes), "")
                for names in (("source-language", "srcLang"), ("target-language", "trgLang"))
            ]
            if any(
                one and get_primary_language(one) != get_primary_language(two)
                for one, two in zip(own, known, strict=True)
            ):
                own_from, own_to = (one or "any language" for one in own)
                raise DataError(
                    f"{name}, line {lines.find(self.events.begins[number]):,}: it is from {own_from} to {own_to}, and "
                    f"the run from {known[0]} to {known[1]}\n  Use a run of its languages"
                )

    def list_owners(self) -> list[tuple[int, int, bool]]:
        """The elements with a source and a target, what they are in, and whether they are to be translated."""
        found = []
        allowed = [True]
        owner = "segment" if self.is_version_2 else "trans-unit"
        for number, kind in enumerate(self.events.kinds):
            if kind == "start":
                attributes = self.events.read_attributes(number)
                own = read_translate(attributes)
                allowed.append(allowed[-1] if own is None else own)
                if self.events.names[number] == owner and attributes.get("approved") != "yes":
                    found.append((number, self.events.parents[number], allowed[-1]))
            elif kind == "end":
                allowed.pop()
        return found

    def find_children(self, element: int) -> dict[str, int]:
        """The first element of each name inside an element, not deeper."""
        children: dict[str, int] = {}
        number = element + 1
        while number < self.partners[element]:
            if self.events.kinds[number] == "start":
                children.setdefault(self.events.names[number], number)
                number = self.partners[number]
            number += 1
        return children

    def make_slots(self, owner: int, unit: int, is_read: bool, lines: Lines) -> Iterator[Slot]:
        """The slots of an element: none if it is translated, or there is nothing to translate."""
        children = self.find_children(owner)
        source, target = children.get("source"), children.get("target")
        if source is None:
            return
        before = children.get("seg-source", source)
        marks = {} if before == source else self.find_marks(before)
        done = {} if target is None else self.find_marks(target)
        is_new = target is None or self.events.read_attributes(target).get("state") in EMPTY_STATES
        if self.is_version_2:
            is_new = self.events.read_attributes(owner).get("state") in EMPTY_STATES
        if target is not None and not (marks and done) and not is_new and self.has_text(target):
            return
        if self.reader.is_untranslated(before, is_read) or self.reader.note_foreign(source):
            return
        missing = {mark: one for mark, one in marks.items() if mark not in done or not self.has_text(done[mark])}
        for mark, element in (missing or (marks if is_new else {})).items() if marks else [("", source)]:
            inside = range(element + 1, self.partners[element])
            tokens = self.reader.make_tokens(inside, is_read)
            self.messages += find_messages(tokens)
            if inline := build_inline_unit(tokens, lines):
                inline = divide_string(inline, self.decoded.text)
                yield Slot(inline, inside, owner, before, target, unit, mark)

    def find_marks(self, element: int) -> dict[str, int]:
        """The marks of segments in an element, by name: their mid, or else their number."""
        found: dict[str, int] = {}
        number = element + 1
        while number < self.partners[element]:
            attributes = self.events.read_attributes(number)
            if self.events.names[number] == "mrk" and attributes.get("mtype") == "seg":
                found[attributes.get("mid") or f"#{len(found)}"] = number
                number = self.partners[number]
            number += 1
        return found

    def has_text(self, element: int) -> bool:
        """Whether an element has text."""
        inside = range(element, self.partners[element])
        texts = (self.events.read_text(number) for number in inside if self.events.kinds[number] == "text")
        return any(text.strip() for text in texts)

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document. Every unit gets a target."""
        return self.write_annotated(translations, repeat(Annotation(), len(self.slots)))

    def write_annotated(self, translations: Iterable[Segment], annotations: Iterable[Annotation]) -> bytes:
        """The same, with the confidence and with what a memory has for similar sources.

        These are <alt-trans>, or the module of matches in XLIFF 2. A <note> tells what to check.
        """
        splices: list[Splice] = []
        text = self.decoded.text
        candidates: dict[int, list[str]] = {}  # of the units of XLIFF 2
        matches: dict[int, int | None] = {}  # the element of matches of each of them, see find_matches
        notes: dict[int, list[str]] = {}
        annotated = zip(self.slots, translations, annotations, strict=True)
        for _, group in groupby(annotated, key=lambda each: each[0].owner):
            filled = [self.fill_slot(*each) for each in group]
            splices += self.fill(filled)
            if not self.is_version_2:
                continue
            slot, _, _, own, doubts = filled[0]
            if own:
                if slot.unit not in candidates:
                    candidates[slot.unit], matches[slot.unit] = [], self.find_matches(slot.unit)
                declared = {} if matches[slot.unit] is None else {"xmlns:mtc": MATCHES}
                candidates[slot.unit] += (self.write_match(slot, one, declared) for one in own)
            if doubts:
                prefix = self.find_prefix(slot)
                note = f'<{prefix}note category="nmt" appliesTo="target">{escape(doubts)}</{prefix}note>'
                notes.setdefault(slot.unit, [f"{prefix}notes"]).append(note)
        splices += [self.add_matches(unit, matches[unit], "".join(own)) for unit, own in candidates.items()]
        splices += [self.add_notes(unit, tag, "".join(elements)) for unit, (tag, *elements) in notes.items()]
        root = self.events[self.root]
        if splices and self.is_version_2 and "trgLang" not in root.attributes:
            splices.append(self.set_attributes(root, {"trgLang": self.languages.target}))
        for number in [] if self.is_version_2 else self.events.find_starts("file"):
            begin, end = (
                bisect_left(self.slots, one, key=lambda slot: slot.owner) for one in (number, self.partners[number])
            )
            if begin < end and "target-language" not in self.events.read_attributes(number):
                splices.append(self.set_attributes(self.events[number], {"target-language": self.languages.target}))
        return self.decoded.encode(Splices(splices).apply(text), "xmlcharrefreplace")

    def fill_slot(self, slot: Slot, translation: Segment, annotation: Annotation) -> FilledSlot:
        """A slot with its translation between what stays outside of it."""
        text, inline = self.decoded.text, slot.inline
        begin, end = self.events.find_end(slot.source.start - 1), self.events.begins[slot.source.stop]
        written = self.reader.write_sections(slot.source)
        rendered = inline.render(translation, text, lambda part, _: escape(part), written)
        content = written.apply(text, begin, rendered.begin) + rendered.text + written.apply(text, rendered.end, end)
        doubts = describe_doubts(annotation.doubts).lstrip("; ")
        source, target = map(escape, show_sides(inline.unit, translation))
        sides = (source, target) if self.is_version_2 else (written.apply(text, begin, end), content)
        return FilledSlot(slot, content, annotation.is_known, list_candidates(annotation, *sides), doubts)

    def fill(self, filled: Sequence[FilledSlot]) -> list[Splice]:
        """The target of an element, its state and, in XLIFF 1.2, candidates and what to check."""
        text, events = self.decoded.text, self.events
        slot, content, _, candidates, _ = filled[0]
        if slot.mark:
            content = self.fill_marks(slot, {one.slot.mark: one.content for one in filled})
        prefix = self.find_prefix(slot)
        begin = events.begins[slot.before]
        found = BLANKS_BEFORE.search(text, max(begin - 200, 0), begin)
        indent = found[0] if found else ""
        splices = []
        if self.is_version_2:
            state, alternatives = {}, ""
            named = {"id": self.name_segment(slot)} if candidates else {}
            made = {} if filled[0].is_known else {"subState": "nmt:mt-suggestion"}
            splices.append(self.set_attributes(events[slot.owner], {"state": "translated"} | made | named))
        else:
            qualifier = "exact-match" if all(one.is_known for one in filled) else "mt-suggestion"
            state = {"state": "needs-review-translation", "state-qualifier": qualifier}
            alternatives = "".join(indent + other for one in filled for other in self.write_alternatives(one, prefix))
        tag = f"{prefix}target"
        if slot.target is None:
            last = events[self.partners[slot.before]].end
            return [
                *splices,
                Splice(last, last, f"{indent}{write_start_tag(tag, state)}{content}</{tag}>{alternatives}"),
            ]
        target = events[slot.target]
        start, end = write_start_tag(tag, {**target.attributes, **state}), events[self.partners[slot.target]].end
        return [*splices, Splice(target.begin, end, f"{start}{content}</{tag}>{alternatives}")]

    def fill_marks(self, slot: Slot, contents: Mapping[str, str]) -> str:
        """The content of a target with segments, of which these are translated.

        The others stay, or are as in the source where there is nothing to translate. A target without all marks gets
        those of the source.
        """
        marks = self.find_marks(slot.before)
        done = {} if slot.target is None else self.find_marks(slot.target)
        outer, places = (slot.before, marks) if slot.target is None or marks.keys() - done else (slot.target, done)
        splices = []
        for mark, place in places.items():
            own = done[mark] if mark in done and self.has_text(done[mark]) else marks.get(mark, place)
            content = contents.get(mark, self.read_content(own))
            event, end = self.events[place], self.events.find_end(self.partners[place])
            start = self.decoded.text[event.begin : event.end].rstrip("/> \t\r\n")
            splices.append(Splice(event.begin, end, f"{start}>{content}</{self.read_tag(event)}>"))
        begin, end = self.events.find_end(outer), self.events.begins[self.partners[outer]]
        return Splices(splices).apply(self.decoded.text, begin, end)

    def read_content(self, element: int) -> str:
        """What is between the tags of an element."""
        return self.decoded.text[self.events.find_end(element) : self.events.begins[self.partners[element]]]

    def write_alternatives(self, filled: FilledSlot, prefix: str) -> Iterator[str]:
        """The elements of a trans-unit of XLIFF 1.2 that tell what is known about a translation."""
        mark = self.events.read_attributes(filled.slot.source.start - 1) if filled.slot.mark else {}
        mid = {"mid": mark["mid"]} if "mid" in mark else {}
        for one in filled.candidates:
            quality = {"match-quality": f"{one.score}%", "origin": one.origin}
            yield write_candidate(f"{prefix}alt-trans", {**mid, **quality}, one, prefix)
        if filled.doubts:
            where = f"segment {mid['mid']}: " if mid else ""
            yield f'<{prefix}note from="nmt" annotates="target">{escape(where + filled.doubts)}</{prefix}note>'

    def find_prefix(self, slot: Slot) -> str:
        """The prefix of a slot's elements, with its colon; empty without one."""
        owner = self.events[slot.owner]
        return self.read_tag(owner).removesuffix(owner.name)

    def read_tag(self, event: XmlEvent) -> str:
        """The name in a start tag, with its prefix."""
        return re.split(r"[\s/>]", self.decoded.text[event.begin + 1 : event.end], maxsplit=1)[0]

    def name_segment(self, slot: Slot) -> str:
        """The id of a slot's segment, or a new one."""
        return self.events[slot.owner].attributes.get("id") or f"nmt-{slot.owner}"

    def write_match(self, slot: Slot, match: Candidate, declared: Mapping[str, str]) -> str:
        """An element of the module of matches in XLIFF 2. `declared` are the namespaces that it declares."""
        kind, measure = ("tm", "similarity") if match.origin == "memory" else ("mt", "matchQuality")
        facts = {"ref": f"#{self.name_segment(slot)}", "type": kind, "origin": match.origin, measure: f"{match.score}"}
        return write_candidate("mtc:match", {**declared, **facts}, match, self.find_prefix(slot))

    def find_matches(self, unit: int) -> int | None:
        """The element of matches that a unit has, if it has content."""
        own = self.find_children(unit).get("matches")
        return own if own is None or self.events[self.partners[own]].end > self.events[own].end else None

    def add_matches(self, unit: int, own: int | None, elements: str) -> Splice:
        """The matches of a unit, in the element of those that it has, if it has one."""
        if own is None:
            place = self.events.find_end(unit)
            return Splice(place, place, f'<mtc:matches xmlns:mtc="{MATCHES}">{elements}</mtc:matches>')
        place = self.events[self.partners[own]].begin
        return Splice(place, place, elements)

    def add_notes(self, unit: int, tag: str, elements: str) -> Splice:
        """The notes of a unit of XLIFF 2, after those that it has."""
        children = self.find_children(unit)
        own = children.get("notes")
        if own is not None and self.events[self.partners[own]].end > self.events[own].end:
            place = self.events[self.partners[own]].begin
            return Splice(place, place, elements)
        first = self.events[own if own is not None else min(children[name] for name in FOLLOWING & children.keys())]
        end = first.begin if own is None else first.end
        return Splice(first.begin, end, f"<{tag}>{elements}</{tag}>")

    def set_attributes(self, event: XmlEvent, attributes: Mapping[str, str]) -> Splice:
        """A start tag with these attributes."""
        if not attributes.keys() & event.attributes.keys():
            more = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
            return Splice(event.end - 1, event.end - 1, more)  # before ">"; what is filled has content
        return Splice(event.begin, event.end, write_start_tag(self.read_tag(event), {**event.attributes, **attributes}))


def list_candidates(annotation: Annotation, source: str, target: str) -> list[Candidate]:
    """Our translation with its confidence, unless a memory has it, and the translations that a memory has."""
    found = [Candidate("memory", one.score, escape(one.source), escape(one.target)) for one in annotation.matches]
    if annotation.confidence is not None:
        found.insert(0, Candidate("nmt", round(100 * annotation.confidence), source, target))
    return found


def write_candidate(name: str, attributes: Mapping[str, str], match: Candidate, prefix: str) -> str:
    """An element with both sides of a candidate; `prefix` is that of the sides."""
    pair = "".join(
        f"<{prefix}{side}>{text}</{prefix}{side}>"
        for side, text in (("source", match.source), ("target", match.target))
    )
    return f"{write_start_tag(name, attributes)}{pair}</{name}>"


def write_start_tag(tag: str, attributes: Mapping[str, str]) -> str:
    """`<target state="new">`"""
    return f"<{tag}{''.join(f' {name}={quoteattr(value)}' for name, value in attributes.items())}>"
