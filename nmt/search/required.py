"""A step model whose translations contain given phrases. It also reports the progress of each row to search.

Phrases are sequences of ids; text becomes ids in nmt.translation.constraints.
"""

# B sentences   N rows   C phrases of a sentence, those of a group beside each other   L longest phrase
# V target words   Q = 2 C ids that would advance a row's phrases   X some of the rows

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nmt.ids import EOS, PAD
from nmt.search.phrases import Alternatives, WordBounds, list_lengths
from nmt.search.restrictions import Restriction, find_empty_rows
from nmt.step import Array, ConstraintProgress, StepModel, StepOut

USUAL_LOG_PROB = -1.0  # of a token, for ranks: what each further token of a phrase counts as


class RequiredState(NamedTuple):
    """The phrases required of each row, and which of their tokens it has generated.

    One phrase of each group is enough. `least_NC` is the fewest tokens that meet its group anywhere in a text.
    `allowance_N` and `begun_allowance_N` are sums over the further tokens of phrases that have ended, and of those that
    have begun: how much less probable they are than usual tokens.
    """

    phrase_NCL: Array
    length_NC: Array
    may_continue_NC: Array
    is_attached_NC: Array
    is_initial_NC: Array
    group_NC: Array
    least_NC: Array
    is_first_NC: Array  # of its group
    limit_N: Array
    is_met_NC: Array  # the same for all phrases of a group
    active_NC: Array  # the phrases, all of one group, that the last tokens have begun
    generated_N: Array  # how many tokens of them, 0 when none has begun
    must_begin_word_N: Array  # a phrase has just ended, and its last word may not continue
    may_attach_N: Array  # a word may begin without a blank
    has_begun_N: Array  # there are tokens
    allowance_N: Array
    begun_allowance_N: Array
    next_allowance_NC: Array  # of each phrase that has begun, with its next token


class RequiredPhrases(Restriction):
    """A step model that does not generate EOS before it has generated a phrase of every group of its sentence; Post &
    Vilar 2018, arXiv:1804.06609, section 3.

    The tokens of a phrase must follow each other: a row that generates another token in the middle has to begin the
    phrase again. The next id after a phrase is one that begins a word, unless the phrase may continue. When the tokens
    left up to the length limit are just enough for the required ones, all other ids are forbidden, so that every
    translation has every group. Therefore `limits` must leave room for the shortest phrase of each group and EOS. The
    paper's decoder does not force phrases at the end and may leave some out, and it knows no alternatives.

    The `constraints` of each step let search share out its slots by progress; otherwise phrases would be generated only
    at the end, when they are forced. In the paper progress is the number of required tokens, which takes as many slots.
    Here it is that of phrases, one that has begun included. So that of two hypotheses with equal progress the one that
    has just begun a phrase is not ranked above the one that has paid for all of it, the tokens after the first count as
    usual tokens, wherever the phrase stands.
    """

    def __init__(
        self,
        model: StepModel,
        required: Sequence[Sequence[Alternatives]],
        limits: Sequence[int],
        bounds: WordBounds,
    ) -> None:
        """`required` has the groups of each sentence."""
        super().__init__(model)
        columns = [[(n, phrase) for n, group in enumerate(groups) for phrase in group] for groups in required]
        longest = max(len(phrase.ids) for sentence in columns for _, phrase in sentence)
        shape = len(required), max(map(len, columns))
        self.phrase_BCL = np.full((*shape, longest), PAD)
        self.length_BC, self.least_BC, self.group_BC = np.zeros((3, *shape), int)
        self.may_continue_BC, self.is_attached_BC, self.is_initial_BC, self.is_first_BC = np.zeros((4, *shape), bool)
        for row, (groups, sentence) in enumerate(zip(required, columns, strict=True)):
            self.group_BC[row] = len(groups)  # of the columns that this sentence does not have
            for column, (number, phrase) in enumerate(sentence):
                self.phrase_BCL[row, column, : len(phrase.ids)] = phrase.ids
                self.length_BC[row, column] = len(phrase.ids)
                self.may_continue_BC[row, column] = phrase.may_continue
                self.is_attached_BC[row, column] = phrase.is_attached
                self.is_initial_BC[row, column] = phrase.is_initial
                self.group_BC[row, column] = number
                self.least_BC[row, column] = min(list_lengths(groups[number]))
                self.is_first_BC[row, column] = column == 0 or sentence[column - 1][0] != number
        self.limit_B = np.array(limits)
        self.bounds = bounds
        assert (self.limit_B > (self.least_BC * self.is_first_BC).sum(1)).all()

    def create_state(self, lengths_B: Array) -> tuple[Array, ...]:
        zero_B = np.zeros_like(lengths_B)
        return RequiredState(
            phrase_NCL=self.phrase_BCL,
            length_NC=self.length_BC,
            may_continue_NC=self.may_continue_BC,
            is_attached_NC=self.is_attached_BC,
            is_initial_NC=self.is_initial_BC,
            group_NC=self.group_BC,
            least_NC=self.least_BC,
            is_first_NC=self.is_first_BC,
            limit_N=self.limit_B,
            is_met_NC=self.length_BC == 0,
            active_NC=np.zeros(self.length_BC.shape, bool),
            generated_N=zero_B,
            must_begin_word_N=zero_B > 0,
            may_attach_N=zero_B == 0,
            has_begun_N=zero_B > 0,
            allowance_N=np.zeros(len(zero_B)),
            begun_allowance_N=np.zeros(len(zero_B)),
            next_allowance_NC=np.zeros(self.length_BC.shape),
        )

    def update_state(self, own: tuple[Array, ...], previous_N: Array) -> tuple[Array, ...]:
        before = RequiredState(*own)
        next_NC, first_NC = find_next_tokens(before)
        continues_NC = before.active_NC & (next_NC == previous_N[:, None])
        begins_NC = first_NC == previous_N[:, None]
        begins_NC = begins_NC & select_group(before.group_NC, begins_NC)
        continues_N1 = continues_NC.any(1, keepdims=True)
        active_NC = np.where(continues_N1, continues_NC, begins_NC)
        generated_N = np.where(continues_N1[:, 0], before.generated_N + 1, active_NC.any(1))
        ends_NC = active_NC & (before.length_NC == generated_N[:, None])
        ends_N = ends_NC.any(1)
        begun_allowance_N = np.where(continues_NC, before.next_allowance_NC, -np.inf).max(1)
        begun_allowance_N[~continues_N1[:, 0]] = 0
        active_NC = active_NC & ~ends_NC
        return before._replace(
            is_met_NC=before.is_met_NC | select_group(before.group_NC, ends_NC),
            active_NC=active_NC,
            generated_N=generated_N * active_NC.any(1),
            must_begin_word_N=(ends_NC & ~before.may_continue_NC).any(1),
            may_attach_N=self.bounds.ends_V[previous_N],
            has_begun_N=np.ones_like(before.has_begun_N),
            allowance_N=before.allowance_N + np.where(ends_N, begun_allowance_N, 0),
            begun_allowance_N=np.where(ends_N, 0, begun_allowance_N),
        )

    def restrict(self, log_probs_NV: Array, own: tuple[Array, ...], length: int) -> Array:
        state = RequiredState(*own)
        next_NC, first_NC = find_next_tokens(state)
        lacked_N1 = (state.least_NC * (state.is_first_NC & ~state.is_met_NC)).sum(1, keepdims=True)  # tokens
        lacks_N1 = lacked_N1 > 0
        room_N1 = (state.limit_N - length - 2)[:, None]  # tokens between the next one and EOS
        is_late_N1 = lacks_N1 & (lacked_N1 > room_N1)
        left_NC = lacked_N1 - state.least_NC + state.length_NC - 1  # after the first token of a phrase
        first_NC = np.where(left_NC > room_N1, PAD, first_NC)
        cannot_go_on_NC = state.is_met_NC | (left_NC - state.generated_N[:, None] > room_N1)
        longer_NC = np.where(~state.is_met_NC | is_late_N1, PAD, next_NC)  # the rest of one of a group that is met
        token_NQ = np.concatenate([np.where(cannot_go_on_NC, PAD, next_NC), first_NC, longer_NC], 1)

        kept_NQ = np.take_along_axis(log_probs_NV, token_NQ, 1)
        ends_N = log_probs_NV[:, EOS].copy()
        log_probs_NV[lacks_N1[:, 0], EOS] = -np.inf
        narrowed_X = (is_late_N1[:, 0] | state.must_begin_word_N).nonzero()[0]
        all_XV = log_probs_NV[narrowed_X]
        continues_word_V = ~self.bounds.begins_V
        is_forbidden_XV = is_late_N1[narrowed_X] | (state.must_begin_word_N[narrowed_X, None] & continues_word_V)
        log_probs_NV[narrowed_X] = np.where(is_forbidden_XV, -np.inf, all_XV)
        np.put_along_axis(log_probs_NV, token_NQ, kept_NQ, 1)
        if len(empty_X := find_empty_rows(log_probs_NV)):
            is_empty_X = np.isin(narrowed_X, empty_X)
            log_probs_NV[narrowed_X[is_empty_X]] = all_XV[is_empty_X]
            log_probs_NV[empty_X, EOS] = ends_N[empty_X]
        return log_probs_NV

    def step(self, previous_N: Array, state: Any) -> StepOut:
        out = super().step(previous_N, state)
        own = RequiredState(*out.state.own)
        next_NC, first_NC = find_next_tokens(own)
        log_prob_NC = np.take_along_axis(out.log_probs_NV, next_NC, 1).astype(np.float64)
        further_NC = np.where(log_prob_NC == -np.inf, 0, USUAL_LOG_PROB - log_prob_NC)
        own = own._replace(next_allowance_NC=own.begun_allowance_N[:, None] + further_NC)
        return out._replace(state=out.state._replace(own=own), constraints=build_progress(own, next_NC, first_NC))


def select_group(group_NC: Array, is_chosen_NC: Array) -> Array:
    """All phrases of the group of the first phrase that is chosen; none where none is. -> is_selected_NC"""
    first_N1 = is_chosen_NC.argmax(1, keepdims=True)
    is_selected_NC: Array = group_NC == np.take_along_axis(group_NC, first_N1, 1)
    return is_selected_NC & is_chosen_NC.any(1, keepdims=True)


def find_next_tokens(state: RequiredState) -> tuple[Array, Array]:
    """The next tokens of the phrases that have begun, and the first tokens of those that are not met; PAD for none.

    -> next_NC, first_NC
    """
    next_NC = state.phrase_NCL[np.arange(len(state.phrase_NCL)), :, state.generated_N]
    next_NC = np.where(state.active_NC, next_NC, PAD)
    cannot_begin_NC = state.is_met_NC | (state.is_initial_NC & state.has_begun_N[:, None])
    cannot_begin_NC |= state.is_attached_NC & ~state.may_attach_N[:, None]
    return next_NC, np.where(cannot_begin_NC, PAD, state.phrase_NCL[:, :, 0])


def build_progress(state: RequiredState, next_NC: Array, first_NC: Array) -> ConstraintProgress:
    """The tokens that would advance each row, which `find_next_tokens` gives, and what counts for its rank."""
    next_NC = np.where(state.is_met_NC, PAD, next_NC)
    allowance_NQ = np.concatenate([state.next_allowance_NC, np.zeros_like(state.next_allowance_NC)], 1)
    return ConstraintProgress(
        token_NQ=np.concatenate([next_NC, first_NC], 1),
        progress_N=(state.is_first_NC & state.is_met_NC).sum(1),
        allowance_NQ=state.allowance_N[:, None] + allowance_NQ,
        allowance_N=state.allowance_N,
    )
