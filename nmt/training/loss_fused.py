"""`plain_loss` together with its gradient, some positions at a time: the scores of all words are never all held.

Same arguments and same figures; under autocast the products take its precision, and everything else stays as it is.
"""

# N target positions that are real   C of them at a time   R readout   V target words

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nmt.model.scan import operand_of

HELD = 1 << 24  # scores, in the precision of the products: 2,097 positions of 8,000 words
CACHED = 1 << 20  # scores in full precision that fit the cores' caches on their way from score to gradient


def fused_loss(
    readout_NR: Tensor,
    vectors_VR: Tensor,
    bias_V: Tensor,
    target_N: Tensor,
    smoothing: float,
    soften: Callable[..., tuple[Tensor, Tensor]] | None = None,
) -> tuple[Tensor, Tensor]:
    """See `plain_loss`. The gradient is made with the loss, so it can be asked for once.

    `soften` is `soften_some` or its equal; without it they are called a few positions at a time.
    """
    loss: tuple[Tensor, Tensor] = FusedLoss.apply(  # type: ignore[no-untyped-call]
        readout_NR, vectors_VR, bias_V, target_N, smoothing, operand_of(readout_NR), soften or soften_in_cache
    )
    return loss


def soften_some(scores_CV: Tensor, word_C: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Turn scores into the gradient of the loss by them, but for what belongs to the reference words, in place.

    -> the reference words' scores_C and log_p_C
    """
    work_CV = scores_CV.to(torch.promote_types(scores_CV.dtype, torch.float32))
    total_C1 = work_CV.logsumexp(-1, keepdim=True)
    right_C = work_CV.gather(-1, word_C[:, None]).squeeze(-1)
    scores_CV.copy_(torch.exp(work_CV - total_C1) - smoothing / scores_CV.shape[-1])
    return right_C, right_C - total_C1.squeeze(-1)


def soften_in_cache(scores_CV: Tensor, word_C: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """`soften_some` without a compiler: so few positions at a time that all passes over them find them in the cache."""
    positions = max(1, CACHED // scores_CV.shape[-1])
    found = []
    for some_CV, some_C in zip(torch.split(scores_CV, positions), torch.split(word_C, positions), strict=True):
        right_C = some_CV.gather(-1, some_C[:, None]).squeeze(-1)
        log_p_CV = some_CV.log_softmax(-1, torch.promote_types(some_CV.dtype, torch.float32))
        found.append((right_C, log_p_CV.gather(-1, some_C[:, None]).squeeze(-1)))
        some_CV.copy_(log_p_CV.exp_().sub_(smoothing / scores_CV.shape[-1]))
    right, log_p = zip(*found, strict=True)
    return torch.cat(right), torch.cat(log_p)


class FusedLoss(torch.autograd.Function):
    """With l = W o + b, p = softmax l, y the reference word, e the smoothing and V words:

    loss = (1 - e) * -log p(y) + e * mean over v of -log p(v)
    d_l(v) = p(v) - (1 - e) [v = y] - e / V;    d_o = d_l W;    d_W = sum d_l o;    d_b = sum d_l

    With -log p(v) = -log p(y) + l(y) - l(v), a position's loss is -log p(y) + e * (l(y) - mean over v of l(v)), and
    the sum of all l is (sum o) . (sum W) + N * sum b. Products read `operand`; softmax and sums over positions are in
    `work`.
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
        soften: Callable[..., tuple[Tensor, Tensor]],
    ) -> tuple[Tensor, Tensor]:
        work = torch.promote_types(operand, torch.float32)
        wants_gradient = any(ctx.needs_input_grad)
        words = len(vectors_VR)
        parts = max(1, -(-len(readout_NR) * words // HELD))
        with torch.autocast(readout_NR.device.type, enabled=False):
            out_NR, into_VR, into_V = readout_NR.to(operand), vectors_VR.to(operand), bias_V.to(operand)
            all_scores = readout_NR.sum(0, dtype=work) @ vectors_VR.sum(0, dtype=work) + len(out_NR) * bias_V.sum()
            log_p, scores = all_scores.new_zeros(2)  # of the reference words, summed over positions
            d_readouts: list[Tensor] = []
            d_vectors_VR, d_bias_V = (torch.zeros((), dtype=work, device=out_NR.device) for _ in range(2))
            for out_CR, word_C in zip(out_NR.tensor_split(parts), target_N.tensor_split(parts), strict=True):
                scores_CV = F.linear(out_CR, into_VR, into_V)
                right_C, log_p_C = soften(scores_CV, word_C, smoothing)
                scores, log_p = scores + right_C.sum(dtype=work), log_p + log_p_C.sum()
                if wants_gradient:
                    d_right_C = log_p_C.exp() - (1 - smoothing + smoothing / words)
                    d_scores_CV = scores_CV.scatter_(1, word_C[:, None], d_right_C[:, None].to(operand))
                    d_readouts.append((d_scores_CV @ into_VR).to(readout_NR.dtype))
                    d_vectors_VR = (d_scores_CV.t() @ out_CR).to(work).add_(d_vectors_VR)
                    d_bias_V = d_scores_CV.sum(0).to(work).add_(d_bias_V)
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
        return *(gradient.mul_(d_loss) for gradient in gradients), None, None, None, None
