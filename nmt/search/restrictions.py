"""Step models that wrap a step model and change what it says.

A wrapper is a step model itself, so wrappers nest, and search does not know of them.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words
# T target positions so far   L longest prefix   I windows of n tokens

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nmt.ids import EOS, PAD
from nmt.step import StepModel, StepOut


class ForbiddenIds:
    """A step model that never says some words. What the others lose is not given to the rest."""

    def __init__(self, model: StepModel, ids: Sequence[int]) -> None:
        self.model = model
        self.ids = torch.tensor(ids, dtype=torch.long)
        self.vocabulary = model.vocabulary

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> Any:
        return self.model.start(source_BS, lengths_B)

    def step(self, previous_N: Tensor, state: Any) -> StepOut:
        out = self.model.step(previous_N, state)
        out.log_probs_NV.index_fill_(1, self.ids.to(out.log_probs_NV.device), -torch.inf)
        return out

    def select(self, state: Any, rows_BK: Tensor) -> Any:
        return self.model.select(state, rows_BK)


class RestrictionState(NamedTuple):
    """The state of a `Restriction`."""

    inner: Any
    own: tuple[Tensor, ...]  # what the restriction remembers of rows, each with N of them
    length: int  # tokens that rows have said


class Restriction:
    """A step model that forbids some words where that depends on the sentence or on what a row has said.

    What is left is not scaled up: log-probabilities stay the model's. A row is never silenced: where a restriction
    would leave it no word at all, it does not apply. So what is forced inside wins over what is forbidden outside.

    Restrictions that differ by sentence are made for one batch, whose sentences they know by their place in it.
    """

    def __init__(self, model: StepModel) -> None:
        self.model = model
        self.vocabulary = model.vocabulary

    def begin(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        """What is remembered before the first word, a row for each sentence."""
        raise NotImplementedError

    def follow(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        """What is remembered after one more word."""
        raise NotImplementedError

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        """`log_probs_NV`, a copy of it with minus infinity for what is forbidden. -> log_probs_NV"""
        raise NotImplementedError

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> RestrictionState:
        return RestrictionState(self.model.start(source_BS, lengths_B), self.begin(lengths_B), -1)

    def step(self, previous_N: Tensor, state: RestrictionState) -> StepOut:
        out = self.model.step(previous_N, state.inner).expand_to_vocabulary(self.vocabulary)
        length = state.length + 1
        own = self.follow(state.own, previous_N) if length else state.own
        log_probs_NV = self.restrict(out.log_probs_NV, own, length)
        can_speak_N1 = (log_probs_NV[:, EOS:] > -torch.inf).any(1, keepdim=True)
        log_probs_NV = torch.where(can_speak_N1, log_probs_NV, out.log_probs_NV)
        return out._replace(log_probs_NV=log_probs_NV, state=RestrictionState(out.state, own, length))

    def select(self, state: RestrictionState, rows_BK: Tensor) -> RestrictionState:
        own = tuple(part[rows_BK.flatten()] for part in state.own)
        return RestrictionState(self.model.select(state.inner, rows_BK), own, state.length)


class MinLength(Restriction):
    """A step model that does not end before it has said `least` tokens, EOS not counted."""

    def __init__(self, model: StepModel, least: int) -> None:
        super().__init__(model)
        self.least = least

    def begin(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        return ()

    def follow(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        return ()

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        if length >= self.least:
            return log_probs_NV
        return log_probs_NV.index_fill(1, torch.tensor([EOS], device=log_probs_NV.device), -torch.inf)


class NoRepeat(Restriction):
    """A step model that says no `n` tokens in a row a second time; Paulus et al. 2017, arXiv:1705.04304, section 2.5.

    Tokens are pieces, not words. EOS is free.
    """

    def __init__(self, model: StepModel, n: int) -> None:
        super().__init__(model)
        self.n = n

    def begin(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        return (lengths_B.new_empty(len(lengths_B), 0),)

    def follow(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([own[0], previous_N[:, None]], 1),)

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        if length < self.n:
            return log_probs_NV
        (said_NT,) = own
        windows_NIn = said_NT.unfold(1, self.n, 1)
        is_again_NI = (windows_NIn[:, :, :-1] == said_NT[:, None, length - self.n + 1 :]).all(2)
        last_NI = torch.where(is_again_NI, windows_NIn[:, :, -1], PAD)  # which nobody says
        return log_probs_NV.scatter(1, last_NI, -torch.inf)


class Prefix(Restriction):
    """A step model whose translations begin with given ids, those of one batch; no ids are no prefix.

    Where `is_whole` says so of a sentence, the prefix ends with a whole word: what follows it is one of the ids that
    `begins_V` is true of.
    """

    def __init__(
        self, model: StepModel, prefixes: Sequence[Sequence[int]], is_whole: Sequence[bool], begins_V: Tensor
    ) -> None:
        super().__init__(model)
        self.prefix_BL = pad_sequence([torch.tensor(ids, dtype=torch.long) for ids in prefixes], batch_first=True)
        self.lengths_B = torch.tensor([len(ids) for ids in prefixes])
        self.is_whole_B = torch.tensor(is_whole)
        self.begins_V = begins_V

    def begin(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        return tuple(part.to(lengths_B.device) for part in (self.prefix_BL, self.lengths_B, self.is_whole_B))

    def follow(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        return own

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        prefix_NL, lengths_N, is_whole_N = own
        if length < prefix_NL.shape[1]:
            is_forced_N1 = (length < lengths_N)[:, None]
            wanted_N1 = prefix_NL[:, length : length + 1]
            forced_NV = torch.full_like(log_probs_NV, -torch.inf)
            forced_NV.scatter_(1, wanted_N1, log_probs_NV.gather(1, wanted_N1))
            log_probs_NV = torch.where(is_forced_N1, forced_NV, log_probs_NV)
        is_after_N1 = (is_whole_N & (length == lengths_N) & (length > 0))[:, None]
        continues_V = ~self.begins_V.to(log_probs_NV.device)
        return log_probs_NV.masked_fill(is_after_N1 & continues_V, -torch.inf)
