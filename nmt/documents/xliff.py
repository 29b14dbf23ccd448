"""XLIFF 1.2 and 2, the files of translators' tools."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from nmt.documents.document import (
    Annotation,
    InlineUnit,
    Kind,
    Languages,
    Lines,
    Splice,
    Splices,
    Token,
    Unit,
    build_inline_unit,
    describe_doubts,
    describe_foreign,
    label_element,
)
from nmt.documents.encoding import decode_document
from nmt.documents.placeholders import split_placeholders
from nmt.documents.segment import Segment
from nmt.documents.xml_events import DECLARED, XmlEvent, read_events
from nmt.errors import DataError
from nmt.text.languages import get_primary_language, is_other_language

PAIRED = frozenset(("g", "mrk", "pc"))
OPENING = {
    "bpt": ("rid", "id"),
    "bx": ("rid", "id"),
    "sc": ("id",),
    "sm": ("id",),
}  # by which attribute they are paired
CLOSING = {"ept": ("rid", "id"), "ex": ("rid", "id"), "ec": ("startRef",), "em": ("startRef",)}
EMPTY_STATES = frozenset(("new", "needs-translation", "initial"))  # of targets that are to be translated
FOLLOWING = frozenset(("originalData", "segment", "ignorable"))  # come after the notes of a unit in XLIFF 2
BLANKS_BEFORE = re.compile(r"\s*\Z")
MATCHES = "urn:oasis:names:tc:xliff:matches:2.0"  # the namespace of the module of matches in XLIFF 2


class Candidate(NamedTuple):
    """A translation of a segment without its tags, ours or a memory's: its quality in percent, and both sides."""

    origin: Literal["nmt", "memory"]
    score: int
    source: str
    target: str


class Slot(NamedTuple):
    """A segment of the file: its source, and where its translation is written.

    `owner` is the element that has the state of the translation, `before` what the target comes after. `unit` is what
    the owner is in.
    """

    inline: InlineUnit
    source: range  # events between the source's tags
    owner: int
    before: int
    target: int | None
    unit: int


class XliffDocument:
    """A file of segments. Those without a translation, or with one to be made again, are units.

    Ours have the state "needs-review-translation" with the qualifier "mt-suggestion" in XLIFF 1.2, and "translated" in
    XLIFF 2. Other translations, and what is marked translate="no", stay as they are.
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
        self.foreign: list[str] = []  # the language of each part that stays as it is because of that
        self.slots = [slot for owner in self.list_owners() if (slot := self.make_slot(*owner, lines))]
        self.units: Sequence[Unit] = [slot.inline.unit for slot in self.slots]
        self.notes = [*self.notes, *describe_foreign(name, self.foreign, languages.source)]

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

    def list_owners(self) -> list[tuple[int, int]]:
        """The elements with a source and a target that may be translated, and what they are in."""
        found = []
        allowed = [True]
        owner = "segment" if self.is_version_2 else "trans-unit"
        for number, kind in enumerate(self.events.kinds):
            if kind == "start":
                attributes = self.events.read_attributes(number)
                own = attributes.get("translate")
                allowed.append(own == "yes" if own in ("yes", "no") else allowed[-1])
                is_owner = self.events.names[number] == owner
                if is_owner and allowed[-1] and attributes.get("approved") != "yes":
                    found.append((number, self.events.parents[number]))
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

    def make_slot(self, owner: int, unit: int, lines: Lines) -> Slot | None:
        """The slot of an element; None if it is translated, or there is nothing to translate."""
        children = self.find_children(owner)
        source, target = children.get("source"), children.get("target")
        if source is None or (target is not None and self.is_translated(owner, target)):
            return None
        if self.note_foreign(source):
            return None
        inside = range(source + 1, self.partners[source])
        inline = build_inline_unit(list(self.make_tokens(inside)), lines)
        before = children.get("seg-source", source)
        return inline and Slot(inline, inside, owner, before, target, unit)

    def note_foreign(self, number: int) -> bool:
        """Whether an element is marked as of another language than the source, which is noted."""
        code = self.events.read_attributes(number).get("xml:lang", "")
        is_other = is_other_language(code, self.languages.source)
        if is_other:
            self.foreign.append(code)
        return is_other

    def is_translated(self, owner: int, target: int) -> bool:
        """Whether a target has text, and its state is not one of text to be translated."""
        state = self.events.read_attributes(owner if self.is_version_2 else target).get("state")
        inside = range(target, self.partners[target])
        texts = (self.events.read_text(number) for number in inside if self.events.kinds[number] == "text")
        return state not in EMPTY_STATES and any(text.strip() for text in texts)

    def make_tokens(self, inside: range) -> list[Token]:
        """The text and inline tags of a source."""
        tokens: list[Token] = []
        closing: dict[int, Token] = {}
        number = inside.start
        while number < inside.stop:
            event = self.events[number]
            if event.kind == "text":
                tokens += split_placeholders(Token("text", event.begin, event.end, event.text))
            elif event.kind == "start":
                label = f"<{event.name}>"
                partner = self.partners[number]
                end = self.events.find_end(partner)
                is_pair = event.name in PAIRED and partner > number + 1
                if is_pair and self.note_foreign(number):
                    label = label_element(event.name, self.decoded.text[event.begin : end])
                    tokens.append(Token("single", event.begin, end, label))
                    number = partner
                elif is_pair:
                    tokens.append(Token("open", event.begin, event.end, label, f"{number}"))
                    closing[partner] = Token("close", self.events.begins[partner], end, label, f"{number}")
                else:
                    keys = OPENING.get(event.name) or CLOSING.get(event.name) or ()
                    key = next((event.attributes[one] for one in keys if one in event.attributes), None)
                    kind: Kind = "single" if key is None else "open" if event.name in OPENING else "close"
                    label = label_element(event.name, self.decoded.text[event.begin : end]) if key is None else label
                    tokens.append(Token(kind, event.begin, end, label, f"id {key}"))
                    number = partner
            elif event.kind == "end":
                tokens.append(closing[number])
            elif not self.decoded.text.startswith(("<![CDATA[", "]]>"), event.begin):
                tokens.append(Token("single", event.begin, event.end, "<!-- -->"))
            number += 1
        return tokens

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
        for slot, translation, annotation in zip(self.slots, translations, annotations, strict=True):
            own = list_candidates(slot, translation, annotation)
            doubts = describe_doubts(annotation.doubts).lstrip("; ")
            splices += self.fill(slot, translation, annotation.is_known, own, doubts)
            if self.is_version_2 and own:
                if slot.unit not in candidates:
                    candidates[slot.unit], matches[slot.unit] = [], self.find_matches(slot.unit)
                declared = {} if matches[slot.unit] is None else {"xmlns:mtc": MATCHES}
                candidates[slot.unit] += (self.write_match(slot, one, declared) for one in own)
            if self.is_version_2 and doubts:
                prefix = self.find_prefix(slot)
                note = f'<{prefix}note category="nmt" appliesTo="target">{escape(doubts)}</{prefix}note>'
                notes.setdefault(slot.unit, [f"{prefix}notes"]).append(note)
        splices += [self.add_matches(unit, matches[unit], "".join(own)) for unit, own in candidates.items()]
        splices += [self.add_notes(unit, tag, "".join(elements)) for unit, (tag, *elements) in notes.items()]
        root = self.events[self.root]
        if splices and self.is_version_2 and "trgLang" not in root.attributes:
            splices.append(self.set_attributes(root, {"trgLang": self.languages.target}))
        return self.decoded.encode(Splices(splices).apply(text), "xmlcharrefreplace")

    def fill(
        self, slot: Slot, translation: Segment, is_known: bool, candidates: Sequence[Candidate], doubts: str
    ) -> list[Splice]:
        """The target of a slot, its state and, in XLIFF 1.2, candidates and what to check."""
        text, events = self.decoded.text, self.events
        inline, source = slot.inline, events[slot.source.start - 1]
        rendered = inline.render(translation, text, lambda part, _: escape(part), Splices([]))
        content_end = events[slot.source.stop].begin
        before = text[source.end : inline.begin].replace("<![CDATA[", "")
        content = before + rendered.text + text[inline.end : content_end].replace("]]>", "")
        prefix = self.find_prefix(slot)
        found = BLANKS_BEFORE.search(text, max(source.begin - 200, 0), source.begin)
        indent = found[0] if found else ""
        splices = []
        if self.is_version_2:
            state, alternatives = {}, ""
            named = {"id": self.name_segment(slot)} if candidates else {}
            splices.append(self.set_attributes(events[slot.owner], {"state": "translated"} | named))
        else:
            qualifier = "exact-match" if is_known else "mt-suggestion"
            state = {"state": "needs-review-translation", "state-qualifier": qualifier}
            others = [
                write_candidate(
                    f"{prefix}alt-trans", {"match-quality": f"{one.score}%", "origin": one.origin}, one, prefix
                )
                for one in candidates
            ]
            if doubts:
                others.append(f'<{prefix}note from="nmt" annotates="target">{escape(doubts)}</{prefix}note>')
            alternatives = "".join(indent + other for other in others)
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

    def find_prefix(self, slot: Slot) -> str:
        """The prefix of a slot's elements, with its colon; empty without one."""
        source = self.events[slot.source.start - 1]
        return self.decoded.text[source.begin + 1 : source.end].split("source", 1)[0]

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
        raw = self.decoded.text[event.begin : event.end]
        if not attributes.keys() & event.attributes.keys():
            more = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
            return Splice(event.end - 1, event.end - 1, more)  # before ">"; what is filled has content
        tag = re.split(r"[\s/>]", raw[1:], maxsplit=1)[0]
        return Splice(event.begin, event.end, write_start_tag(tag, {**event.attributes, **attributes}))


def list_candidates(slot: Slot, translation: Segment, annotation: Annotation) -> list[Candidate]:
    """Our translation with its confidence, unless a memory has it, and the translations that a memory has."""
    found = [Candidate("memory", *match) for match in annotation.matches]
    if annotation.confidence is not None:
        score = round(100 * annotation.confidence)
        found.insert(0, Candidate("nmt", score, slot.inline.unit.segment.text, translation.text))
    return found


def write_candidate(name: str, attributes: Mapping[str, str], match: Candidate, prefix: str) -> str:
    """An element with both sides of a candidate; `prefix` is that of the sides."""
    pair = "".join(
        f"<{prefix}{side}>{escape(text)}</{prefix}{side}>"
        for side, text in (("source", match.source), ("target", match.target))
    )
    return f"{write_start_tag(name, attributes)}{pair}</{name}>"


def write_start_tag(tag: str, attributes: Mapping[str, str]) -> str:
    """`<target state="new">`"""
    return f"<{tag}{''.join(f' {name}={quoteattr(value)}' for name, value in attributes.items())}>"
