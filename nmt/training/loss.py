"""Losses: cross-entropy of target words with label smoothing, consistency of two passes, and guided attention."""

# N target positions   P the two passes   R readout   V target words   B sentences   T target positions
# S source positions

import torch
from torch import Tensor
from torch.nn import functional as F

from nmt.ids import PAD
from nmt.kernels.consistency_fused import Consistency


def smoothed_loss(
    readout_NR: Tensor, vectors_VR: Tensor, bias_V: Tensor, target_N: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Two sums over positions, in nats: the loss with label smoothing, and the negative log-likelihood of the targets.

    loss = (1 - e) * -log p(target) + e * mean over words of -log p(word)      Szegedy et al. 2016, arXiv:1512.00567, 7

    The second has no gradient and does not depend on the smoothing; perplexity is exp of its mean over tokens.
    Positions whose target is PAD count nothing.
    """
    logits_NV = F.linear(readout_NR, vectors_VR, bias_V)
    logits_NV = logits_NV.to(torch.promote_types(logits_NV.dtype, torch.float32))
    log_total_N = logits_NV.logsumexp(-1)
    nll_N = log_total_N - logits_NV.gather(-1, target_N[:, None]).squeeze(-1)
    mean_nll_N = log_total_N - logits_NV.mean(-1)  # over all words
    real_N = target_N != PAD
    loss = (((1 - smoothing) * nll_N + smoothing * mean_nll_N) * real_N).sum()
    return loss, (nll_N.detach() * real_N).sum()


def consistent_loss(
    readout_PNR: Tensor,
    vectors_VR: Tensor,
    bias_V: Tensor,
    target_N: Tensor,
    smoothing: float,
    consistency: Consistency,
) -> tuple[Tensor, Tensor, Tensor]:
    """Three sums over positions, in nats: the loss over two passes of a batch, its negative log-likelihood, and D.

    loss = first CE(p) + second CE(q) + weight D;    D = forward KL(p || q) + backward KL(q || p)

    p and q are the probabilities of words in the two passes; both get the gradient of D. The kinds of consistency and
    their papers are in nmt.training.consistency. The negative log-likelihood is the mean over passes, weighted as CE.
    It and D have no gradient. Positions whose target is PAD count nothing.
    """
    first, second, forward, backward, weight = consistency
    words = vectors_VR, bias_V, target_N, smoothing
    (loss_p, nll_p), (loss_q, nll_q) = (smoothed_loss(readout_NR, *words) for readout_NR in readout_PNR)
    logits_PNV = F.linear(readout_PNR, vectors_VR, bias_V)
    logits_PNV = logits_PNV.to(torch.promote_types(logits_PNV.dtype, torch.float32))
    log_p_NV, log_q_NV = logits_PNV.log_softmax(-1)
    to_q_NV = F.kl_div(log_q_NV, log_p_NV, log_target=True, reduction="none")  # KL(p || q)
    to_p_NV = F.kl_div(log_p_NV, log_q_NV, log_target=True, reduction="none")
    divergence = ((forward * to_q_NV + backward * to_p_NV).sum(-1) * (target_N != PAD)).sum()
    loss = first * loss_p + second * loss_q + weight * divergence
    return loss, first * nll_p + second * nll_q, divergence.detach()


def guided_loss(attention_BTS: Tensor, guide_BTS: Tensor) -> Tensor:
    """The cross-entropy of attention against known links, summed over target positions, in nats.

    - sum over b, t, s of guide(b, t, s) ln attention(b, t, s)            Chen et al. 2016, arXiv:1607.01628

    Row t is the attention of the step that predicts target piece t, which `nmt align` reads too. The guide of a piece
    without links is a row of zeros, which adds nothing. Attention below 1e-30 counts as 1e-30 and has no gradient.
    """
    return -(guide_BTS * attention_BTS.clamp_min(1e-30).log()).sum()
