"""Attention inside the fused loop: one target position of every sentence at a time, and its gradients.

The derivation is at the top of nmt.kernels.recurrence. Each head of each sentence is one row, the rows of the first
head before those of the second, so every row is one softmax.
"""

# B sentences   T target positions   S source positions   M memory   A attention space   H heads   N = H * B rows
# E = A / H   U = M / H   X = T, or 1 where the bias is the same at all target positions

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.kernels.pointwise import Kernels
from nmt.model.attention.base import FusedInputs
from nmt.model.attention.normalizers import SOFTMAX, Normalizer

TRAINING_BLOCK = (
    1 << 17
)  # numbers in a block of additive attention for each thread: half a megabyte fits a core's cache


class FusedAttention:
    """Attention with dot scores for one target position of every sentence at a time, and its gradients."""

    def __init__(self, inputs: FusedInputs, normalizer: Normalizer, positions: int) -> None:
        work = torch.promote_types(inputs.values_NSU.dtype, torch.float32)
        self.values_NSU, self.keys_NSE = inputs.values_NSU.to(work), inputs.keys_NSE.to(work)
        self.bias_XNS, self.heads, self.normalizer = inputs.bias_XNS.to(work), inputs.heads, normalizer
        self.d_context_TNU = self.values_NSU.new_empty(positions, len(self.values_NSU), self.values_NSU.shape[-1])
        self.d_scores_TNS = self.values_NSU.new_empty(positions, *self.values_NSU.shape[:2])

    def forward(self, t: int, query_BA: Tensor, weights_NS: Tensor, context_BM: Tensor) -> None:
        """Fill `weights_NS` and `context_BM` for target position t."""
        scores_NS = self.score(self.split_heads(query_BA.to(self.keys_NSE.dtype)))
        weights_NS.copy_(self.normalizer.weights(scores_NS.add_(self.bias_at(t))))
        context_BM.copy_(self.merge_heads(torch.bmm(weights_NS[:, None], self.values_NSU)[:, 0]))

    def backward(
        self, t: int, query_BA: Tensor, weights_NS: Tensor, d_context_BM: Tensor, d_weights_NS: Tensor | None
    ) -> Tensor:
        """Gradient of target position t. -> d_query_BA"""
        self.d_context_TNU[t] = self.split_heads(d_context_BM)
        d_total_NS = torch.bmm(self.d_context_TNU[t][:, None], self.values_NSU.transpose(1, 2))[:, 0]
        if d_weights_NS is not None:
            d_total_NS += d_weights_NS
        slope_NS = self.normalizer.slope(weights_NS)
        d_total_NS *= slope_NS
        mean_N1 = d_total_NS.sum(-1, True) / slope_NS.sum(-1, True)
        torch.addcmul(d_total_NS, slope_NS, mean_N1, value=-1, out=self.d_scores_TNS[t])
        query_NE = self.split_heads(query_BA.to(self.keys_NSE.dtype))
        return self.merge_heads(self.query_gradient(query_NE, self.d_scores_TNS[t]))

    def values_gradient(self, weights_TNS: Tensor) -> Tensor:
        """-> d_values_NSU"""
        return torch.bmm(weights_TNS.permute(1, 2, 0), self.d_context_TNU.transpose(0, 1))

    def score_bias_gradient(self) -> Tensor:
        """-> d_bias_XNS"""
        return self.d_scores_TNS if len(self.bias_XNS) > 1 else self.d_scores_TNS.sum(0, True)

    def score(self, query_NE: Tensor) -> Tensor:
        """-> scores_NS"""
        return torch.bmm(query_NE[:, None], self.keys_NSE.transpose(1, 2))[:, 0]

    def query_gradient(self, query_NE: Tensor, d_scores_NS: Tensor) -> Tensor:
        """-> d_query_NE"""
        return torch.bmm(d_scores_NS[:, None], self.keys_NSE)[:, 0]

    def keys_gradient(self, query_TBA: Tensor) -> tuple[Tensor, Tensor | None]:
        """The gradients of keys and of v, which a dot score has not. -> d_keys_NSE, d_v_HE"""
        query_NTE = self.split_heads(query_TBA).transpose(0, 1).to(self.d_scores_TNS.dtype)
        return torch.bmm(self.d_scores_TNS.permute(1, 2, 0), query_NTE), None

    def bias_at(self, t: int) -> Tensor:
        """-> bias_NS"""
        return self.bias_XNS[t if len(self.bias_XNS) > 1 else 0]

    def split_heads(self, whole: Tensor) -> Tensor:
        """Heads as rows: (..., B, A) to (..., N, E)."""
        return torch.unflatten(whole, -1, (self.heads, -1)).transpose(-2, -3).flatten(-3, -2)

    def merge_heads(self, parts: Tensor) -> Tensor:
        """The inverse of `split_heads`: (N, E) to (B, A)."""
        return torch.unflatten(parts, 0, (self.heads, -1)).transpose(0, 1).flatten(1)


class FusedAdditiveAttention(FusedAttention):
    """The same with additive scores, a block of rows at a time so that their (S, E) numbers stay in the cache."""

    def __init__(self, inputs: FusedInputs, v_HE: Tensor, normalizer: Normalizer, positions: int) -> None:
        super().__init__(inputs, normalizer, positions)
        rows, length, size = self.keys_NSE.shape
        self.sentences = rows // self.heads
        block = self.sentences
        if self.keys_NSE.device.type == "cpu":
            block = max(1, TRAINING_BLOCK * torch.get_num_threads() // (length * size))
        self.blocks = [
            (head, slice(first + start, first + min(start + block, self.sentences)))
            for head, first in enumerate(range(0, rows, self.sentences))
            for start in range(0, self.sentences, block)
        ]
        self.inside_NSE = self.keys_NSE.new_empty(min(block, self.sentences), length, size)
        self.v_HE = v_HE.to(self.keys_NSE.dtype)
        self.v_N1E = self.v_HE.repeat_interleave(self.sentences, 0)[:, None]
        if positions:
            self.squares_NSE, self.d_v_HE = torch.zeros_like(self.keys_NSE), torch.zeros_like(self.v_HE)

    def tanh_sum(self, query_NE: Tensor, block: slice) -> Tensor:
        """tanh(q + k) of a block of rows. -> inside_NSE, which the next call overwrites"""
        keys_NSE = self.keys_NSE[block]
        inside_NSE = self.inside_NSE[: len(keys_NSE)]
        return torch.add(keys_NSE, query_NE[block, None], out=inside_NSE).tanh_()

    def score(self, query_NE: Tensor) -> Tensor:
        scores_NS = self.keys_NSE.new_empty(self.keys_NSE.shape[:2])
        for head, block in self.blocks:
            torch.mv(self.tanh_sum(query_NE, block).flatten(0, 1), self.v_HE[head], out=scores_NS[block].view(-1))
        return scores_NS

    def query_gradient(self, query_NE: Tensor, d_scores_NS: Tensor) -> Tensor:
        d_query_NE = torch.empty_like(query_NE)
        for head, block in self.blocks:
            inside_NSE, d_block_NS = self.tanh_sum(query_NE, block), d_scores_NS[block]
            self.d_v_HE[head].addmv_(inside_NSE.flatten(0, 1).t(), d_block_NS.view(-1))
            inside_NSE.mul_(inside_NSE)
            torch.bmm(d_block_NS[:, None], inside_NSE, out=d_query_NE[block, None])
            self.squares_NSE[block].addcmul_(d_block_NS[..., None], inside_NSE)
        return d_query_NE.mul_(self.v_N1E[:, 0]).neg_()

    def keys_gradient(self, query_TBA: Tensor) -> tuple[Tensor, Tensor | None]:
        """-> d_keys_NSE, d_v_HE"""
        return (self.d_scores_TNS.sum(0)[..., None] - self.squares_NSE).mul_(self.v_N1E), self.d_v_HE


class CompiledAttention(FusedAttention):
    """Dot or additive scores with compiled kernels, one call for a position; values and keys keep their precision."""

    def __init__(self, inputs: FusedInputs, v_HE: Tensor | None, positions: int, kernels: Kernels) -> None:
        super().__init__(inputs, SOFTMAX, positions)
        self.values_NSU, self.keys_NSE = inputs.values_NSU, inputs.keys_NSE
        self.kernels = kernels
        self.v_NE = None
        if v_HE is not None:
            self.v_NE = v_HE.to(self.bias_XNS.dtype).repeat_interleave(len(self.keys_NSE) // self.heads, 0)
        self.d_v_NE: list[Tensor] = []

    def forward(self, t: int, query_BA: Tensor, weights_NS: Tensor, context_BM: Tensor) -> None:
        assert self.kernels.attend is not None
        new_weights_NS, context_NU = self.kernels.attend(
            self.split_heads(query_BA), self.values_NSU, self.keys_NSE, self.bias_at(t), self.v_NE
        )
        weights_NS.copy_(new_weights_NS)
        context_BM.copy_(self.merge_heads(context_NU))

    def backward(
        self, t: int, query_BA: Tensor, weights_NS: Tensor, d_context_BM: Tensor, d_weights_NS: Tensor | None
    ) -> Tensor:
        assert self.kernels.attend_backward is not None
        self.d_context_TNU[t] = self.split_heads(d_context_BM)
        d_query_NE, self.d_scores_TNS[t], d_v_NE = self.kernels.attend_backward(
            self.split_heads(query_BA),
            self.values_NSU,
            self.keys_NSE,
            self.v_NE,
            weights_NS,
            self.d_context_TNU[t],
            d_weights_NS,
        )
        self.d_v_NE.append(d_v_NE)
        return self.merge_heads(d_query_NE)

    def keys_gradient(self, query_TBA: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.v_NE is None:
            return super().keys_gradient(query_TBA)
        assert self.kernels.additive_keys is not None
        d_keys_NSE = self.kernels.additive_keys(
            self.split_heads(query_TBA), self.keys_NSE, self.v_NE, self.d_scores_TNS
        )
        d_v_HBE = torch.unflatten(torch.stack(self.d_v_NE).sum(0), 0, (self.heads, -1))
        return d_keys_NSE, d_v_HBE.sum(1)


def build_fused_attention(
    inputs: FusedInputs, v_HE: Tensor | None, normalizer: Normalizer, kernels: Kernels, positions: int = 0
) -> FusedAttention:
    """Attention with additive scores where there is a `v_HE`, with dot scores where there is none.

    `positions` allocates gradients for a number of target positions.
    """
    if kernels.attend is not None and normalizer is SOFTMAX:
        return CompiledAttention(inputs, v_HE, positions, kernels)
    return (
        FusedAttention(inputs, normalizer, positions)
        if v_HE is None
        else FusedAdditiveAttention(inputs, v_HE, normalizer, positions)
    )


class AttentionFunction(torch.autograd.Function):
    """Attention where the queries of all target positions are known, one position after the other."""

    @staticmethod
    def forward(
        ctx: Any, kernels: Kernels, normalizer: Normalizer, query_TBA: Tensor, v_HE: Tensor | None, *inputs: Any
    ) -> tuple[Tensor, Tensor]:
        """-> context_TBM, weights_TNS"""
        ctx.set_materialize_grads(False)
        ctx.kernels, ctx.normalizer, ctx.heads = kernels, normalizer, inputs[-1]
        with torch.autocast(query_TBA.device.type, enabled=False):
            attention = build_fused_attention(FusedInputs(*inputs), v_HE, normalizer, kernels)
            weights_TNS = attention.values_NSU.new_empty(len(query_TBA), *attention.values_NSU.shape[:2])
            size = attention.heads * attention.values_NSU.shape[-1]
            context_TBM = attention.values_NSU.new_empty(*query_TBA.shape[:2], size)
            for t, query_BA in enumerate(query_TBA):
                attention.forward(t, query_BA, weights_TNS[t], context_TBM[t])
        ctx.save_for_backward(query_TBA, v_HE, *inputs[:-1], weights_TNS)
        return context_TBM, weights_TNS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_context_TBM: Tensor | None, d_weights_TNS: Tensor | None) -> tuple[Tensor | None, ...]:
        query_TBA, v_HE, *tensors, weights_TNS = ctx.saved_tensors
        inputs = FusedInputs(tensors[0], tensors[1], tensors[2], ctx.heads)
        if d_context_TBM is None:
            size = inputs.heads * inputs.values_NSU.shape[-1]
            d_context_TBM = inputs.values_NSU.new_zeros(*query_TBA.shape[:2], size)
        with torch.autocast(query_TBA.device.type, enabled=False):
            attention = build_fused_attention(inputs, v_HE, ctx.normalizer, ctx.kernels, len(query_TBA))
            d_query_TBA = torch.empty_like(query_TBA)
            for t, (query_BA, weights_NS) in enumerate(zip(query_TBA, weights_TNS, strict=True)):
                d_weights_NS = None if d_weights_TNS is None else d_weights_TNS[t]
                d_query_TBA[t] = attention.backward(t, query_BA, weights_NS, d_context_TBM[t], d_weights_NS)
            d_keys_NSE, d_v_HE = attention.keys_gradient(query_TBA)
            d_values_NSU = attention.values_gradient(weights_TNS).to(inputs.values_NSU.dtype)
            d_bias_XNS = attention.score_bias_gradient()
        return None, None, d_query_TBA, d_v_HE, d_values_NSU, d_keys_NSE.to(inputs.keys_NSE.dtype), d_bias_XNS, None
