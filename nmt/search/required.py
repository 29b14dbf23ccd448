"""A step model whose translations contain given phrases, and that tells search how far each row has come.

Phrases are ids; which words they mean is known to whoever made them.
"""

# B sentences   N rows   C phrases of a sentence   L longest phrase   V target words   Q ids a row asks for, 1 + C

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nmt.ids import EOS, PAD
from nmt.search.restrictions import Restriction
from nmt.step import ConstraintProgress, StepModel, StepOut


class RequiredState(NamedTuple):
    """What is required of rows, and how much of it they have said."""

    phrase_NCL: Tensor
    length_NC: Tensor
    is_open_NC: Tensor
    limit_N: Tensor
    is_met_NC: Tensor
    active_N: Tensor  # the phrase that is under way
    said_N: Tensor  # tokens of it, 0 when there is none
    must_begin_N: Tensor  # a phrase has just ended, so that a word must begin


class RequiredPhrases(Restriction):
    """A step model that does not end before it has said every phrase of its sentence; Post & Vilar 2018,
    arXiv:1804.06609, section 3.

    A phrase is said in one go: whoever says something else in its middle has to begin it again. After its end comes one
    of the words of `begins_word_V`, true of ids that cannot continue a word, unless `is_open` says of the phrase that
    anything may follow. Once the tokens that are left up to the length limit are just enough for what is required,
    nothing else may be said, so that no translation lacks a phrase; therefore `limits` must leave room for all of them
    and for EOS. The paper's decoder has no such end and may leave some out.

    The goal that comes with a step lets search share out its slots by progress; without that, phrases would wait until
    they are forced.
    """

    def __init__(
        self,
        model: StepModel,
        phrases: Sequence[Sequence[Sequence[int]]],
        is_open: Sequence[Sequence[bool]],
        limits: Sequence[int],
        begins_word_V: Tensor,
    ) -> None:
        super().__init__(model)
        longest = max(len(ids) for sentence in phrases for ids in sentence)
        most = max(map(len, phrases))
        self.phrase_BCL = torch.full((len(phrases), most, longest), PAD)
        self.length_BC = torch.zeros(len(phrases), most, dtype=torch.long)
        self.is_open_BC = torch.ones(len(phrases), most, dtype=torch.bool)
        for row, (sentence, flags) in enumerate(zip(phrases, is_open, strict=True)):
            for column, (ids, flag) in enumerate(zip(sentence, flags, strict=True)):
                self.phrase_BCL[row, column, : len(ids)] = torch.tensor(ids)
                self.length_BC[row, column] = len(ids)
                self.is_open_BC[row, column] = flag
        self.limit_B = torch.tensor(limits)
        self.begins_word_V = begins_word_V
        assert (self.limit_B > self.length_BC.sum(1)).all()

    def begin(self, lengths_B: Tensor) -> tuple[Tensor, ...]:
        device = lengths_B.device
        zero_B = torch.zeros_like(lengths_B)
        length_BC = self.length_BC.to(device)
        phrase_BCL, is_open_BC, limit_B = (part.to(device) for part in (self.phrase_BCL, self.is_open_BC, self.limit_B))
        return RequiredState(phrase_BCL, length_BC, is_open_BC, limit_B, length_BC == 0, zero_B, zero_B, zero_B.bool())

    def follow(self, own: tuple[Tensor, ...], previous_N: Tensor) -> tuple[Tensor, ...]:
        had = RequiredState(*own)
        next_N, first_NC = next_tokens(had)
        goes_on_N = (had.said_N > 0) & (next_N == previous_N)
        is_first_NC = (first_NC == previous_N[:, None]) & ~had.is_met_NC
        active_N = torch.where(goes_on_N, had.active_N, is_first_NC.int().argmax(1))
        said_N = torch.where(goes_on_N, had.said_N + 1, is_first_NC.any(1).long())
        ends_N = (said_N > 0) & (said_N == had.length_NC.gather(1, active_N[:, None])[:, 0])
        is_active_NC = torch.zeros_like(had.is_met_NC).scatter(1, active_N[:, None], ends_N[:, None])
        return had._replace(
            is_met_NC=had.is_met_NC | is_active_NC,
            active_N=active_N,
            said_N=said_N * ~ends_N,
            must_begin_N=(is_active_NC & ~had.is_open_NC).any(1),
        )

    def restrict(self, log_probs_NV: Tensor, own: tuple[Tensor, ...], length: int) -> Tensor:
        had = RequiredState(*own)
        constraints = constraint_progress(had)
        required_N = had.length_NC.sum(1)
        lacks_N1 = (constraints.progress_N < required_N)[:, None]
        room_N1 = (had.limit_N - length - 2)[:, None]  # tokens between the next one and EOS
        token_NQ = constraints.token_NQ.masked_fill(required_N[:, None] - constraints.progress_NQ > room_N1, PAD)
        is_late_N1 = lacks_N1 & (required_N[:, None] - constraints.progress_N[:, None] > room_N1)

        continues_V = ~self.begins_word_V.to(log_probs_NV.device)
        rest_NV = log_probs_NV.masked_fill(is_late_N1 | (had.must_begin_N[:, None] & continues_V), -torch.inf)
        rest_NV[:, EOS].masked_fill_(lacks_N1[:, 0], -torch.inf)
        return rest_NV.scatter(1, token_NQ, log_probs_NV.gather(1, token_NQ))

    def step(self, previous_N: Tensor, state: Any) -> StepOut:
        out = super().step(previous_N, state)
        return out._replace(constraints=constraint_progress(RequiredState(*out.state.own)))


def next_tokens(had: RequiredState) -> tuple[Tensor, Tensor]:
    """What comes next in the phrase that is under way, and how phrases that are not met begin; PAD for none.

    -> next_N, first_NC
    """
    active_NL = had.phrase_NCL.take_along_dim(had.active_N[:, None, None], 1)[:, 0]
    next_N = active_NL.gather(1, had.said_N[:, None])[:, 0]
    return next_N.masked_fill(had.said_N == 0, PAD), had.phrase_NCL[:, :, 0].masked_fill(had.is_met_NC, PAD)


def constraint_progress(had: RequiredState) -> ConstraintProgress:
    """What rows ask for, and where it takes them."""
    next_N, first_NC = next_tokens(had)
    met_N = (had.length_NC * had.is_met_NC).sum(1)
    progress_NC = (met_N + 1)[:, None].expand_as(first_NC)
    return ConstraintProgress(
        token_NQ=torch.cat([next_N[:, None], first_NC], 1),
        progress_NQ=torch.cat([(met_N + had.said_N + 1)[:, None], progress_NC], 1),
        progress_N=met_N,
    )
