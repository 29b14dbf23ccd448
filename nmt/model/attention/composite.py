"""Attention composed of parts: scores with heads, windows, sparse weights, gates and coverage.

A single score is in nmt.model.attention.scores; each part here has a setting of its own.
"""

# B sentences   T target positions   K rows of a sentence   S source positions   M memory   D decoder state
# A attention space   H heads   J kinds   P history: target positions so far, then coverage   X = T, or 1
# E = M / H, in `forward`, where N counts heads of all kinds   N = H * B rows of the fused loop   U = M / H   E = A / H
# C coverage   Y what coverage reads of a source position

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.attention.base import Attention, AttentionOutput, FusedInputs, Memory, padding_bias
from nmt.model.attention.coverage import COVERAGES
from nmt.model.attention.normalizers import NORMALIZERS
from nmt.model.attention.windows import WINDOWS
from nmt.model.initialise import draw_parameters
from nmt.settings import ModelSettings


class Branch(nn.Module):
    """One score and its window: weights over the source for each head.

    weights = normalizer(score, inside the window) * factor of the window

    With coverage the score compares with k_i + V C(t - 1, i); for an additive score that is the equation of Tu et al.
    2016, arXiv:1601.04811, 3.1: v . tanh(W s + U h_i + V C(t - 1, i)).
    """

    def __init__(self, settings: ModelSettings, score: Attention, window: str, coverage_size: int) -> None:
        super().__init__()
        self.score = score
        self.score.heads = settings.heads
        self.normalizer = NORMALIZERS[settings.normalizer].weights
        self.window = WINDOWS[window](settings) if window != "none" else None
        self.coverage_weight = nn.Linear(coverage_size, score.key_size, bias=False) if coverage_size else None

    def forward(
        self, state_BTD: Tensor, keys_BSA: Tensor, real_BS: Tensor, position_BT: Tensor, coverage_BTSC: Tensor
    ) -> Tensor:
        """-> weights_BTHS"""
        keys_BXSA = keys_BSA[:, None]
        if self.coverage_weight is not None:
            keys_BXSA = keys_BXSA + self.coverage_weight(coverage_BTSC.to(keys_BSA.dtype))
        scores_BTHS = self.score.compute_scores(state_BTD, keys_BXSA)
        inside_BXS, factor_BTS = real_BS[:, None], None
        if self.window is not None:
            inside_BXS, factor_BTS = self.window(state_BTD, position_BT, real_BS)
        weights_BTHS = self.normalizer(scores_BTHS.masked_fill(~inside_BXS[:, :, None], -math.inf))
        return weights_BTHS if factor_BTS is None else weights_BTHS * factor_BTS[:, :, None]


class CompositeAttention(Attention):
    """One kind of attention or several, with heads, a gate on the source and coverage.

    kinds     w = sum over kinds j of share_j w_j, share = softmax(W s + b): one context, because all kinds weight the
              same memory
    heads     head n compares in its own share of the attention space and weights its own share of the projected
              memory; the contexts are concatenated. Vaswani et al. 2017, arXiv:1706.03762, 3.2.2, without their last
              projection, because what reads the context projects it; of additive scores, as in Chen et al. 2018,
              arXiv:1804.09849, 4
    gate      w_i = sigm(g . h_i + b) w_i; renormalised: divided by their sum

    The context is computed from these weights, which sum to less than one under a plain gate or a predictive window.
    The weights that `forward` returns, which coverage sums, are their mean over heads divided by its sum: rows sum to
    one.
    """

    def __init__(self, settings: ModelSettings, scores: Sequence[Attention]) -> None:
        memory = 2 * settings.encoder_size
        coverage = COVERAGES[settings.coverage](settings, memory) if settings.coverage != "none" else None
        gated = settings.content_gate != "none"
        # The keys of a sentence are a concatenation: those of each kind, the gate's and coverage's.
        key_sizes = [
            *(score.key_size for score in scores),
            int(gated),
            coverage.key_weight.out_features if coverage else 0,
        ]
        super().__init__(memory, sum(key_sizes))
        self.key_sizes = key_sizes
        self.heads = settings.heads
        self.normalizer = NORMALIZERS[settings.normalizer]
        self.coverage = coverage
        self.coverage_size = coverage.size if coverage else 0
        windows = [settings.window, *[settings.mix_window] * len(settings.mix)]
        branches = [
            Branch(settings, score, window, self.coverage_size) for score, window in zip(scores, windows, strict=True)
        ]
        self.branches: Sequence[Branch] = nn.ModuleList(branches)  # type: ignore[assignment]
        self.share = nn.Linear(settings.decoder_size, len(scores)) if len(scores) > 1 else None
        self.value_weight = nn.Linear(memory, memory, bias=False) if self.heads > 1 else None
        self.gate = nn.Linear(memory, 1) if gated else None
        self.is_renormalised = settings.content_gate == "renormalised"
        self.has_history = bool(self.coverage_size) or "monotonic" in windows
        # A softmax renormalised by a gate is a softmax of biased scores; other normalizers have no such form.
        changes_form = self.is_renormalised and settings.normalizer != "softmax"
        if not (self.coverage_size or "predictive" in windows or settings.mix or changes_form):
            self.fused_form = self.base_score.fused_form
        self.part_names = (*name_parts([settings.attention, *settings.mix], windows, self.heads), *["gate"] * gated)

    def initialise(self) -> None:
        draw_parameters(self)

    @property
    def base_score(self) -> Attention:
        return self.branches[0].score

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        """The keys of every kind, then what gate and coverage read of a source position. -> keys_BSA"""
        keys = [branch.score.project_keys(values_BSM) for branch in self.branches]
        keys += [self.gate(values_BSM)] if self.gate is not None else []
        keys += [self.coverage.key_weight(values_BSM)] if self.coverage is not None else []
        return torch.cat(keys, -1)

    def build_memory(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        projected_BSM = values_BSM if self.value_weight is None else self.value_weight(values_BSM)
        return Memory(projected_BSM, self.project_keys(values_BSM), real_BS)

    def forward(self, state_BKD: Tensor, memory: Memory, history_BKP: Tensor | None = None) -> AttentionOutput:
        B, K, S = state_BKD.shape[0], state_BKD.shape[1], memory.real_BS.shape[1]
        *keys, gate_BS1, coverage_keys_BSY = torch.split(memory.keys_BSA, self.key_sizes, -1)
        earlier_BKP = history_BKP
        if earlier_BKP is None or not earlier_BKP.shape[-1]:  # before the first position, or where there is no history
            dtype = torch.promote_types(state_BKD.dtype, torch.float32)
            earlier_BKP = state_BKD.new_zeros(B, K, 1 + S * self.coverage_size, dtype=dtype)
        position_BK, coverage_BKSC = earlier_BKP[..., 0], earlier_BKP[..., 1:].view(B, K, S, self.coverage_size)
        weights_BKJHS = torch.stack(
            [
                branch(state_BKD, keys_BSA, memory.real_BS, position_BK, coverage_BKSC)
                for branch, keys_BSA in zip(self.branches, keys, strict=True)
            ],
            2,
        )
        if self.share is not None:
            share_BKJ = self.share(state_BKD).to(weights_BKJHS.dtype).softmax(-1)
            weights_BKJHS = weights_BKJHS * share_BKJ[..., None, None]
        parts_BKNS, weights_BKHS = weights_BKJHS.flatten(2, 3), weights_BKJHS.sum(2)
        if self.gate is not None:
            gate_BS = gate_BS1[..., 0].to(weights_BKHS.dtype).sigmoid() * memory.real_BS
            parts_BKNS = torch.cat((parts_BKNS, gate_BS[:, None, None].expand(-1, K, 1, -1)), 2)
            weights_BKHS = weights_BKHS * gate_BS[:, None, None]
            if self.is_renormalised:
                weights_BKHS = renormalise(weights_BKHS)
        values_BSHE = torch.unflatten(memory.values_BSM, -1, (self.heads, -1))
        context_BKM = torch.einsum("bkhs,bshe->bkhe", weights_BKHS.to(values_BSHE.dtype), values_BSHE).flatten(2)
        mean_BKS = renormalise(weights_BKHS.mean(2))
        if self.has_history:
            history = [position_BK[..., None] + 1]
            if self.coverage is not None:
                coverage_BKSC = self.coverage(coverage_BKSC, mean_BKS, state_BKD, coverage_keys_BSY)
                history.append(coverage_BKSC.flatten(2))
            history_BKP = torch.cat(history, -1)
        return AttentionOutput(context_BKM, mean_BKS, history_BKP, parts_BKNS)

    def build_fused_inputs(self, memory: Memory, history_BKP: Tensor | None, positions: int) -> FusedInputs:
        """See Attention.build_fused_inputs.

        A gate depends on the source alone, so a softmax renormalised by it is the softmax of score + log gate, and a
        plain gate is a factor of the values. A monotonic window is known before the loop.
        """
        (branch,) = self.branches
        keys_BSA, gate_BS1, _ = torch.split(memory.keys_BSA, self.key_sizes, -1)
        values_BSM, inside_BXS = memory.values_BSM, memory.real_BS[:, None]
        work = torch.promote_types(values_BSM.dtype, torch.float32)
        if branch.window is not None:
            position_BT = torch.arange(positions, device=inside_BXS.device, dtype=work).expand(len(inside_BXS), -1)
            if history_BKP is not None and history_BKP.shape[-1]:
                position_BT = position_BT + history_BKP[..., 0]
            inside_BXS, _ = branch.window(position_BT[..., None], position_BT, memory.real_BS)
        bias_BXS = padding_bias(inside_BXS, work)
        if self.is_renormalised:
            bias_BXS = bias_BXS + F.logsigmoid(gate_BS1.to(work)).transpose(1, 2)
        elif self.gate is not None:
            values_BSM = (values_BSM * gate_BS1.to(work).sigmoid()).to(values_BSM.dtype)
        values_NSU, keys_NSE = (
            torch.unflatten(part, -1, (self.heads, -1)).permute(2, 0, 1, 3).flatten(0, 1)
            for part in (values_BSM, keys_BSA)
        )
        return FusedInputs(values_NSU, keys_NSE, bias_BXS.transpose(0, 1).repeat(1, self.heads, 1), self.heads)

    def summarise_weights(self, weights_TNS: Tensor, memory: Memory) -> Tensor:
        weights_BTS: Tensor = torch.unflatten(weights_TNS, 1, (self.heads, -1)).mean(1).transpose(0, 1)
        if self.gate is None or self.is_renormalised:
            return weights_BTS
        gate_BS = memory.keys_BSA[..., self.key_sizes[0]]
        return renormalise(weights_BTS * gate_BS[:, None].to(weights_BTS.dtype).sigmoid())


def renormalise(weights: Tensor) -> Tensor:
    """Weights divided by their sum over source positions, the last axis; a closed gate may have made it zero."""
    return weights / weights.sum(-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


def name_parts(names: Sequence[str], windows: Sequence[str], heads: int) -> list[str]:
    """Names of the parts of attention: kind, window and head, as far as there are several."""
    branches = [name if window == "none" else f"{name} {window}" for name, window in zip(names, windows, strict=True)]
    return [f"{branch} head {head}" if heads > 1 else branch for branch in branches for head in range(1, heads + 1)]
