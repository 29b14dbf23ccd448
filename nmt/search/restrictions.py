"""Step models that wrap another step model and change its log-probabilities.

A wrapper is a step model itself. So wrappers can be nested, and search treats them like any other model.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words
# T target positions so far   L longest prefix or phrase   H = L + 1   I ids, or windows of n tokens
# C phrases of a sentence   X some of the rows

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nmt.ids import EOS, PAD, pad_ids
from nmt.search.phrases import Alternatives, Phrase, WordBounds
from nmt.step import Array, StepModel, StepOut


class ForbiddenIds:
    """A step model that never generates some ids. The log-probabilities of all others stay the same."""

    def __init__(self, model: StepModel, ids: Sequence[int]) -> None:
        self.model = model
        self.ids = list(ids)
        self.vocabulary = model.vocabulary

    def start(self, source_BS: Array, lengths_B: Array) -> Any:
        return self.model.start(source_BS, lengths_B)

    def step(self, previous_N: Array, state: Any) -> StepOut:
        out = self.model.step(previous_N, state)
        out.log_probs_NV[:, self.ids] = -np.inf
        return out

    def select(self, state: Any, rows_BK: Array) -> Any:
        return self.model.select(state, rows_BK)


class RestrictionState(NamedTuple):
    """The state of a `Restriction`."""

    inner: Any  # state of the wrapped model
    own: tuple[Array, ...]  # state of the restriction itself; each array has N rows
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

    def create_state(self, lengths_B: Array) -> tuple[Array, ...]:
        """The restriction's own state before the first word, a row for each sentence."""
        raise NotImplementedError

    def update_state(self, own: tuple[Array, ...], previous_N: Array) -> tuple[Array, ...]:
        """The restriction's own state after one more word."""
        raise NotImplementedError

    def restrict(self, log_probs_NV: Array, own: tuple[Array, ...], length: int) -> Array:
        """A copy of `log_probs_NV` with minus infinity for forbidden words, or the same array. -> log_probs_NV

        A restriction that changes the array itself, which is faster, leaves no row of it empty, as `forbid_ids` does.
        """
        raise NotImplementedError

    def start(self, source_BS: Array, lengths_B: Array) -> RestrictionState:
        return RestrictionState(self.model.start(source_BS, lengths_B), self.create_state(lengths_B), -1)

    def step(self, previous_N: Array, state: RestrictionState) -> StepOut:
        out = self.model.step(previous_N, state.inner).expand_to_vocabulary(self.vocabulary)
        length = state.length + 1
        own = self.update_state(state.own, previous_N) if length else state.own
        log_probs_NV = self.restrict(out.log_probs_NV, own, length)
        if log_probs_NV is not out.log_probs_NV and len(empty_X := find_empty_rows(log_probs_NV)):
            log_probs_NV[empty_X] = out.log_probs_NV[empty_X]
        return out._replace(log_probs_NV=log_probs_NV, state=RestrictionState(out.state, own, length))

    def select(self, state: RestrictionState, rows_BK: Array) -> RestrictionState:
        own = tuple(part[rows_BK.ravel()] for part in state.own)
        return RestrictionState(self.model.select(state.inner, rows_BK), own, state.length)


def find_empty_rows(log_probs_NV: Array) -> Array:
    """The rows in which every word is forbidden. -> empty_X"""
    is_empty_N = log_probs_NV[:, EOS] == -np.inf
    if is_empty_N.any():  # otherwise the other words need not be read
        is_empty_N = log_probs_NV[:, EOS:].max(1) == -np.inf
    empty_X: Array = is_empty_N.nonzero()[0]
    return empty_X


def forbid_ids(log_probs_NV: Array, ids_NI: Array) -> None:
    """Set ids of each row to minus infinity, in place, unless that would leave the row empty.

    An id may occur twice. PAD, which is never generated anyway, stands for none.
    """
    kept_NI = np.take_along_axis(log_probs_NV, ids_NI, 1)
    np.put_along_axis(log_probs_NV, ids_NI, -np.inf, 1)
    if len(empty_X := find_empty_rows(log_probs_NV)):
        log_probs_NV[empty_X[:, None], ids_NI[empty_X]] = kept_NI[empty_X]


class MinLength(Restriction):
    """A step model that does not generate EOS before it has generated `min_length` tokens."""

    def __init__(self, model: StepModel, min_length: int) -> None:
        super().__init__(model)
        self.min_length = min_length

    def create_state(self, lengths_B: Array) -> tuple[Array, ...]:
        return ()

    def update_state(self, own: tuple[Array, ...], previous_N: Array) -> tuple[Array, ...]:
        return ()

    def restrict(self, log_probs_NV: Array, own: tuple[Array, ...], length: int) -> Array:
        if length >= self.min_length:
            return log_probs_NV
        forbid_ids(log_probs_NV, np.full((len(log_probs_NV), 1), EOS))
        return log_probs_NV


class NoRepeat(Restriction):
    """A step model that generates no sequence of `n` tokens twice; Paulus et al. 2017, arXiv:1705.04304, section 2.5.

    Tokens are pieces, not words. EOS is never forbidden.
    """

    def __init__(self, model: StepModel, n: int) -> None:
        super().__init__(model)
        self.n = n

    def create_state(self, lengths_B: Array) -> tuple[Array, ...]:
        return (np.empty((len(lengths_B), 0), int),)

    def update_state(self, own: tuple[Array, ...], previous_N: Array) -> tuple[Array, ...]:
        return (np.concatenate([own[0], previous_N[:, None]], 1),)

    def restrict(self, log_probs_NV: Array, own: tuple[Array, ...], length: int) -> Array:
        if length < self.n:
            return log_probs_NV
        (tokens_NT,) = own
        windows_NIn = sliding_window_view(tokens_NT, self.n, 1)
        is_repeat_NI = (windows_NIn[:, :, :-1] == tokens_NT[:, None, length - self.n + 1 :]).all(2)
        forbid_ids(log_probs_NV, np.where(is_repeat_NI, windows_NIn[:, :, -1], PAD))
        return log_probs_NV


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
        self.phrase_BCL = np.full((*shape, self.longest), ANY)
        self.left_BC, self.group_BC, self.before_BC = np.zeros((3, *shape), int)
        self.is_attached_BC = np.zeros(shape, bool)
        for row, sentence in enumerate(columns):
            self.group_BC[row] = len(limited[row])  # of the columns that this sentence does not have
            for column, (number, most, phrase) in enumerate(sentence):
                self.phrase_BCL[row, column, self.longest - len(phrase.ids) :] = phrase.ids
                self.left_BC[row, column] = most
                self.group_BC[row, column] = number
                self.before_BC[row, column] = self.longest - len(phrase.ids)
                self.is_attached_BC[row, column] = phrase.is_attached
        self.bounds = bounds

    def create_state(self, lengths_B: Array) -> tuple[Array, ...]:
        return LimitedState(
            phrase_NCL=self.phrase_BCL,
            left_NC=self.left_BC,
            group_NC=self.group_BC,
            before_NC=self.before_BC,
            is_attached_NC=self.is_attached_BC,
            last_NH=np.full((len(lengths_B), self.longest + 1), PAD),
        )

    def update_state(self, own: tuple[Array, ...], previous_N: Array) -> tuple[Array, ...]:
        state = LimitedState(*own)
        state = state._replace(last_NH=np.concatenate([state.last_NH[:, 1:], previous_N[:, None]], 1))
        is_match_NC = match_phrases(state.phrase_NCL, state.last_NH[:, 1:]) & self.can_begin(state, state.before_NC)
        is_alike_NCC = state.group_NC[:, :, None] == state.group_NC[:, None]
        return state._replace(left_NC=state.left_NC - (is_alike_NCC & is_match_NC[:, None]).any(2))

    def restrict(self, log_probs_NV: Array, own: tuple[Array, ...], length: int) -> Array:
        state = LimitedState(*own)
        is_begun_NC = match_phrases(state.phrase_NCL[:, :, :-1], state.last_NH[:, 2:])
        is_forbidden_NC = (state.left_NC < 1) & is_begun_NC & self.can_begin(state, state.before_NC + 1)
        final_NC = state.phrase_NCL[:, :, -1]
        forbid_ids(log_probs_NV, np.where(is_forbidden_NC & (final_NC != ANY), final_NC, PAD))
        return log_probs_NV

    def can_begin(self, state: "LimitedState", before_NC: Array) -> Array:
        """Whether each phrase could begin after the token at `before_NC`. -> can_begin_NC"""
        can_begin_NC: Array = self.bounds.ends_V[np.take_along_axis(state.last_NH, before_NC, 1)]
        return can_begin_NC | ~state.is_attached_NC


class LimitedState(NamedTuple):
    """The limited phrases of each row, and the last tokens that it has generated."""

    phrase_NCL: Array  # ANY before the first id
    left_NC: Array  # how often the group is still allowed
    group_NC: Array
    before_NC: Array  # the place in `last_NH` of the token before a phrase that ends with the last token
    is_attached_NC: Array
    last_NH: Array


ANY = -1  # padding before the first id of a phrase; it matches every id


def drop_longer(group: Alternatives) -> list[Phrase]:
    """The phrases that do not begin with another one of the group."""
    spelled = {phrase.ids for phrase in group}
    return [one for one in group if not any(one.ids[:size] in spelled for size in range(1, len(one.ids)))]


def match_phrases(phrase_NCL: Array, tokens_NL: Array) -> Array:
    """Whether the tokens end with each phrase. -> is_match_NC"""
    is_match_NC: Array = ((phrase_NCL == tokens_NL[:, None]) | (phrase_NCL == ANY)).all(2)
    return is_match_NC


class Prefix(Restriction):
    """A step model whose translations begin with given ids, a list for each sentence of one batch; it may be empty.

    Where `ends_word` is true of a sentence, its prefix ends with a whole word: the next id is one of those that
    `begins_word_V` is true of.
    """

    def __init__(
        self, model: StepModel, prefixes: Sequence[Sequence[int]], ends_word: Sequence[bool], begins_word_V: Array
    ) -> None:
        super().__init__(model)
        self.prefix_BL, self.lengths_B = pad_ids(prefixes)
        self.ends_word_B = np.array(ends_word)
        self.begins_word_V = begins_word_V

    def create_state(self, lengths_B: Array) -> tuple[Array, ...]:
        return self.prefix_BL, self.lengths_B, self.ends_word_B

    def update_state(self, own: tuple[Array, ...], previous_N: Array) -> tuple[Array, ...]:
        return own

    def restrict(self, log_probs_NV: Array, own: tuple[Array, ...], length: int) -> Array:
        prefix_NL, lengths_N, ends_word_N = own
        if length < prefix_NL.shape[1]:
            is_forced_N1 = (length < lengths_N)[:, None]
            next_N1 = prefix_NL[:, length : length + 1]
            forced_NV = np.full_like(log_probs_NV, -np.inf)
            np.put_along_axis(forced_NV, next_N1, np.take_along_axis(log_probs_NV, next_N1, 1), 1)
            log_probs_NV = np.where(is_forced_N1, forced_NV, log_probs_NV)
        must_begin_word_N = ends_word_N & (length == lengths_N) & (length > 0)
        if must_begin_word_N.any():
            log_probs_NV = np.where(must_begin_word_N[:, None] & ~self.begins_word_V, -np.inf, log_probs_NV)
        return log_probs_NV
