"""`plain_loss` together with its gradient, some positions at a time: the scores of all words are never all held.

Same arguments and same figures; under autocast the products take its precision, and everything else stays as it is.
"""

# N target positions that are real   C of them at a time   R readout   V target words

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

HELD = 1 << 24  # scores, in the precision of the products: 2,097 positions of 8,000 words
CACHED = 1 << 20  # scores in full precision that fit the cores' caches on their way from score to gradient


def fused_loss(
    readout_NR: Tensor, vectors_VR: Tensor, bias_V: Tensor, target_N: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """See `plain_loss`. The gradient is made with the loss, so it can be asked for once."""
    device = readout_NR.device.type
    operand = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else readout_NR.dtype
    loss: tuple[Tensor, Tensor] = FusedLoss.apply(  # type: ignore[no-untyped-call]
        readout_NR, vectors_VR, bias_V, target_N, smoothing, operand
    )
    return loss


class FusedLoss(torch.autograd.Function):
    """With l = W o + b, p = softmax l, y the reference word, e the smoothing and V words:

    loss = (1 - e) * -log p(y) + e * mean over v of -log p(v)
    d_l(v) = p(v) - (1 - e) [v = y] - e / V;    d_o = d_l W;    d_W = sum d_l o;    d_b = sum d_l

    With -log p(v) = -log p(y) + l(y) - l(v), a position's loss is -log p(y) + e * (l(y) - mean over v of l(v)), and
    the sum of all l is (sum o) . (sum W) + N * sum b. A reference word less likely than the smallest normal number
    counts as that likely (e^-87 in float32). Products read `operand`; softmax and sums over positions are in `work`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        readout_NR: Tensor,
        vectors_VR: Tensor,
        bias_V: Tensor,
        target_N: Tensor,
        smoothing: float,
        operand: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        work = torch.promote_types(operand, torch.float32)
        wants_gradient = any(ctx.needs_input_grad)
        words = len(vectors_VR)
        parts = max(1, -(-len(readout_NR) * words // HELD))
        cached = min(max(1, CACHED // words), len(readout_NR)) if readout_NR.device.type == "cpu" else len(readout_NR)
        with torch.autocast(readout_NR.device.type, enabled=False):
            out_NR, into_VR, into_V = readout_NR.to(operand), vectors_VR.to(operand), bias_V.to(operand)
            all_scores = readout_NR.sum(0, dtype=work) @ vectors_VR.sum(0, dtype=work) + len(out_NR) * bias_V.sum()
            log_p, scores = all_scores.new_zeros(2)  # of the reference words, summed over positions
            cached_CV = torch.empty(cached, words, dtype=work, device=out_NR.device)
            d_readouts: list[Tensor] = []
            d_vectors_VR, d_bias_V = (torch.zeros((), dtype=work, device=out_NR.device) for _ in range(2))
            for out_CR, word_C in zip(out_NR.tensor_split(parts), target_N.tensor_split(parts), strict=True):
                scores_CV = F.linear(out_CR, into_VR, into_V)
                for some_CV, some_C in zip(torch.split(scores_CV, cached), torch.split(word_C, cached), strict=True):
                    right_CV = torch.arange(len(some_C), device=some_C.device), some_C
                    scores = scores + some_CV[right_CV].sum(dtype=work)
                    p_CV = cached_CV[: len(some_C)].copy_(some_CV)
                    torch.softmax(p_CV, 1, out=p_CV)
                    p_C = p_CV[right_CV]
                    log_p = log_p + p_C.clamp_min(torch.finfo(work).tiny).log().sum()
                    p_CV[right_CV] = p_C - (1 - smoothing)
                    some_CV.copy_(p_CV.sub_(smoothing / words))
                if wants_gradient:  # `scores_CV` holds d_scores_CV now
                    d_readouts.append((scores_CV @ into_VR).to(readout_NR.dtype))
                    d_vectors_VR = (scores_CV.t() @ out_CR).to(work).add_(d_vectors_VR)
                    d_bias_V = scores_CV.sum(0).to(work).add_(d_bias_V)
            if wants_gradient:
                ctx.gradients = torch.cat(d_readouts), d_vectors_VR, d_bias_V
            loss = smoothing * (scores - all_scores / words) - log_p
        nll = -log_p
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None  # held here no longer, so that nobody has to copy them
        return *(gradient.mul_(d_loss) for gradient in gradients), None, None, None
