"""Which of many texts is most similar to another one, as translators' tools count similarity."""

import math
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nmt.errors import Option, UsageError
from nmt.text.atoms import find_atoms
from nmt.text.cases import fold

try:
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist
except ImportError:  # the extra `documents` is not installed
    cdist = None

ROUNDING = 1e-9  # what sums of floating-point numbers are wrong by, at most


class TextIndex:
    """Texts, and for each word those that have it.

    The similarity of two texts is 1 - d / n: d is their Levenshtein distance in words, whatever their case, and n the
    number of words of the longer one. Punctuation marks count as words, and so do characters of scripts that have no
    blanks between words.

    A text as similar as t to one of n words lacks at most n (1 - t) of them, so that it has one of any n (1 - t) + 1.
    Only texts that have one of the rarest are compared.

    >>> TextIndex(["Open the file.", "Close the file."]).find("open a file.", 0.7)
    ('Open the file.', 0.75)
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Raises UsageError without rapidfuzz."""
        if cdist is None:
            raise UsageError(
                'similar segments are found with the extra documents: pip install "nmt[documents]"\n'
                "  To use only equal segments of a memory, set ",
                Option("memory_threshold", 100),
            )
        self.texts = texts
        self.codes: dict[str, str] = {}  # of each word a character; beyond a million words, some share one
        self.encoded = np.empty(len(texts), object)
        for number, text in enumerate(texts):
            words = (self.codes.setdefault(word, chr(len(self.codes) % sys.maxunicode)) for word in list_words(text))
            self.encoded[number] = "".join(words)
        self.unknown = chr(min(len(self.codes), sys.maxunicode))  # any word that no text has
        self.lengths_N = np.array([len(one) for one in self.encoded], np.int64)
        codes = np.frombuffer("".join(self.encoded).encode("utf-32-le", "surrogatepass"), np.uint32)
        order = np.argsort(codes, kind="stable")
        self.owners = np.repeat(np.arange(len(texts)), self.lengths_N)[order]  # texts, in the order of their words
        self.begins = np.searchsorted(codes[order], np.arange(ord(self.unknown) + 2))  # where those of a word begin

    def find(self, text: str, threshold: float) -> tuple[str, float] | None:
        """The most similar text and its similarity; None where none is as similar as `threshold`.

        Of several, it is the one with the fewest different characters, and of those the first. `threshold` is above 0.
        """
        encoded = "".join(self.codes.get(word, self.unknown) for word in list_words(text))
        candidates = self.find_candidates(encoded, threshold)
        if not candidates.size:
            return None
        others = self.encoded[candidates].tolist()
        scores_N = cdist([encoded], others, scorer=Levenshtein.normalized_similarity, dtype=np.float64)[0]
        best = float(scores_N.max())
        if best < threshold - ROUNDING:
            return None
        equal = [self.texts[number] for number in candidates[scores_N == best]]
        return max(equal, key=lambda one: Levenshtein.normalized_similarity(text, one)), best

    def find_candidates(self, encoded: str, threshold: float) -> NDArray[np.int64]:
        """The numbers of texts that may be as similar as `threshold`, in ascending order."""
        size = len(encoded)
        lacking = math.floor(size * (1 - threshold) + ROUNDING)
        spans = [(self.begins[code], self.begins[code + 1]) for code in map(ord, encoded)]
        rarest = set(sorted(spans, key=lambda span: span[1] - span[0])[: lacking + 1])
        owners = [self.owners[begin:end] for begin, end in rarest]
        found: NDArray[np.int64] = np.unique(np.concatenate([np.zeros(0, np.int64), *owners]))
        lengths_N = self.lengths_N[found]
        is_near_N = (lengths_N >= size * threshold - ROUNDING) & (lengths_N * threshold <= size + ROUNDING)
        return found[is_near_N]


def list_words(text: str) -> Iterator[str]:
    """The words of a text that are compared."""
    for chunk in fold(text).split():
        yield from split_chunk(chunk)


@lru_cache(2**16)
def split_chunk(chunk: str) -> tuple[str, ...]:
    """The words of a text without blanks."""
    return tuple(chunk[begin:end] for begin, end in find_atoms(chunk))
