"""Step models that wrap another step model and change its log-probabilities.

A wrapper is a step model itself. So wrappers can be nested, and search treats them like any other model.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words
# T target positions so far   L longest prefix or phrase   H = L + 1   I ids, or windows of n tokens
# C phrases of a sentence   X some of the rows

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nmt.ids import EOS, PAD
from nmt.search.phrases import Alternatives, Phrase, WordBounds
from nmt.step import StepModel, StepOut


class ForbiddenIds:
    """A step model that never generates some ids. The log-probabilities of all others stay the same."""

    def __init__(self, model: StepModel, ids: Sequence[int]) -> None:
        self.model = model
        self.ids_I = torch.tensor(ids, dtype=torch.long)
        self.vocabulary = model.vocabulary

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> Any:
        return self.model.start(source_BS, lengths_B)

    def step(self, previous_N: Tensor, state: Any) -> StepOut:
        out = self.model.step(previous_N, state)
        out.log_probs_NV.index_fill_(1, self.ids_I.to(out.log_probs_NV.device), -torch.inf)
        return out

    def select(self, state: Any, rows_BK: Tensor) -> Any:
        return self.model.select(state, rows_BK)


class RestrictionState(NamedTuple):
    """The state of a `Restriction`."""

    inner: Any  # state of the wrapped model
    own: tuple[Tensor, ...]  # state of the restriction itself; each tensor has N rows
    length: int  # tokens generated so far


class Restriction:
    """A step model that forbids some words, depending on the sentence or on the tokens that a row has generated.

    The words that remain keep their log-probabilities; these are not renormalised. Where a restriction would forbid
    every word of a row, it does not apply. So an inner wrapper that forces a word wins over an outer one that forbids
    it.

    A restriction that differs between sentences is built for one batch and refers to sentences by their row in it.
    """

    def __init__(self, model: StepModel) -> None:
        self.model = model
        self.vocabulary = model.vocabulary

    def create_state(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        """The restriction's own state before the first word, a row for each sentence."""
        raise NotImplementedError

    def update_state(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        """The restriction's own state after one more word."""
        raise NotImplementedError

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        """A copy of `log_probs_NV` with minus infinity for forbidden words, or the same tensor. -> log_probs_NV

        A restriction that changes the tensor itself, which is faster, leaves no row of it empty; see `find_empty_rows`.
        """
        raise NotImplementedError

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> RestrictionState:
        return RestrictionState(self.model.start(source_BS, lengths_B), self.create_state(lengths_B), -1)

    def step(self, previous_N: Tensor, state: RestrictionState) -> StepOut:
        out = self.model.step(previous_N, state.inner).expand_to_vocabulary(self.vocabulary)
        length = state.length + 1
        own = self.update_state(state.own, previous_N) if length else state.own
        log_probs_NV = self.restrict(out.log_probs_NV, own, length)
        if log_probs_NV is not out.log_probs_NV and len(empty_X := find_empty_rows(log_probs_NV)):
            log_probs_NV[empty_X] = out.log_probs_NV[empty_X]
        return out._replace(log_probs_NV=log_probs_NV, state=RestrictionState(out.state, own, length))

    def select(self, state: RestrictionState, rows_BK: Tensor) -> RestrictionState:
        own = tuple(part[rows_BK.flatten()] for part in state.own)
        return RestrictionState(self.model.select(state.inner, rows_BK), own, state.length)


def find_empty_rows(log_probs_NV: Tensor) -> Tensor:
    """The rows in which every word is forbidden. -> empty_X"""
    return (log_probs_NV[:, EOS:].amax(1) == -torch.inf).nonzero()[:, 0]


class MinLength(Restriction):
    """A step model that does not generate EOS before it has generated `min_length` tokens."""

    def __init__(self, model: StepModel, min_length: int) -> None:
        super().__init__(model)
        self.min_length = min_length

    def create_state(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        return ()

    def update_state(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        return ()

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        if length >= self.min_length:
            return log_probs_NV
        return log_probs_NV.index_fill(1, torch.tensor([EOS], device=log_probs_NV.device), -torch.inf)


class NoRepeat(Restriction):
    """A step model that generates no sequence of `n` tokens twice; Paulus et al. 2017, arXiv:1705.04304, section 2.5.

    Tokens are pieces, not words. EOS is never forbidden.
    """

    def __init__(self, model: StepModel, n: int) -> None:
        super().__init__(model)
        self.n = n

    def create_state(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        return (lengths_B.new_empty(len(lengths_B), 0),)

    def update_state(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([own[0], previous_N[:, None]], 1),)

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        if length < self.n:
            return log_probs_NV
        (tokens_NT,) = own
        windows_NIn = tokens_NT.unfold(1, self.n, 1)
        is_repeat_NI = (windows_NIn[:, :, :-1] == tokens_NT[:, None, length - self.n + 1 :]).all(2)
        last_NI = torch.where(is_repeat_NI, windows_NIn[:, :, -1], PAD)  # PAD is never generated anyway
        return log_probs_NV.scatter(1, last_NI, -torch.inf)


class LimitedPhrases(Restriction):
    """A step model that generates phrases of a sentence at most a given number of times.

    The phrases of a group count together. When they have been generated as often as is allowed, the id that would
    complete one of them again is forbidden. A phrase that begins with another one of its group counts with that.
    """

    def __init__(
        self, model: StepModel, limited: Sequence[Sequence[tuple[Alternatives, int]]], bounds: WordBounds
    ) -> None:
        """`limited` has the groups of each sentence, and how often each is allowed."""
        super().__init__(model)
        columns = [
            [(n, most, phrase) for n, (group, most) in enumerate(groups) for phrase in drop_longer(group)]
            for groups in limited
        ]
        self.longest = max(len(phrase.ids) for sentence in columns for *_, phrase in sentence)
        shape = len(limited), max(map(len, columns))
        self.phrase_BCL = torch.full((*shape, self.longest), ANY)
        self.left_BC, self.group_BC, self.before_BC = torch.zeros(3, *shape, dtype=torch.long)
        self.is_attached_BC = torch.zeros(shape, dtype=torch.bool)
        for row, sentence in enumerate(columns):
            self.group_BC[row] = len(limited[row])  # of the columns that this sentence does not have
            for column, (number, most, phrase) in enumerate(sentence):
                self.phrase_BCL[row, column, self.longest - len(phrase.ids) :] = torch.tensor(phrase.ids)
                self.left_BC[row, column] = most
                self.group_BC[row, column] = number
                self.before_BC[row, column] = self.longest - len(phrase.ids)
                self.is_attached_BC[row, column] = phrase.is_attached
        self.bounds = bounds

    def create_state(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        device = lengths_B.device
        return LimitedState(
            phrase_NCL=self.phrase_BCL.to(device),
            left_NC=self.left_BC.to(device),
            group_NC=self.group_BC.to(device),
            before_NC=self.before_BC.to(device),
            is_attached_NC=self.is_attached_BC.to(device),
            last_NH=torch.full((len(lengths_B), self.longest + 1), PAD, device=device),
        )

    def update_state(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        state = LimitedState(*own)
        state = state._replace(last_NH=torch.cat([state.last_NH[:, 1:], previous_N[:, None]], 1))
        is_match_NC = match_phrases(state.phrase_NCL, state.last_NH[:, 1:]) & self.can_begin(state, state.before_NC)
        is_alike_NCC = state.group_NC[:, :, None] == state.group_NC[:, None]
        return state._replace(left_NC=state.left_NC - (is_alike_NCC & is_match_NC[:, None]).any(2).long())

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        state = LimitedState(*own)
        is_begun_NC = match_phrases(state.phrase_NCL[:, :, :-1], state.last_NH[:, 2:])
        is_forbidden_NC = (state.left_NC < 1) & is_begun_NC & self.can_begin(state, state.before_NC + 1)
        final_NC = state.phrase_NCL[:, :, -1]
        final_NC = torch.where(is_forbidden_NC & (final_NC != ANY), final_NC, PAD)  # PAD is never generated anyway
        kept_NC = log_probs_NV.gather(1, final_NC)
        log_probs_NV.scatter_(1, final_NC, -torch.inf)
        if len(empty_X := find_empty_rows(log_probs_NV)):
            log_probs_NV[empty_X] = log_probs_NV[empty_X].scatter(1, final_NC[empty_X], kept_NC[empty_X])
        return log_probs_NV

    def can_begin(self, state: "LimitedState", before_NC: Tensor) -> Tensor:
        """Whether each phrase could begin after the token at `before_NC`. -> can_begin_NC"""
        ends_V = self.bounds.ends_V.to(state.last_NH.device)
        return ~state.is_attached_NC | ends_V[state.last_NH.gather(1, before_NC)]


class LimitedState(NamedTuple):
    """The limited phrases of each row, and the last tokens that it has generated."""

    phrase_NCL: Tensor  # ANY before the first id
    left_NC: Tensor  # how often the group is still allowed
    group_NC: Tensor
    before_NC: Tensor  # the place in `last_NH` of the token before a phrase that ends with the last token
    is_attached_NC: Tensor
    last_NH: Tensor


ANY = -1  # padding before the first id of a phrase; it matches every id


def drop_longer(group: Alternatives) -> list[Phrase]:
    """The phrases that do not begin with another one of the group."""
    spelled = {phrase.ids for phrase in group}
    return [one for one in group if not any(one.ids[:size] in spelled for size in range(1, len(one.ids)))]


def match_phrases(phrase_NCL: Tensor, tokens_NL: Tensor) -> Tensor:
    """Whether the tokens end with each phrase. -> is_match_NC"""
    return ((phrase_NCL == tokens_NL[:, None]) | (phrase_NCL == ANY)).all(2)


class Prefix(Restriction):
    """A step model whose translations begin with given ids, a list for each sentence of one batch; it may be empty.

    Where `ends_word` is true of a sentence, its prefix ends with a whole word: the next id is one of those that
    `begins_word_V` is true of.
    """

    def __init__(
        self, model: StepModel, prefixes: Sequence[Sequence[int]], ends_word: Sequence[bool], begins_word_V: Tensor
    ) -> None:
        super().__init__(model)
        self.prefix_BL = pad_sequence([torch.tensor(ids, dtype=torch.long) for ids in prefixes], batch_first=True)
        self.lengths_B = torch.tensor([len(ids) for ids in prefixes])
        self.ends_word_B = torch.tensor(ends_word)
        self.begins_word_V = begins_word_V

    def create_state(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        return tuple(part.to(lengths_B.device) for part in (self.prefix_BL, self.lengths_B, self.ends_word_B))

    def update_state(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        return own

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        prefix_NL, lengths_N, ends_word_N = own
        if length < prefix_NL.shape[1]:
            is_forced_N1 = (length < lengths_N)[:, None]
            next_N1 = prefix_NL[:, length : length + 1]
            forced_NV = torch.full_like(log_probs_NV, -torch.inf)
            forced_NV.scatter_(1, next_N1, log_probs_NV.gather(1, next_N1))
            log_probs_NV = torch.where(is_forced_N1, forced_NV, log_probs_NV)
        must_begin_word_N1 = (ends_word_N & (length == lengths_N) & (length > 0))[:, None]
        continues_word_V = ~self.begins_word_V.to(log_probs_NV.device)
        return log_probs_NV.masked_fill(must_begin_word_N1 & continues_word_V, -torch.inf)
