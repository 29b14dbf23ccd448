"""A page on which a person checks and edits translations in the browser, the least sure ones first.

It is the page of nmt.analysis.page, with the tags of segments, what to check of them, and the places they come from.
"""

# J target words   I source words

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from nmt.analysis.alignment import extract_links
from nmt.analysis.page import AttentionView, Page
from nmt.documents.alignment import Alignment, align_translation
from nmt.documents.joining import TranslatedUnit
from nmt.documents.segment import Segment
from nmt.documents.tag_names import TagName, name_tags, write_tags
from nmt.documents.tree import find_crossing
from nmt.files import write_atomically
from nmt.text.units import WORDS, Span, find_characters, find_units
from nmt.text.words import UNSPACED
from nmt.translation.doubts import Doubt, find_doubts
from nmt.translation.result import Translation


class ReviewPage:
    """Collects translations of lines, or of units of documents, and then writes the page of them.

    Edited lines can be saved as lines, and edits of both kinds as a translation memory in TMX. In documents an edit is
    one of every segment with the same source, as a memory has it, and has the names of tags where they are.
    """

    def __init__(self, title: str, source_lang: str, target_lang: str, kind: Literal["lines", "documents"]) -> None:
        self.page = Page(title, source_lang, target_lang, [], review=kind)
        self.segments = 0

    def add_line(self, one: Translation, place: str) -> None:
        """Show the translation of a line. `place` names the line."""
        confidence = one.confidence if one.tokens else None
        self.add(
            Segment(one.source), Segment(one.text), [], confidence, find_doubts(one), align_translation(one), place
        )

    def add_unit(self, one: TranslatedUnit, document: str) -> None:
        """Show the translation of a unit of a document."""
        texts = one.unit.segment, one.segment
        place = f"{document}:{one.unit.line}"
        self.add(*texts, name_tags(one.unit), one.confidence, one.doubts, one.align(), place)

    def add(
        self,
        source: Segment,
        target: Segment,
        names: Sequence[TagName],
        confidence: float | None,
        doubts: Sequence[Doubt],
        alignment: Alignment,
        place: str,
    ) -> None:
        """Show a segment below those that are there. Without `confidence` a person has translated it."""
        spans = {
            "source": find_words(source.text, alignment.source_spans),
            "target": find_words(target.text, alignment.target_spans),
        }
        words = {
            side: [text[begin:end] for begin, end in spans[side]]
            for side, text in (("source", source.text), ("target", target.text))
        }
        weights_JI = alignment.spread(spans["source"], spans["target"])
        score = math.log(confidence) if confidence else 0.0
        view = AttentionView(
            0, 1, words["target"], weights_JI, extract_links(weights_JI), None, score, target_text=target.text
        )
        facts: dict[str, Any] = {"place": place}
        if confidence is not None:
            facts["confidence"] = round(confidence, 4)
        if doubts:
            facts["doubts"] = [[one.side, *find_overlap(spans[one.side], one), one.reason] for one in doubts]
        if source.marks or target.marks:
            facts["tags"] = {
                "source": list(place_tags(source, spans["source"], names)),
                "target": list(place_tags(target, spans["target"], names)),
                "names": names,
                "written": [write_tags(source, names), write_tags(target, names)],
                "cross": bool(find_crossing(source.marks)),
            }
        if target.text != " ".join(words["target"]):
            facts["text"] = target.text
        self.page.add(words["source"], [view], source_text=source.text, review=facts)
        self.segments += 1

    def write(self, path: Path) -> None:
        """Write the page, completely or not at all."""
        with write_atomically(path) as file:
            file.write(self.page.html())


def name_files(files: Sequence[Path]) -> str:
    """The title of a page of files."""
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0].name}{more}" if files else "standard input"


def find_words(text: str, pieces: Sequence[Span]) -> list[Span]:
    """The words of a text as blanks separate them; in scripts without blanks its pieces or, without these, characters.

    `pieces` are the spans of an alignment.
    """
    words: list[Span] = []
    for begin, end in find_units(text, WORDS):
        if not UNSPACED.search(text, begin, end):
            words.append((begin, end))
            continue
        inside = [span for span in pieces if begin <= span[0] < span[1] <= end]
        is_covered = sum(last - first for first, last in inside) == end - begin
        words += inside if is_covered else [(begin + a, begin + b) for a, b in find_characters(text[begin:end])]
    return words


def find_overlap(words: Sequence[Span], doubt: Doubt) -> tuple[int, int]:
    """The first of the words that a doubt is about, and the one after the last; equal if it is about none."""
    inside = [number for number, (begin, end) in enumerate(words) if begin < doubt.end and doubt.begin < end]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def place_tags(segment: Segment, words: Sequence[Span], names: Sequence[TagName]) -> Iterator[tuple[int, int, str]]:
    """(word, number of its characters before the tag, name) of each mark. The end of a pair touches what it holds.

    After the last word, the word is their number.
    """
    opened: dict[int, int] = {}
    for place, (tag, side) in segment.marks:
        label = names[tag].end if side == "close" else names[tag].begin
        holds_text = side == "close" and opened[tag] < place
        if side == "open":
            opened[tag] = place
        before = [number for number, (begin, _) in enumerate(words) if begin < place] if holds_text else []
        after = [number for number, (_, end) in enumerate(words) if end > place]
        if before:
            begin, end = words[before[-1]]
            yield before[-1], min(place, end) - begin, label
        elif after:
            yield after[0], max(place - words[after[0]][0], 0), label
        else:
            yield len(words), 0, label
