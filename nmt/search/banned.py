"""A step model that never generates given strings, whatever pieces could spell them.

It compares bytes. The caller, who has the subword model, gives the bytes that each piece stands for.
"""

# B sentences   N rows   V target words   Q banned strings of the batch   J bytes of a string

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nmt.search.restrictions import Restriction
from nmt.step import Array, StepModel


class BannedStrings(Restriction):
    """A step model whose translations do not contain the strings that are banned for their sentence.

    `surfaces` holds the bytes of each id, with a blank for the mark of a word boundary. EOS should be a blank, and a
    blank is assumed before the first word. So a string that starts with a blank is banned only at the beginning of
    words, a string that ends with a blank only at the end of words, and a string without blanks everywhere. Because
    bytes are compared, no segmentation evades the ban: neither other pieces, nor a piece that contains more than the
    string, nor single bytes.

    Each string has an automaton (Knuth, Morris & Pratt 1977). Its state is the number of bytes of the string with which
    the text ends. A piece that would complete the string is forbidden.
    """

    def __init__(self, model: StepModel, surfaces: tuple[bytes, ...], banned: Sequence[Sequence[bytes]]) -> None:
        super().__init__(model)
        strings = sorted({string for sentence in banned for string in sentence})
        assert strings
        assert all(strings)
        self.next_QJV = np.zeros((len(strings), max(map(len, strings)), len(surfaces)), np.int16)
        for row, string in enumerate(strings):
            self.next_QJV[row, : len(string)] = build_automaton(string, surfaces)
        self.length_Q = np.array([len(string) for string in strings], np.int16)
        self.completes_QJV = self.next_QJV == self.length_Q[:, None, None]
        self.contains_QV = self.completes_QJV[:, 0].astype(np.float32)  # pieces that contain a whole string
        self.initial_Q = np.array([count_matched(string, b" ") for string in strings], np.int16)
        self.applies_BQ = np.array([[string in sentence for string in strings] for sentence in banned])

    def create_state(self, lengths_B: Array) -> tuple[Array, ...]:
        return self.applies_BQ, np.tile(self.initial_Q, (len(lengths_B), 1))

    def update_state(self, own: tuple[Array, ...], previous_N: Array) -> tuple[Array, ...]:
        applies_NQ, matched_NQ = own
        next_NQ = self.next_QJV[np.arange(len(self.next_QJV)), matched_NQ, previous_N[:, None]]
        next_NQ[next_NQ == self.length_Q] = 0  # another restriction forced the string
        return applies_NQ, next_NQ

    def restrict(self, log_probs_NV: Array, own: tuple[Array, ...], length: int) -> Array:
        applies_NQ, matched_NQ = own
        is_forbidden_NV = applies_NQ.astype(np.float32) @ self.contains_QV > 0
        for row, string in np.argwhere(applies_NQ & (matched_NQ > 0)):
            is_forbidden_NV[row] |= self.completes_QJV[string, matched_NQ[row, string]]
        return np.where(is_forbidden_NV, -np.inf, log_probs_NV)


@lru_cache(256)
def build_automaton(string: bytes, surfaces: tuple[bytes, ...]) -> Array:
    """The number of matched bytes after each id, for each number of matched bytes before it.

    An id that completes the string has the length of the string. -> next_JV
    """
    after_byte = np.zeros((len(string) + 1, 256), np.int16)  # the same for bytes; a completed string stays so
    after_byte[0, string[0]] = 1
    shorter = 0  # the number of matched bytes if the first byte of the match had not been read
    for matched, byte in enumerate(string[1:], 1):
        after_byte[matched] = after_byte[shorter]
        after_byte[matched, byte] = matched + 1
        shorter = after_byte[shorter, byte]
    after_byte[-1] = len(string)
    next_JV = np.tile(np.arange(len(string), dtype=np.int16)[:, None], len(surfaces))
    sizes = np.array([len(surface) for surface in surfaces])
    longest = int(sizes.max())
    bytes_of_id = np.frombuffer(b"".join(surface.ljust(longest) for surface in surfaces), np.uint8).reshape(-1, longest)
    for place in range(longest):
        ids = (sizes > place).nonzero()[0]
        next_JV[:, ids] = after_byte[next_JV[:, ids], bytes_of_id[ids, place]]
    return next_JV


def count_matched(string: bytes, text: bytes) -> int:
    """The number of bytes of `string` with which `text` ends; the length of `string` if `text` contains it anywhere."""
    if string in text:
        return len(string)
    return max(size for size in range(len(string)) if text.endswith(string[:size]))
