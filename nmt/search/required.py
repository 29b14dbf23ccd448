"""A step model whose translations contain given phrases. It also reports the progress of each row to search.

Phrases are sequences of ids; text becomes ids in nmt.translation.constraints.
"""

# B sentences   N rows   C phrases of a sentence, those of a group beside each other   L longest phrase
# V target words   Q = 2 C ids that would advance a row's phrases   X some of the rows

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nmt.ids import EOS, PAD
from nmt.search.phrases import Alternatives, WordBounds, list_lengths
from nmt.search.restrictions import Restriction, find_empty_rows
from nmt.step import ConstraintProgress, StepModel, StepOut

USUAL_LOG_PROB = -1.0  # of a token, for ranks: what each further token of a phrase counts as


class RequiredState(NamedTuple):
    """The phrases required of each row, and which of their tokens it has generated.

    One phrase of each group is enough. `least_NC` is the fewest tokens that meet its group anywhere in a text.
    `allowance_N` and `begun_allowance_N` are sums over the further tokens of phrases that have ended, and of those that
    have begun: how much less probable they are than usual tokens.
    """

    phrase_NCL: Tensor
    length_NC: Tensor
    may_continue_NC: Tensor
    is_attached_NC: Tensor
    is_initial_NC: Tensor
    group_NC: Tensor
    least_NC: Tensor
    is_first_NC: Tensor  # of its group
    limit_N: Tensor
    is_met_NC: Tensor  # the same for all phrases of a group
    active_NC: Tensor  # the phrases, all of one group, that the last tokens have begun
    generated_N: Tensor  # how many tokens of them, 0 when none has begun
    must_begin_word_N: Tensor  # a phrase has just ended, and its last word may not continue
    may_attach_N: Tensor  # a word may begin without a blank
    has_begun_N: Tensor  # there are tokens
    allowance_N: Tensor
    begun_allowance_N: Tensor
    next_allowance_NC: Tensor  # of each phrase that has begun, with its next token


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
        self.phrase_BCL = torch.full((*shape, longest), PAD)
        self.length_BC, self.least_BC, self.group_BC = torch.zeros(3, *shape, dtype=torch.long)
        self.may_continue_BC, self.is_attached_BC, self.is_initial_BC, self.is_first_BC = torch.zeros(
            4, *shape, dtype=torch.bool
        )
        for row, (groups, sentence) in enumerate(zip(required, columns, strict=True)):
            self.group_BC[row] = len(groups)  # of the columns that this sentence does not have
            for column, (number, phrase) in enumerate(sentence):
                self.phrase_BCL[row, column, : len(phrase.ids)] = torch.tensor(phrase.ids)
                self.length_BC[row, column] = len(phrase.ids)
                self.may_continue_BC[row, column] = phrase.may_continue
                self.is_attached_BC[row, column] = phrase.is_attached
                self.is_initial_BC[row, column] = phrase.is_initial
                self.group_BC[row, column] = number
                self.least_BC[row, column] = min(list_lengths(groups[number]))
                self.is_first_BC[row, column] = column == 0 or sentence[column - 1][0] != number
        self.limit_B = torch.tensor(limits)
        self.bounds = bounds
        assert (self.limit_B > (self.least_BC * self.is_first_BC).sum(1)).all()

    def create_state(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        device = lengths_B.device
        zero_B = torch.zeros_like(lengths_B)
        length_BC = self.length_BC.to(device)
        return RequiredState(
            phrase_NCL=self.phrase_BCL.to(device),
            length_NC=length_BC,
            may_continue_NC=self.may_continue_BC.to(device),
            is_attached_NC=self.is_attached_BC.to(device),
            is_initial_NC=self.is_initial_BC.to(device),
            group_NC=self.group_BC.to(device),
            least_NC=self.least_BC.to(device),
            is_first_NC=self.is_first_BC.to(device),
            limit_N=self.limit_B.to(device),
            is_met_NC=length_BC == 0,
            active_NC=torch.zeros_like(length_BC, dtype=torch.bool),
            generated_N=zero_B,
            must_begin_word_N=zero_B.bool(),
            may_attach_N=~zero_B.bool(),
            has_begun_N=zero_B.bool(),
            allowance_N=zero_B.double(),
            begun_allowance_N=zero_B.double(),
            next_allowance_NC=torch.zeros_like(length_BC, dtype=torch.float64),
        )

    def update_state(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        before = RequiredState(*own)
        next_NC, first_NC = find_next_tokens(before)
        continues_NC = before.active_NC & (next_NC == previous_N[:, None])
        begins_NC = first_NC == previous_N[:, None]
        begins_NC = begins_NC & select_group(before.group_NC, begins_NC)
        continues_N1 = continues_NC.any(1, keepdim=True)
        active_NC = torch.where(continues_N1, continues_NC, begins_NC)
        generated_N = torch.where(continues_N1[:, 0], before.generated_N + 1, active_NC.any(1).long())
        ends_NC = active_NC & (before.length_NC == generated_N[:, None])
        ends_N = ends_NC.any(1)
        begun_allowance_N = (
            before.next_allowance_NC.where(continues_NC, -torch.inf).amax(1).where(continues_N1[:, 0], 0)
        )
        active_NC = active_NC & ~ends_NC
        return before._replace(
            is_met_NC=before.is_met_NC | select_group(before.group_NC, ends_NC),
            active_NC=active_NC,
            generated_N=generated_N * active_NC.any(1),
            must_begin_word_N=(ends_NC & ~before.may_continue_NC).any(1),
            may_attach_N=self.bounds.ends_V.to(previous_N.device)[previous_N],
            has_begun_N=torch.ones_like(before.has_begun_N),
            allowance_N=before.allowance_N + begun_allowance_N.where(ends_N, 0),
            begun_allowance_N=begun_allowance_N.where(~ends_N, 0),
        )

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        state = RequiredState(*own)
        next_NC, first_NC = find_next_tokens(state)
        lacked_N1 = (state.least_NC * (state.is_first_NC & ~state.is_met_NC)).sum(1, keepdim=True)  # tokens
        lacks_N1 = lacked_N1 > 0
        room_N1 = (state.limit_N - length - 2)[:, None]  # tokens between the next one and EOS
        is_late_N1 = lacks_N1 & (lacked_N1 > room_N1)
        left_NC = lacked_N1 - state.least_NC + state.length_NC - 1  # after the first token of a phrase
        first_NC = first_NC.masked_fill(left_NC > room_N1, PAD)
        cannot_go_on_NC = state.is_met_NC | (left_NC - state.generated_N[:, None] > room_N1)
        token_NQ = torch.cat([next_NC.masked_fill(cannot_go_on_NC, PAD), first_NC], 1)
        longer_NC = next_NC.masked_fill(~state.is_met_NC | is_late_N1, PAD)
        token_NQ = torch.cat([token_NQ, longer_NC], 1)  # the rest of a longer phrase of a group that is met

        kept_NQ = log_probs_NV.gather(1, token_NQ)
        ends_N = log_probs_NV[:, EOS].clone()
        log_probs_NV[:, EOS].masked_fill_(lacks_N1[:, 0], -torch.inf)
        narrowed_X = (is_late_N1[:, 0] | state.must_begin_word_N).nonzero()[:, 0]
        all_XV = log_probs_NV[narrowed_X]
        continues_word_V = ~self.bounds.begins_V.to(log_probs_NV.device)
        is_forbidden_XV = is_late_N1[narrowed_X] | (state.must_begin_word_N[narrowed_X, None] & continues_word_V)
        log_probs_NV[narrowed_X] = all_XV.masked_fill(is_forbidden_XV, -torch.inf)
        log_probs_NV.scatter_(1, token_NQ, kept_NQ)
        if len(empty_X := find_empty_rows(log_probs_NV)):
            log_probs_NV[narrowed_X] = all_XV.where(torch.isin(narrowed_X, empty_X)[:, None], log_probs_NV[narrowed_X])
            log_probs_NV[empty_X, EOS] = ends_N[empty_X]
        return log_probs_NV

    def step(self, previous_N: Tensor, state: Any) -> StepOut:
        out = super().step(previous_N, state)
        own = RequiredState(*out.state.own)
        next_NC, _ = find_next_tokens(own)
        log_prob_NC = out.log_probs_NV.gather(1, next_NC).double()
        further_NC = (USUAL_LOG_PROB - log_prob_NC).masked_fill(log_prob_NC == -torch.inf, 0)
        own = own._replace(next_allowance_NC=own.begun_allowance_N[:, None] + further_NC)
        return out._replace(state=out.state._replace(own=own), constraints=build_progress(own))


def select_group(group_NC: Tensor, is_chosen_NC: Tensor) -> Tensor:
    """All phrases of the group of the first phrase that is chosen; none where none is. -> is_selected_NC"""
    first_N1 = is_chosen_NC.int().argmax(1, keepdim=True)
    return (group_NC == group_NC.gather(1, first_N1)) & is_chosen_NC.any(1, keepdim=True)


def find_next_tokens(state: RequiredState) -> tuple[Tensor, Tensor]:
    """The next tokens of the phrases that have begun, and the first tokens of those that are not met; PAD for none.

    -> next_NC, first_NC
    """
    place_NC1 = state.generated_N[:, None, None].expand(-1, state.length_NC.shape[1], 1)
    next_NC = state.phrase_NCL.gather(2, place_NC1)[:, :, 0].masked_fill(~state.active_NC, PAD)
    cannot_begin_NC = state.is_met_NC | (state.is_initial_NC & state.has_begun_N[:, None])
    cannot_begin_NC |= state.is_attached_NC & ~state.may_attach_N[:, None]
    return next_NC, state.phrase_NCL[:, :, 0].masked_fill(cannot_begin_NC, PAD)


def build_progress(state: RequiredState) -> ConstraintProgress:
    """The tokens that would advance each row, and what counts for its rank."""
    next_NC, first_NC = find_next_tokens(state)
    next_NC = next_NC.masked_fill(state.is_met_NC, PAD)
    allowance_NQ = torch.cat([state.next_allowance_NC, torch.zeros_like(state.next_allowance_NC)], 1)
    return ConstraintProgress(
        token_NQ=torch.cat([next_NC, first_NC], 1),
        progress_N=(state.is_first_NC & state.is_met_NC).sum(1),
        allowance_NQ=state.allowance_N[:, None] + allowance_NQ,
        allowance_N=state.allowance_N,
    )
