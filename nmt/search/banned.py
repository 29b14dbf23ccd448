"""A step model that never says given strings, however pieces spell them.

Works on the bytes that pieces stand for, which whoever knows the subword model hands in.
"""

# B sentences   N rows   V target words   Q banned strings of the batch   J bytes of a string that were said

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from nmt.search.restrictions import Restriction
from nmt.step import StepModel


class BannedStrings(Restriction):
    """A step model whose translations do not contain the strings that are banned for their sentence.

    `surfaces` are the bytes of each id, in which a blank stands for the word boundary mark; EOS should be a blank, and
    a translation is taken to begin after one. So a string with a blank before it is banned at the beginning of words
    only, with one behind it at their end only, and without blanks anywhere inside words. Because bytes are followed and
    not pieces, no segmentation of a string gets through: neither other pieces, nor a piece that holds more than the
    string, nor bytes.

    Each string is an automaton (Knuth, Morris & Pratt 1977) whose state is how many of its bytes have just been said;
    a piece that would complete it is forbidden.
    """

    def __init__(self, model: StepModel, surfaces: tuple[bytes, ...], banned: Sequence[Sequence[bytes]]) -> None:
        super().__init__(model)
        strings = sorted({string for sentence in banned for string in sentence})
        assert strings
        assert all(strings)
        self.follow_QJV = torch.zeros(len(strings), max(map(len, strings)), len(surfaces), dtype=torch.int16)
        for row, string in enumerate(strings):
            self.follow_QJV[row, : len(string)] = automaton(string, surfaces)
        self.length_Q = torch.tensor([len(string) for string in strings], dtype=torch.int16)
        self.complete_QJV = self.follow_QJV == self.length_Q[:, None, None]
        self.alone_QV = self.complete_QJV[:, 0].float()  # what completes a string of which nothing was said
        self.begin_Q = torch.tensor([matched(string, b" ") for string in strings], dtype=torch.int16)
        self.applies_BQ = torch.tensor([[string in sentence for string in strings] for sentence in banned])

    def begin(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        applies_BQ = self.applies_BQ.to(lengths_B.device)
        return applies_BQ, self.begin_Q.to(lengths_B.device).repeat(len(lengths_B), 1)

    def follow(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        applies_NQ, said_NQ = own
        string_Q = torch.arange(len(self.follow_QJV))
        after_NQ = self.follow_QJV[string_Q, said_NQ.long().cpu(), previous_N[:, None].cpu()]
        after_NQ = after_NQ.where(after_NQ < self.length_Q, 0)  # said all the same, because something forced it
        return applies_NQ, after_NQ.to(previous_N.device)

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        applies_NQ, said_NQ = (part.cpu() for part in own)
        forbidden_NV = applies_NQ.float() @ self.alone_QV
        rows, strings = (applies_NQ & (said_NQ > 0)).nonzero(as_tuple=True)
        forbidden_NV.index_add_(0, rows, self.complete_QJV[strings, said_NQ[rows, strings].long()].float())
        return log_probs_NV.masked_fill(forbidden_NV.bool().to(log_probs_NV.device), -torch.inf)


@lru_cache(256)
def automaton(string: bytes, surfaces: tuple[bytes, ...]) -> Tensor:
    """How many bytes of `string` are said after each id, by how many were before; all of them when the id completes it.

    -> follow_JV
    """
    fresh_V = torch.tensor(
        [matched(string, surface) if string[:1] in surface else 0 for surface in surfaces], dtype=torch.int16
    )
    follow_JV = fresh_V.repeat(len(string), 1)
    for said in range(1, len(string)):
        begun = string[:said]
        ends = [size for size in range(1, said + 1) if begun.endswith(string[:size])]
        for first in {b"", *(string[size : size + 1] for size in ends)}:  # other ids begin anew
            for index in beginning(surfaces).get(first, ()):
                follow_JV[said, index] = matched(string, begun + surfaces[index])
    return follow_JV


@lru_cache(1)
def beginning(surfaces: tuple[bytes, ...]) -> dict[bytes, list[int]]:
    """The ids of surfaces by their first byte, none where there is no byte."""
    found: dict[bytes, list[int]] = {}
    for index, surface in enumerate(surfaces):
        found.setdefault(surface[:1], []).append(index)
    return found


def matched(string: bytes, text: bytes) -> int:
    """How much of `string` stands at the end of `text`; all of it when it stands anywhere in it."""
    if string in text:
        return len(string)
    return max(size for size in range(len(string)) if text.endswith(string[:size]))
