"""Translation memories: sentences that people have translated, and a translator that takes their translations."""

import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nmt.errors import DataError
from nmt.text.bitext import SUFFIXES_OF, BilingualFile, find_bitext_form
from nmt.text.words import split_words
from nmt.translation.request import Request
from nmt.translation.result import Translation


@dataclass(frozen=True)
class TranslationMemory:
    """Translations by their sources. Of several translations of one source, the first one counts."""

    targets: Mapping[str, str]

    @classmethod
    def read(cls, paths: Iterable[Path | str], source_lang: str, target_lang: str) -> "TranslationMemory":
        """Read memories: TMX, or another format of nmt.text.bitext by its suffix.

        Raises DataError for a file that cannot be read, or has no pair of the languages.
        """
        targets: dict[str, str] = {}
        for path in paths:
            form = find_bitext_form(path)
            if form is None:
                known = ", ".join(suffix for suffixes in SUFFIXES_OF.values() for suffix in suffixes)
                raise DataError(f"{path}: its suffix is that of no translation memory\n  Known are {known}")
            for source, target in BilingualFile(Path(path), form, source_lang, target_lang).read():
                targets.setdefault(normalize(source), target)
        return cls(targets)

    def find(self, source: str) -> str | None:
        """The translation of a source; None if there is none. Blanks may differ, and nothing else."""
        return self.targets.get(normalize(source))


class InnerTranslator(Protocol):
    """What translates lines: nmt.Translator, or a pool of processes."""

    def stream(self, lines: Iterable[str | Request], **options: Any) -> Iterator[list[Translation]]: ...


class MemoryTranslator:
    """Takes the translation of a line from a memory, and translates the lines that it has not.

    `found` counts the lines from the memory. Their translations have no pieces and no attention.
    """

    def __init__(self, translator: InnerTranslator, memory: TranslationMemory) -> None:
        self.translator = translator
        self.memory = memory
        self.found = 0

    def stream(self, lines: Iterable[str | Request], **options: Any) -> Iterator[list[Translation]]:
        """Translate as the translator does; see nmt.Translator.stream."""
        known: deque[Translation | None] = deque()

        def leave_out_known() -> Iterator[str | Request]:
            for line in lines:
                source = line.source if isinstance(line, Request) else line
                target = self.memory.find(source)
                known.append(None if target is None else build_known_translation(source, target))
                yield line if target is None else ""  # an empty line costs nothing

        for ranked in self.translator.stream(leave_out_known(), **options):
            one = known.popleft()
            self.found += one is not None
            yield ranked if one is None else [one]


def build_known_translation(source: str, target: str) -> Translation:
    """The translation of a line that a person has translated."""
    words = split_words(source), split_words(target)
    return Translation(
        source=source,
        text=target,
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
    )


def normalize(source: str) -> str:
    """A source by which its translation is found."""
    return " ".join(unicodedata.normalize("NFC", source).split())
