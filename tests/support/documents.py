"""Translators without a model: one copies, one changes words and their order; and what they do to documents."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from nmt.documents.document import Document, Languages
from nmt.documents.joining import TranslatedUnit
from nmt.documents.translate import LineTranslator, translate_documents
from nmt.text.words import split_words
from nmt.translation.request import Request
from nmt.translation.result import Translation

SPACED = Languages("en", "de")


class WordTranslator:
    """Translates word by word, with attention from each word to the one it came from; it reverses their order."""

    def __init__(self, translate_word: Callable[[str], str] = str, is_reversing: bool = False) -> None:
        self.translate_word = translate_word
        self.is_reversing = is_reversing
        self.lines: list[str] = []

    def stream(self, lines: Iterable[str | Request], **options: object) -> Iterator[list[Translation]]:
        for line in lines:
            line = line.source if isinstance(line, Request) else line
            self.lines.append(line)
            yield [self.translate(line)]

    def translate(self, line: str) -> Translation:
        words = split_words(line)
        order = list(range(len(words)))[:: -1 if self.is_reversing else 1]
        target = [self.translate_word(words[place]) for place in order]
        text = " ".join(target) if self.is_reversing or self.translate_word is not str else line
        attention_TS = np.eye(len(words) + 1, dtype=np.float32)[[*order, len(words)]]
        numbers = list(range(len(words)))
        return Translation(
            source=line,
            text=text,
            score=0.0,
            log_prob=0.0,
            token_log_probs=(0.0,) * (len(words) + 1),
            source_pieces=[*words, "</s>"],
            tokens=[*target, "</s>"],
            source_words=words,
            target_words=target,
            source_group_of_piece=numbers,
            target_group_of_piece=numbers,
            source_group_of_word=numbers,
            target_group_of_word=numbers,
            attention_blocks=(attention_TS,),
            is_finished=True,
            is_whole=True,
            units=("words", "words"),
        )


def translate_document(document: Document, translator: WordTranslator, languages: Languages = SPACED) -> bytes:
    """The document with its translations."""
    return document.write([one.segment for one in translate_units(document, translator, languages)])


def translate_units(
    document: Document, translator: LineTranslator, languages: Languages = SPACED
) -> list[TranslatedUnit]:
    """The translated units of a document."""
    [(same, units)] = [(same, list(units)) for same, units in translate_documents([document], translator, languages)]
    assert same is document
    return units


def shout(document: Document) -> str:
    """The document in capitals, as UTF-8."""
    return translate_document(document, WordTranslator(str.upper)).decode()
