"""`consistent_loss` together with its gradient, a block of positions at a time, as `fused_loss` is computed.

It has the arguments of `consistent_loss` and computes the same. Under autocast products have its precision, everything
else keeps its own.
"""

# P the two passes   N target positions   C positions of a block   R readout   V target words

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nmt.ids import PAD
from nmt.kernels import loss_fused
from nmt.kernels.loss_fused import OutputProducts, ScoreBuffer
from nmt.model.linear import MULTIPLE, product_dtype

TEMPORARIES = 4  # as many scores in full precision are at work at a time as `softmax_gradient_in_blocks` has

ConsistentGradient = Callable[..., tuple[Tensor, ...]]


class Consistency(NamedTuple):
    """The weights in a loss over two passes of a batch, which predict words with the probabilities p and q:

    loss = first CE(p) + second CE(q) + weight D;    D = forward KL(p || q) + backward KL(q || p)

    CE is the cross-entropy with label smoothing. `first` and `second` sum to one.
    """

    first: float
    second: float
    forward: float
    backward: float
    weight: float


def fused_consistent_loss(
    readout_PNR: Tensor,
    vectors_VR: Tensor,
    bias_V: Tensor,
    target_N: Tensor,
    smoothing: float,
    consistency: Consistency,
    gradient_kernel: ConsistentGradient | None = None,
    buffer: ScoreBuffer | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """See `consistent_loss`. The gradient is computed with the loss, and `backward` runs once.

    `gradient_kernel` is a compiled `consistent_gradient`; by default `consistent_gradient_in_blocks`, which needs no
    compiler.
    """
    gradient_kernel, buffer = gradient_kernel or consistent_gradient_in_blocks, buffer or ScoreBuffer()
    operand = product_dtype(readout_PNR)
    loss: tuple[Tensor, Tensor, Tensor] = FusedConsistentLoss.apply(  # type: ignore[no-untyped-call]
        readout_PNR, vectors_VR, bias_V, target_N, smoothing, consistency, operand, gradient_kernel, buffer
    )
    return loss


def consistent_gradient(
    scores_PCV: Tensor, bias_V: Tensor, word_C: Tensor, smoothing: float, consistency: Consistency
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Overwrite the scores of both passes, which lack their bias, with the gradient by them.

    The gradient lacks the terms of the reference words, (1 - e) [v = y]. Of these words it is also returned in full
    precision. `divergence_PC` are KL(p || q) and KL(q || p).

    -> score_PC, log_p_PC, divergence_PC, d_reference_PC
    """
    first, second, forward, backward, weight = consistency
    work_PCV = scores_PCV.to(bias_V.dtype) + bias_V
    log_p_PCV = work_PCV.log_softmax(-1)
    gap_CV = log_p_PCV[0] - log_p_PCV[1]
    p_CV, q_CV = log_p_PCV[0].exp(), log_p_PCV[1].exp()
    to_q_C1 = (p_CV * gap_CV).sum(-1, keepdim=True)
    to_p_C1 = -(q_CV * gap_CV).sum(-1, keepdim=True)
    spread = smoothing / scores_PCV.shape[-1]
    d_p_CV = p_CV * (first + weight * (backward + forward * (gap_CV - to_q_C1))) - weight * backward * q_CV
    d_q_CV = q_CV * (second + weight * (forward - backward * (gap_CV + to_p_C1))) - weight * forward * p_CV
    d_PCV = torch.stack((d_p_CV - first * spread, d_q_CV - second * spread))
    word_PC1 = word_C[:, None].expand(2, -1, 1)
    score_PC, of_word_PC, d_reference_PC = (
        values_PCV.gather(-1, word_PC1).squeeze(-1) for values_PCV in (work_PCV, log_p_PCV, d_PCV)
    )
    scores_PCV.copy_(d_PCV)
    return score_PC, of_word_PC, torch.stack((to_q_C1, to_p_C1)).squeeze(-1), d_reference_PC


def consistent_gradient_in_blocks(
    scores_PCV: Tensor, bias_V: Tensor, word_C: Tensor, smoothing: float, consistency: Consistency
) -> tuple[Tensor, ...]:
    """`consistent_gradient` without a compiler: a few positions at a time, so that every pass finds them in the cache.

    On a GPU, where starting a pass takes longer than a few positions, it is all at once.
    """
    if scores_PCV.device.type != "cpu":
        return consistent_gradient(scores_PCV, bias_V, word_C, smoothing, consistency)
    positions = max(1, loss_fused.CACHED_SCORES // scores_PCV.shape[-1] // TEMPORARIES)
    blocks = zip(torch.split(scores_PCV, positions, 1), torch.split(word_C, positions), strict=True)
    found = [consistent_gradient(block_PCV, bias_V, block_C, smoothing, consistency) for block_PCV, block_C in blocks]
    return tuple(torch.cat(figures, 1) for figures in zip(*found, strict=True))


class FusedConsistentLoss(torch.autograd.Function):
    """With l and m the scores of the two passes, p = softmax l, q = softmax m, y the reference word, e the smoothing:

    d CE(p) / d l(v)      = p(v) - (1 - e) [v = y] - e / V
    d KL(p || q) / d l(v) = p(v) (log p(v) - log q(v) - KL(p || q));    d KL(p || q) / d m(v) = q(v) - p(v)

    and the same with p and q exchanged. All else is as in FusedLoss.
    """

    @staticmethod
    def forward(
        ctx: Any,
        readout_PNR: Tensor,
        vectors_VR: Tensor,
        bias_V: Tensor,
        target_N: Tensor,
        smoothing: float,
        consistency: Consistency,
        operand: torch.dtype,
        gradient_kernel: ConsistentGradient,
        buffer: ScoreBuffer,
    ) -> tuple[Tensor, Tensor, Tensor]:
        wants_gradient = any(ctx.needs_input_grad)
        words = len(vectors_VR)
        step = max(1, loss_fused.HELD // (2 * words) // MULTIPLE) * MULTIPLE
        with torch.autocast(readout_PNR.device.type, enabled=False):
            products = OutputProducts(vectors_VR, bias_V, operand, buffer)
            real_N = target_N != PAD
            readout_PNR = readout_PNR * real_N[:, None]
            out_PNR, work = readout_PNR.to(operand), products.work
            # of the reference words, summed over positions
            score_P, log_p_P, divergence_P = bias_V.new_zeros(3, 2, dtype=work)
            d_readouts: list[Tensor] = []
            for block_PCR, word_C in zip(torch.split(out_PNR, step, 1), torch.split(target_N, step), strict=True):
                positions, missing = len(word_C), -len(word_C) % MULTIPLE
                out_PCR, word_C = F.pad(block_PCR, (0, 0, 0, missing)), F.pad(word_C, (0, missing), value=PAD)
                real_C = word_C != PAD
                d_scores_PCV = products.compute_scores(out_PCR.flatten(0, 1)).view(2, -1, words)
                figures = gradient_kernel(d_scores_PCV, products.bias_V, word_C, smoothing, consistency)
                score_PC, log_p_PC, divergence_PC, d_reference_PC = figures
                score_P, log_p_P = score_P + (score_PC * real_C).sum(1), log_p_P + (log_p_PC * real_C).sum(1)
                divergence_P = divergence_P + (divergence_PC * real_C).sum(1)
                if wants_gradient:
                    for pass_, share in enumerate(consistency[:2]):
                        d_reference_C = (d_reference_PC[pass_] - share * (1 - smoothing)).to(operand)
                        d_scores_PCV[pass_, torch.arange(len(word_C), device=word_C.device), word_C] = d_reference_C
                    both_NR, d_scores_NV = out_PCR.flatten(0, 1), d_scores_PCV.flatten(0, 1)
                    d_out_NR = products.backward(both_NR, d_scores_NV, real_C.repeat(2))
                    d_readouts.append(d_out_NR.view_as(out_PCR)[:, :positions].to(readout_PNR.dtype))
            if wants_gradient:
                ctx.gradients = torch.cat(d_readouts, 1), *products.sum_gradients()
            losses_P = -log_p_P
            if smoothing:
                all_P = readout_PNR.sum(1, dtype=work) @ vectors_VR.sum(0, dtype=work) + real_N.sum() * bias_V.sum()
                losses_P = losses_P + smoothing * (score_P - all_P / words)
            first, second, forward, backward, weight = consistency
            divergence = forward * divergence_P[0] + backward * divergence_P[1]
            loss = first * losses_P[0] + second * losses_P[1] + weight * divergence
            nll = -(first * log_p_P[0] + second * log_p_P[1])
        ctx.mark_non_differentiable(nll, divergence)
        return loss, nll, divergence

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None  # released here, so that they need not be copied
        return *(gradient.mul_(d_loss) for gradient in gradients), *(None,) * 6
