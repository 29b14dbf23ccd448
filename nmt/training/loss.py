"""Smoothed cross-entropy of target words, the unsmoothed figure that people compare, and that of guided attention."""

# N target positions that are real   R readout   V target words   B sentences   T target positions   S source positions

import torch
from torch import Tensor
from torch.nn import functional as F


def plain_loss(
    readout_NR: Tensor, vectors_VR: Tensor, bias_V: Tensor, target_N: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Sums over positions, in nats: the loss to minimise, and the negative log-likelihood of the reference words.

    loss = (1 - e) * -log p(target) + e * mean over words of -log p(word)      Szegedy et al. 2016, arXiv:1512.00567, 7

    The second carries no gradient: perplexity is exp of it per token, whatever the smoothing.
    """
    logits_NV = F.linear(readout_NR, vectors_VR, bias_V)
    logits_NV = logits_NV.to(torch.promote_types(logits_NV.dtype, torch.float32))
    log_total_N = logits_NV.logsumexp(-1)
    nll_N = log_total_N - logits_NV.gather(-1, target_N[:, None]).squeeze(-1)
    everywhere_N = log_total_N - logits_NV.mean(-1)
    loss = ((1 - smoothing) * nll_N + smoothing * everywhere_N).sum()
    return loss, nll_N.detach().sum()


def guided_loss(attention_BTS: Tensor, guide_BTS: Tensor) -> Tensor:
    """How far attention is from known links: cross-entropy, summed over target positions, in nats.

    - sum over b, t, s of guide(b, t, s) ln attention(b, t, s)            Chen et al. 2016, arXiv:1607.01628

    Row t is the attention with which target piece t is predicted, which is what `nmt align` reads. Pieces without links
    have a row of zeros in the guide, and do not count. Attention below 1e-30 counts as that, without a gradient.
    """
    return -(guide_BTS * attention_BTS.clamp_min(1e-30).log()).sum()
