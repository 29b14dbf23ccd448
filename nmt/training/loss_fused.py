"""`plain_loss` together with its gradient, some positions at a time: the scores of all words are never all held.

Same arguments and same figures; under autocast the products take its precision, and everything else stays as it is.
"""

# N target positions that are real   C of them at a time   R readout   V target words

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

CHUNK = 512  # positions


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

    The e / V is one number for all words and positions, so what it adds to d_o, d_W and d_b is a sum of rows made once
    and in full precision, never an operation on (C, V) numbers. So is the sum of l over words that the loss needs.
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
        with torch.autocast(readout_NR.device.type, enabled=False):
            out_NR, into_VR, into_V = readout_NR.to(operand), vectors_VR.to(operand), bias_V.to(operand)
            readouts_R, vectors_R = readout_NR.sum(0, dtype=work), vectors_VR.sum(0, dtype=work)
            scores = readouts_R @ vectors_R + len(readout_NR) * bias_V.sum()  # of all words at all positions
            if wants_gradient:
                d_readout_NR = readout_NR.new_empty(readout_NR.shape)
                d_vectors_VR = (readouts_R * (-smoothing / words)).repeat(words, 1)
                d_bias_V = torch.full_like(bias_V, -smoothing / words * len(readout_NR))
            nll = log_totals = readouts_R.new_zeros(())
            for start in range(0, len(readout_NR), CHUNK):
                rows = slice(start, start + CHUNK)
                word_C1 = target_N[rows, None]
                scores_CV = F.linear(out_NR[rows], into_VR, into_V)
                right_C1, best_C1 = scores_CV.gather(1, word_C1).to(work), scores_CV.amax(1, keepdim=True).to(work)
                p_CV = torch.softmax(scores_CV, 1, out=scores_CV)
                log_total_C1 = best_C1 - p_CV.amax(1, keepdim=True).to(work).log()
                log_totals, nll = log_totals + log_total_C1.sum(), nll + (log_total_C1 - right_C1).sum()
                if wants_gradient:
                    d_right_C1 = (right_C1 - log_total_C1).exp() - (1 - smoothing)
                    d_scores_CV = p_CV.scatter_(1, word_C1, d_right_C1.to(operand))
                    d_readout_NR[rows] = d_scores_CV @ into_VR
                    d_vectors_VR += d_scores_CV.t() @ out_NR[rows]
                    d_bias_V += d_scores_CV.sum(0, dtype=work)
            if wants_gradient:
                d_readout_NR -= vectors_R * (smoothing / words)
                ctx.save_for_backward(d_readout_NR, d_vectors_VR, d_bias_V)
        ctx.mark_non_differentiable(nll)
        return (1 - smoothing) * nll + smoothing * (log_totals - scores / words), nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        return *(gradient.mul_(d_loss) for gradient in ctx.saved_tensors), None, None, None
