"""`smoothed_loss` together with its gradient, a block of positions at a time: memory holds the scores of one block.

It has the arguments of `smoothed_loss` and computes the same. Under autocast products have its precision, everything
else keeps its own.
"""

# N target positions   C positions of a block   R readout   V target words

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nmt.ids import PAD
from nmt.model.linear import MULTIPLE, product_dtype

HELD = 1 << 24  # scores of a block, in the precision of the products: 2,097 positions of 8,000 words
CACHED_SCORES = 1 << 20  # scores in full precision that fit the cores' caches while they become gradients

SoftmaxGradient = Callable[..., tuple[Tensor, Tensor]]


class ScoreBuffer:
    """Memory for the scores of words, kept between updates, because allocating it takes longer than filling it."""

    def __init__(self) -> None:
        self.kept = torch.empty(0)

    def take(self, rows: int, like_VR: Tensor) -> Tensor:
        """Uninitialised memory. -> scores_CV"""
        size = rows * len(like_VR)
        if self.kept.numel() < size or (self.kept.dtype, self.kept.device) != (like_VR.dtype, like_VR.device):
            self.kept = like_VR.new_empty(size)
        return self.kept[:size].view(rows, -1)


def fused_loss(
    readout_NR: Tensor,
    vectors_VR: Tensor,
    bias_V: Tensor,
    target_N: Tensor,
    smoothing: float,
    gradient_kernel: SoftmaxGradient | None = None,
    buffer: ScoreBuffer | None = None,
) -> tuple[Tensor, Tensor]:
    """See `smoothed_loss`. The gradient is computed with the loss, and `backward` runs once.

    `gradient_kernel` is a compiled `softmax_gradient`; by default `softmax_gradient_in_blocks`, which needs no
    compiler.
    """
    gradient_kernel, buffer = gradient_kernel or softmax_gradient_in_blocks, buffer or ScoreBuffer()
    loss: tuple[Tensor, Tensor] = FusedLoss.apply(  # type: ignore[no-untyped-call]
        readout_NR, vectors_VR, bias_V, target_N, smoothing, product_dtype(readout_NR), gradient_kernel, buffer
    )
    return loss


def softmax_gradient(scores_CV: Tensor, bias_V: Tensor, word_C: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Overwrite scores, which lack their bias, with the gradient by them, except the term of the reference words.

    Returns score_C and log_p_C of the reference words.
    """
    work_CV = scores_CV.to(bias_V.dtype) + bias_V
    total_C1 = work_CV.logsumexp(-1, keepdim=True)
    score_C = scores_CV.gather(-1, word_C[:, None]).squeeze(-1) + bias_V[word_C]
    scores_CV.copy_(torch.exp(work_CV - total_C1) - smoothing / scores_CV.shape[-1])
    return score_C, score_C - total_C1.squeeze(-1)


def softmax_gradient_in_blocks(
    scores_CV: Tensor, bias_V: Tensor, word_C: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """`softmax_gradient` without a compiler: a few positions at a time, so that every pass finds them in the cache.

    On a GPU, where starting a pass takes longer than a few positions, it is all at once.
    """
    if scores_CV.device.type != "cpu":
        return softmax_gradient(scores_CV, bias_V, word_C, smoothing)
    positions = max(1, CACHED_SCORES // scores_CV.shape[-1])
    of_reference_words = []
    for block_CV, block_C in zip(torch.split(scores_CV, positions), torch.split(word_C, positions), strict=True):
        work_CV = block_CV + bias_V
        score_C = work_CV.gather(-1, block_C[:, None]).squeeze(-1)
        log_p_CV = work_CV.log_softmax(-1)
        of_reference_words.append((score_C, log_p_CV.gather(-1, block_C[:, None]).squeeze(-1)))
        block_CV.copy_(log_p_CV.exp_().sub_(smoothing / scores_CV.shape[-1]))
    scores, log_p = zip(*of_reference_words, strict=True)
    return torch.cat(scores), torch.cat(log_p)


class OutputProducts:
    """The products with the vectors of words: scores, and their gradients, whose sums over blocks are collected here.

    l = W o + b;  d_o = d_l W;  d_W = sum d_l o;  d_b = sum d_l. Operands have the type `operand`, sums over blocks are
    in `work` precision, which is at least float32.
    """

    def __init__(self, vectors_VR: Tensor, bias_V: Tensor, operand: torch.dtype, buffer: ScoreBuffer) -> None:
        self.work = torch.promote_types(operand, torch.float32)
        self.vectors_VR, self.bias_V = vectors_VR.to(operand), bias_V.to(self.work)
        self.buffer = buffer
        self.d_vectors: list[Tensor] = []
        self.d_biases: list[Tensor] = []

    def compute_scores(self, out_CR: Tensor) -> Tensor:
        """Scores without their bias, in memory that the next call overwrites. -> scores_CV"""
        return torch.mm(out_CR, self.vectors_VR.t(), out=self.buffer.take(len(out_CR), self.vectors_VR))

    def backward(self, out_CR: Tensor, d_scores_CV: Tensor, real_C: Tensor) -> Tensor:
        """The gradient of the readouts of a block; those of vectors and bias are added to those of other blocks.

        The readouts of padding have to be zero; whatever its scores have for gradients, it adds nothing. -> d_out_CR
        """
        real_C1 = real_C[:, None].to(out_CR.dtype)
        # This takes three quarters of the time of d_scores.t() @ out, which reads the larger operand transposed. The
        # last row, of ones where a position is real, computes the gradient of the bias.
        d_both = torch.cat((out_CR, real_C1), 1).t().contiguous() @ d_scores_CV
        self.d_vectors.append(d_both[:-1].t().to(self.work, memory_format=torch.contiguous_format))
        self.d_biases.append(d_both[-1].to(self.work))
        return (d_scores_CV @ self.vectors_VR).mul_(real_C1)

    def sum_gradients(self) -> tuple[Tensor, Tensor]:
        """-> d_vectors_VR, d_bias_V"""
        return reduce(Tensor.add_, self.d_vectors), reduce(Tensor.add_, self.d_biases)


class FusedLoss(torch.autograd.Function):
    """With l = W o + b, p = softmax l, y the reference word, e the smoothing and V words:

    loss = (1 - e) * -log p(y) + e * mean over v of -log p(v)
    d_l(v) = p(v) - (1 - e) [v = y] - e / V;    d_o = d_l W;    d_W = sum d_l o;    d_b = sum d_l

    With -log p(v) = -log p(y) + l(y) - l(v), a position's loss is -log p(y) + e * (l(y) - mean over v of l(v)), and
    the sum of all l is (sum o) . (sum W) + N * sum b. Operands of products have the type `operand`; softmax and sums
    over positions have the type `work`.
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
        gradient_kernel: SoftmaxGradient,
        buffer: ScoreBuffer,
    ) -> tuple[Tensor, Tensor]:
        wants_gradient = any(ctx.needs_input_grad)
        words = len(vectors_VR)
        step = max(1, HELD // words // MULTIPLE) * MULTIPLE
        with torch.autocast(readout_NR.device.type, enabled=False):
            products = OutputProducts(vectors_VR, bias_V, operand, buffer)
            real_N = target_N != PAD
            readout_NR = readout_NR * real_N[:, None]
            out_NR, work = readout_NR.to(operand), products.work
            log_p, scores = bias_V.new_zeros(2, dtype=work)  # of the reference words, summed over positions
            d_readouts: list[Tensor] = []
            for block_CR, block_C in zip(torch.split(out_NR, step), torch.split(target_N, step), strict=True):
                missing = -len(block_C) % MULTIPLE
                out_CR, word_C = F.pad(block_CR, (0, 0, 0, missing)), F.pad(block_C, (0, missing), value=PAD)
                real_C = word_C != PAD
                d_scores_CV = products.compute_scores(out_CR)
                score_C, log_p_C = gradient_kernel(d_scores_CV, products.bias_V, word_C, smoothing)
                scores, log_p = scores + (score_C * real_C).sum(dtype=work), log_p + (log_p_C * real_C).sum()
                if wants_gradient:
                    d_reference_C = log_p_C.exp() - (1 - smoothing + smoothing / words)
                    d_scores_CV[torch.arange(len(word_C), device=word_C.device), word_C] = d_reference_C.to(operand)
                    d_out_CR = products.backward(out_CR, d_scores_CV, real_C)
                    d_readouts.append(d_out_CR[: len(block_C)].to(readout_NR.dtype))
            if wants_gradient:
                ctx.gradients = torch.cat(d_readouts), *products.sum_gradients()
            loss = -log_p
            if smoothing:
                all_scores = readout_NR.sum(0, dtype=work) @ vectors_VR.sum(0, dtype=work) + real_N.sum() * bias_V.sum()
                loss = loss + smoothing * (scores - all_scores / words)
        nll = -log_p
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None  # released here, so that they need not be copied
        return *(gradient.mul_(d_loss) for gradient in gradients), *(None,) * 5
