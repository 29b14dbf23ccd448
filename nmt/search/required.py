"""A step model whose translations contain given phrases. It also reports the progress of each row to search.

Phrases are sequences of ids; text becomes ids in nmt.translation.constraints.
"""

# B sentences   N rows   C phrases of a sentence   L longest phrase   V target words
# Q = 1 + C ids that would advance a row's phrases

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nmt.ids import EOS, PAD
from nmt.search.restrictions import Restriction
from nmt.step import ConstraintProgress, StepModel, StepOut


class RequiredState(NamedTuple):
    """The phrases required of each row, and which of their tokens it has generated."""

    phrase_NCL: Tensor
    length_NC: Tensor
    may_continue_NC: Tensor
    limit_N: Tensor
    is_met_NC: Tensor
    active_N: Tensor  # the phrase that the row has begun
    generated_N: Tensor  # tokens of that phrase, 0 when no phrase has begun
    must_begin_word_N: Tensor  # a phrase has just ended, and its last word may not continue


class RequiredPhrases(Restriction):
    """A step model that does not generate EOS before it has generated every phrase of its sentence; Post & Vilar 2018,
    arXiv:1804.06609, section 3.

    The tokens of a phrase must follow each other: a row that generates another token in the middle has to begin the
    phrase again. The next id after a phrase is one that `begins_word_V` is true of, unless `may_continue` is true of
    the phrase, which allows any id. When the tokens left up to the length limit are just enough for the required ones,
    all other ids are forbidden, so that every translation has every phrase. Therefore `limits` must leave room for all
    phrases and EOS. The paper's decoder does not force phrases at the end and may leave some out.

    The `constraints` of each step let search share out its slots by progress; otherwise phrases would be generated only
    at the end, when they are forced.
    """

    def __init__(
        self,
        model: StepModel,
        phrases: Sequence[Sequence[Sequence[int]]],
        may_continue: Sequence[Sequence[bool]],
        limits: Sequence[int],
        begins_word_V: Tensor,
    ) -> None:
        super().__init__(model)
        longest = max(len(ids) for sentence in phrases for ids in sentence)
        most = max(map(len, phrases))
        self.phrase_BCL = torch.full((len(phrases), most, longest), PAD)
        self.length_BC = torch.zeros(len(phrases), most, dtype=torch.long)
        self.may_continue_BC = torch.ones(len(phrases), most, dtype=torch.bool)
        for row, (sentence, flags) in enumerate(zip(phrases, may_continue, strict=True)):
            for column, (ids, flag) in enumerate(zip(sentence, flags, strict=True)):
                self.phrase_BCL[row, column, : len(ids)] = torch.tensor(ids)
                self.length_BC[row, column] = len(ids)
                self.may_continue_BC[row, column] = flag
        self.limit_B = torch.tensor(limits)
        self.begins_word_V = begins_word_V
        assert (self.limit_B > self.length_BC.sum(1)).all()

    def create_state(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        device = lengths_B.device
        zero_B = torch.zeros_like(lengths_B)
        length_BC = self.length_BC.to(device)
        return RequiredState(
            phrase_NCL=self.phrase_BCL.to(device),
            length_NC=length_BC,
            may_continue_NC=self.may_continue_BC.to(device),
            limit_N=self.limit_B.to(device),
            is_met_NC=length_BC == 0,
            active_N=zero_B,
            generated_N=zero_B,
            must_begin_word_N=zero_B.bool(),
        )

    def update_state(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        before = RequiredState(*own)
        next_N, first_NC = find_next_tokens(before)
        continues_N = (before.generated_N > 0) & (next_N == previous_N)
        is_first_NC = (first_NC == previous_N[:, None]) & ~before.is_met_NC
        active_N = torch.where(continues_N, before.active_N, is_first_NC.int().argmax(1))
        generated_N = torch.where(continues_N, before.generated_N + 1, is_first_NC.any(1).long())
        ends_N = (generated_N > 0) & (generated_N == before.length_NC.gather(1, active_N[:, None])[:, 0])
        ends_NC = torch.zeros_like(before.is_met_NC).scatter(1, active_N[:, None], ends_N[:, None])
        return before._replace(
            is_met_NC=before.is_met_NC | ends_NC,
            active_N=active_N,
            generated_N=generated_N * ~ends_N,
            must_begin_word_N=(ends_NC & ~before.may_continue_NC).any(1),
        )

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        state = RequiredState(*own)
        constraints = build_progress(state)
        required_N = state.length_NC.sum(1)
        lacks_N1 = (constraints.progress_N < required_N)[:, None]
        room_N1 = (state.limit_N - length - 2)[:, None]  # tokens between the next one and EOS
        token_NQ = constraints.token_NQ.masked_fill(required_N[:, None] - constraints.progress_NQ > room_N1, PAD)
        is_late_N1 = lacks_N1 & (required_N[:, None] - constraints.progress_N[:, None] > room_N1)

        continues_word_V = ~self.begins_word_V.to(log_probs_NV.device)
        is_forbidden_NV = is_late_N1 | (state.must_begin_word_N[:, None] & continues_word_V)
        rest_NV = log_probs_NV.masked_fill(is_forbidden_NV, -torch.inf)
        rest_NV[:, EOS].masked_fill_(lacks_N1[:, 0], -torch.inf)
        return rest_NV.scatter(1, token_NQ, log_probs_NV.gather(1, token_NQ))

    def step(self, previous_N: Tensor, state: Any) -> StepOut:
        out = super().step(previous_N, state)
        return out._replace(constraints=build_progress(RequiredState(*out.state.own)))


def find_next_tokens(state: RequiredState) -> tuple[Tensor, Tensor]:
    """The next token of the phrase that has begun, and the first tokens of the phrases that are not met; PAD for none.

    -> next_N, first_NC
    """
    active_NL = state.phrase_NCL.take_along_dim(state.active_N[:, None, None], 1)[:, 0]
    next_N = active_NL.gather(1, state.generated_N[:, None])[:, 0]
    first_NC = state.phrase_NCL[:, :, 0].masked_fill(state.is_met_NC, PAD)
    return next_N.masked_fill(state.generated_N == 0, PAD), first_NC


def build_progress(state: RequiredState) -> ConstraintProgress:
    """The tokens that would advance each row, and the number of required tokens it would then have."""
    next_N, first_NC = find_next_tokens(state)
    met_N = (state.length_NC * state.is_met_NC).sum(1)
    progress_NC = (met_N + 1)[:, None].expand_as(first_NC)
    return ConstraintProgress(
        token_NQ=torch.cat([next_N[:, None], first_NC], 1),
        progress_NQ=torch.cat([(met_N + state.generated_N + 1)[:, None], progress_NC], 1),
        progress_N=met_N,
    )
