"""Attention inside a fast loop: one target position of every sentence at a time, and its gradients.

The derivation stands at the top of nmt.model.unroll_fused.
"""

# B sentences   T target positions   S source positions   M memory   A attention space

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.model.attention import Memory
from nmt.model.pieces import Pieces

CACHED = 1 << 17  # numbers that additive attention works on at once per thread: half a megabyte stays in a core's cache


class Look:
    """Attention by dot product for one target position of every sentence at a time, and its gradients."""

    def __init__(self, memory: Memory, positions: int) -> None:
        work = torch.promote_types(memory.values_BSM.dtype, torch.float32)
        self.values_BSM, self.keys_BSA = memory.values_BSM.to(work), memory.keys_BSA.to(work)
        self.padding_BS = self.values_BSM.new_zeros(memory.real_BS.shape).masked_fill_(~memory.real_BS, -math.inf)
        self.d_context_TBM = self.values_BSM.new_empty(positions, len(self.values_BSM), self.values_BSM.shape[-1])
        self.d_scores_TBS = self.values_BSM.new_empty(positions, *memory.real_BS.shape)

    def forward(self, query_BA: Tensor, weights_BS: Tensor, context_BM: Tensor) -> None:
        """Fills `weights_BS` and `context_BM`."""
        scores_BS = self.score(query_BA.to(self.keys_BSA.dtype))
        torch.softmax(scores_BS.add_(self.padding_BS), -1, out=weights_BS)
        context_BM.copy_(torch.bmm(weights_BS[:, None], self.values_BSM)[:, 0])

    def backward(
        self, t: int, query_BA: Tensor, weights_BS: Tensor, d_context_BM: Tensor, d_weights_BS: Tensor | None
    ) -> Tensor:
        """-> d_query_BA"""
        self.d_context_TBM[t] = d_context_BM
        d_total_BS = torch.bmm(self.d_context_TBM[t][:, None], self.values_BSM.transpose(1, 2))[:, 0]
        if d_weights_BS is not None:
            d_total_BS += d_weights_BS
        d_total_BS *= weights_BS
        torch.addcmul(d_total_BS, weights_BS, d_total_BS.sum(-1, True), value=-1, out=self.d_scores_TBS[t])
        return self.query_gradient(query_BA.to(self.keys_BSA.dtype), self.d_scores_TBS[t])

    def values_gradient(self, weights_TBS: Tensor) -> Tensor:
        """-> d_values_BSM"""
        return torch.bmm(weights_TBS.permute(1, 2, 0), self.d_context_TBM.transpose(0, 1))

    def score(self, query_BA: Tensor) -> Tensor:
        """-> scores_BS"""
        return torch.bmm(query_BA[:, None], self.keys_BSA.transpose(1, 2))[:, 0]

    def query_gradient(self, query_BA: Tensor, d_scores_BS: Tensor) -> Tensor:
        """-> d_query_BA"""
        return torch.bmm(d_scores_BS[:, None], self.keys_BSA)[:, 0]

    def keys_gradient(self, query_TBA: Tensor) -> tuple[Tensor, Tensor | None]:
        """-> d_keys_BSA and no d_v"""
        query_BTA = query_TBA.transpose(0, 1).to(self.d_scores_TBS.dtype)
        return torch.bmm(self.d_scores_TBS.permute(1, 2, 0), query_BTA), None


class AdditiveLook(Look):
    """The same with additive scores, a few sentences at a time so that their (S, A) numbers stay in the cache."""

    def __init__(self, memory: Memory, v_A: Tensor, positions: int) -> None:
        super().__init__(memory, positions)
        sentences, length, size = self.keys_BSA.shape
        block = sentences
        if self.keys_BSA.device.type == "cpu":
            block = max(1, CACHED * torch.get_num_threads() // (length * size))
        self.blocks = [slice(start, start + block) for start in range(0, sentences, block)]
        self.inside_BSA = self.keys_BSA.new_empty(min(block, sentences), length, size)
        self.v_A = v_A.to(self.keys_BSA.dtype)
        if positions:
            self.squares_BSA, self.d_v_A = torch.zeros_like(self.keys_BSA), torch.zeros_like(self.v_A)

    def inside(self, query_BA: Tensor, block: slice) -> Tensor:
        """tanh(q + k) of some sentences. -> inside_BSA, overwritten by the next"""
        keys_BSA = self.keys_BSA[block]
        inside_BSA = self.inside_BSA[: len(keys_BSA)]
        return torch.add(keys_BSA, query_BA[block, None], out=inside_BSA).tanh_()

    def score(self, query_BA: Tensor) -> Tensor:
        scores_BS = torch.empty_like(self.padding_BS)
        for block in self.blocks:
            torch.mv(self.inside(query_BA, block).flatten(0, 1), self.v_A, out=scores_BS[block].view(-1))
        return scores_BS

    def query_gradient(self, query_BA: Tensor, d_scores_BS: Tensor) -> Tensor:
        d_query_BA = torch.empty_like(query_BA)
        for block in self.blocks:
            inside_BSA, d_some_BS = self.inside(query_BA, block), d_scores_BS[block]
            self.d_v_A.addmv_(inside_BSA.flatten(0, 1).t(), d_some_BS.view(-1))
            inside_BSA.mul_(inside_BSA)
            torch.bmm(d_some_BS[:, None], inside_BSA, out=d_query_BA[block, None])
            self.squares_BSA[block].addcmul_(d_some_BS[..., None], inside_BSA)
        return d_query_BA.mul_(self.v_A).neg_()

    def keys_gradient(self, query_TBA: Tensor) -> tuple[Tensor, Tensor | None]:
        """-> d_keys_BSA, d_v_A"""
        return (self.d_scores_TBS.sum(0)[..., None] - self.squares_BSA).mul_(self.v_A), self.d_v_A


class CompiledLook(Look):
    """Either score, in one call a position; values and keys stay in the precision they came in."""

    def __init__(self, memory: Memory, v_A: Tensor | None, positions: int, pieces: Pieces) -> None:
        super().__init__(memory, positions)
        self.values_BSM, self.keys_BSA = memory.values_BSM, memory.keys_BSA
        self.pieces = pieces
        self.v_A = None if v_A is None else v_A.to(self.padding_BS.dtype)
        self.d_v_BA: list[Tensor] = []

    def forward(self, query_BA: Tensor, weights_BS: Tensor, context_BM: Tensor) -> None:
        assert self.pieces.attend is not None
        out = self.pieces.attend(query_BA, self.values_BSM, self.keys_BSA, self.padding_BS, self.v_A)
        for filled, found in zip((weights_BS, context_BM), out, strict=True):
            filled.copy_(found)

    def backward(
        self, t: int, query_BA: Tensor, weights_BS: Tensor, d_context_BM: Tensor, d_weights_BS: Tensor | None
    ) -> Tensor:
        assert self.pieces.attend_backward is not None
        self.d_context_TBM[t] = d_context_BM
        d_query_BA: Tensor
        d_query_BA, self.d_scores_TBS[t], d_v_BA = self.pieces.attend_backward(
            query_BA, self.values_BSM, self.keys_BSA, self.v_A, weights_BS, d_context_BM, d_weights_BS
        )
        self.d_v_BA.append(d_v_BA)
        return d_query_BA

    def keys_gradient(self, query_TBA: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.v_A is None:
            return super().keys_gradient(query_TBA)
        assert self.pieces.additive_keys is not None
        d_keys_BSA = self.pieces.additive_keys(query_TBA, self.keys_BSA, self.v_A, self.d_scores_TBS)
        return d_keys_BSA, torch.stack(self.d_v_BA).sum((0, 1))


def build_look(memory: Memory, v_A: Tensor | None, pieces: Pieces, positions: int = 0) -> Look:
    """Attention that adds where there is a `v`, and multiplies where there is none.

    `positions` makes room for the gradients of so many.
    """
    if pieces.attend is not None:
        return CompiledLook(memory, v_A, positions, pieces)
    return Look(memory, positions) if v_A is None else AdditiveLook(memory, v_A, positions)


class Attend(torch.autograd.Function):
    """Additive attention of queries that are all known, one position after the other."""

    @staticmethod
    def forward(
        ctx: Any,
        pieces: Pieces,
        query_TBA: Tensor,
        values_BSM: Tensor,
        keys_BSA: Tensor,
        real_BS: Tensor,
        v_A: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """-> context_TBM, weights_TBS"""
        ctx.set_materialize_grads(False)
        ctx.pieces = pieces
        with torch.autocast(query_TBA.device.type, enabled=False):
            look = build_look(Memory(values_BSM, keys_BSA, real_BS), v_A, pieces)
            weights_TBS = look.values_BSM.new_empty(len(query_TBA), *real_BS.shape)
            context_TBM = look.values_BSM.new_empty(*query_TBA.shape[:2], values_BSM.shape[-1])
            for query_BA, weights_BS, context_BM in zip(query_TBA, weights_TBS, context_TBM, strict=True):
                look.forward(query_BA, weights_BS, context_BM)
        ctx.save_for_backward(query_TBA, values_BSM, keys_BSA, real_BS, v_A, weights_TBS)
        return context_TBM, weights_TBS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_context_TBM: Tensor | None, d_weights_TBS: Tensor | None) -> tuple[Tensor | None, ...]:
        query_TBA, values_BSM, keys_BSA, real_BS, v_A, weights_TBS = ctx.saved_tensors
        if d_context_TBM is None:
            d_context_TBM = values_BSM.new_zeros(*query_TBA.shape[:2], values_BSM.shape[-1])
        with torch.autocast(query_TBA.device.type, enabled=False):
            look = build_look(Memory(values_BSM, keys_BSA, real_BS), v_A, ctx.pieces, len(query_TBA))
            d_query_TBA = torch.empty_like(query_TBA)
            for t, (query_BA, weights_BS) in enumerate(zip(query_TBA, weights_TBS, strict=True)):
                d_look_BS = None if d_weights_TBS is None else d_weights_TBS[t]
                d_query_TBA[t] = look.backward(t, query_BA, weights_BS, d_context_TBM[t], d_look_BS)
            d_keys_BSA, d_v_A = look.keys_gradient(query_TBA)
            d_values_BSM = look.values_gradient(weights_TBS)
        return None, d_query_TBA, d_values_BSM.to(values_BSM.dtype), d_keys_BSA.to(keys_BSA.dtype), None, d_v_A
