"""Translation memories: what people have translated, and a translator that takes their translations."""

import re
import unicodedata
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from nmt.arguments import check_count
from nmt.errors import DataError
from nmt.text.bitext import SUFFIXES_OF, BilingualFile, find_bitext_form
from nmt.text.similarity import TextIndex
from nmt.text.words import count_phrase, split_words
from nmt.text.xml_units import Code
from nmt.translation.request import Request
from nmt.translation.result import MemoryMatch, Translation

THRESHOLD = 70  # percent; a usual value of translators' tools


class CodedEntry(NamedTuple):
    """Both sides of a translation with inline codes, as text and codes in order."""

    source: tuple[str | Code, ...]
    target: tuple[str | Code, ...]
    match: MemoryMatch


@dataclass(frozen=True)
class TranslationMemory:
    """Translations by their sources. Of several translations of one source, the last one counts.

    `index` finds similar sources; without one, only equal ones are found. `threshold` is the least similarity, in
    percent. `parts` has text and inline codes of targets with such that have content, and `notes` what was read of each
    file. Sources of the same text may differ in their codes: `coded` has each of them, by its text with these; see
    `squash`.
    """

    targets: Mapping[str, str]
    index: TextIndex | None = None
    threshold: int = THRESHOLD
    parts: Mapping[str, tuple[str | Code, ...]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    coded: Mapping[str, CodedEntry] = field(default_factory=dict)

    @classmethod
    def read(
        cls, paths: Iterable[Path | str], source_lang: str, target_lang: str, threshold: int = THRESHOLD
    ) -> "TranslationMemory":
        """Read memories: TMX, or another format of nmt.text.bitext by its suffix. What later ones have counts.

        With a threshold of 100 only equal sources are found. Raises DataError for a file that cannot be read, or has no
        pair of the languages; UsageError for a threshold that is no percentage, and where a library is missing.
        """
        check_count("memory_threshold", threshold, 1, 100)
        targets: dict[str, str] = {}
        parts: dict[str, tuple[str | Code, ...]] = {}
        coded: dict[str, CodedEntry] = {}
        last: dict[str, str] = {}  # the key in `coded` of a source's last entry, where it has several, or codes
        notes = []
        for path in paths:
            form = find_bitext_form(path)
            if form is None:
                known = ", ".join(suffix for suffixes in SUFFIXES_OF.values() for suffix in suffixes)
                raise DataError(f"{path}: its suffix is that of no translation memory\n  Known are {known}")
            advice = (f"\n  The run translates {source_lang} to {target_lang}, and needs a memory of these languages",)
            file = BilingualFile(Path(path), form, source_lang, target_lang, advice=advice)
            for source, target in file.read_sides():
                key, own = normalize(source.text), squash(source.parts or [source.text])
                before = last.get(key, squash([key])) if key in targets else None
                file.counts["replaced by later ones of the same source"] += before == own or own in coded
                if before is not None and before != own and before not in coded:  # it has no codes
                    coded[before] = CodedEntry((key,), (targets[key],), MemoryMatch(100, key, targets[key]))
                targets[key] = target.text
                parts.pop(key, None)
                if any(isinstance(one, Code) and one.text for one in target.parts):
                    parts[key] = tuple(one for one in target.parts if isinstance(one, str) or one.text)
                if source.parts or target.parts or before not in (None, own):
                    sides = source.parts or (source.text,), target.parts or (target.text,)
                    coded[own] = CodedEntry(*sides, MemoryMatch(100, key, target.text))
                    last[key] = own
                else:
                    coded.pop(own, None)
            notes += [*file.notes, file.describe()]
        return cls(targets, TextIndex(list(targets)) if threshold < 100 else None, threshold, parts, notes, coded)

    def find_equal(self, source: str) -> MemoryMatch | None:
        """What the memory has for the same source, whose blanks may differ; None if it has nothing."""
        wanted = normalize(source)
        return MemoryMatch(100, wanted, self.targets[wanted]) if wanted in self.targets else None

    def find_coded(self, source: str) -> CodedEntry | None:
        """What the memory has for the same source with the same codes; None without codes on either side."""
        return self.coded.get(squash([source])) if self.coded else None

    def find(self, source: str) -> MemoryMatch | None:
        """What the memory has for a source; None if it has nothing.

        A unit with a score of 100 has the same source, whose blanks may differ. Otherwise it is the unit whose source
        is most similar, if it reaches the threshold; see nmt.text.similarity. Percentages are rounded down, and sources
        that differ have at most 99: in case, for example.
        """
        if equal := self.find_equal(source):
            return equal
        wanted = normalize(source)
        found = self.index.find(wanted, self.threshold / 100) if self.index else None
        if found is None:
            return None
        nearest, similarity = found
        return MemoryMatch(min(int(similarity * 100 + 1e-9), 99), nearest, self.targets[nearest])

    def find_for(self, request: str | Request, match: MemoryMatch | None) -> MemoryMatch | None:
        """The match of a request. An equal source counts as similar if its translation does not meet the request."""
        if match is None or match.score < 100 or isinstance(request, str) or is_met(request, match.target):
            return match
        return match._replace(score=99) if self.threshold < 100 else None


class InnerTranslator(Protocol):
    """What translates lines: nmt.Translator, or a pool of processes."""

    def stream(self, lines: Iterable[str | Request], **options: Any) -> Iterator[list[Translation]]: ...


class FreshRequest(Request):
    """A line that is translated even if a memory has it."""


class MemoryTranslator:
    """Takes the translation of a line from a memory, and translates the lines that it has not.

    It also translates those for which the memory's translation does not meet the constraints of the request.

    The `match` of a translation is what the memory has. Translations from it have no pieces and no attention.
    """

    def __init__(self, translator: InnerTranslator, memory: TranslationMemory) -> None:
        self.translator = translator
        self.memory = memory

    def stream(self, lines: Iterable[str | Request], **options: Any) -> Iterator[list[Translation]]:
        """Translate as the translator does; see nmt.Translator.stream."""
        known: deque[tuple[str, MemoryMatch | None]] = deque()

        def leave_out_known() -> Iterator[str | Request]:
            for line in lines:
                source = line.source if isinstance(line, Request) else line
                match = None if isinstance(line, FreshRequest) else self.memory.find_for(line, self.memory.find(source))
                known.append((source, match))
                yield "" if match and match.score == 100 else line  # an empty line costs nothing

        for ranked in self.translator.stream(leave_out_known(), **options):
            source, match = known.popleft()
            if match is None:
                yield ranked
            elif match.score == 100:
                yield [build_known_translation(source, match)]
            else:
                yield [replace(one, match=match) for one in ranked]


def build_known_translation(source: str, match: MemoryMatch) -> Translation:
    """The translation of a line that a person has translated."""
    words = split_words(source), split_words(match.target)
    return Translation(
        source=source,
        text=match.target,
        score=0.0,
        log_prob=0.0,
        token_log_probs=(),
        source_pieces=[],
        tokens=[],
        source_words=words[0],
        target_words=words[1],
        source_group_of_piece=[],
        target_group_of_piece=[],
        source_group_of_word=list(range(len(words[0]))),
        target_group_of_word=list(range(len(words[1]))),
        attention_blocks=(np.zeros((0, 0), np.float32),),
        is_finished=True,
        is_whole=True,
        units=("words", "words"),
        match=match,
    )


def is_met(request: Request, text: str) -> bool:
    """Whether a person's translation has the prefix and the constraints of a request, and none of its banned strings.

    Blanks are equal. Nothing is known of its pieces, and so of a max_length.
    """
    prefix, *banned = (
        re.sub(r"\s+", " ", unicodedata.normalize("NFC", one)) for one in (request.prefix, *request.banned)
    )
    constraints = Counter(map(normalize, request.constraints))
    padded = f" {normalize(text)} "
    return (
        padded[1:].startswith(prefix.lstrip())
        and all(phrase and count_phrase(padded, phrase) >= count for phrase, count in constraints.items())
        and not any(one in padded for one in banned)
    )


def normalize(source: str) -> str:
    """A source by which its translation is found."""
    return " ".join(unicodedata.normalize("NFC", source).split())


def squash(parts: Iterable[str | Code]) -> str:
    """A source with what its codes stand for, without blanks: there may be some beside codes on one side alone."""
    text = "".join(part if isinstance(part, str) else part.original for part in parts)
    return "".join(unicodedata.normalize("NFC", text).split())
