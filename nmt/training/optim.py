"""The optimizer, how many updates there will be, and the learning rate as a function of how far training is."""

import math

import torch
from torch import nn

from nmt.config import TrainSettings


def build_optimizer(model: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Adam, or AdamW whose weight decay spares biases and norms. One fused pass over all parameters."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    decay = settings.weight_decay if settings.optimizer == "adamw" else 0.0
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, settings.beta2), fused=True)


def apply_update(optimizer: torch.optim.Optimizer, rate: float, clip: float) -> None:
    """One step at a learning rate, with gradients scaled down to the norm `clip` where it is not 0.

    As torch.nn.utils.clip_grad_norm_, but that the fused optimizer scales while it reads, by the way it has for
    gradients of scaled losses; and a norm that is infinite or not a number, as of gradients that grew along a very long
    sentence, changes nothing.
    """
    gradients = []
    for group in optimizer.param_groups:
        group["lr"] = rate
        gradients += [parameter.grad for parameter in group["params"] if parameter.grad is not None]
    if clip:
        norm = nn.utils.get_total_norm(gradients)
        scale = ((norm + 1e-6) / clip).clamp_min(1)
        optimizer.grad_scale = scale.to(torch.float32)  # type: ignore[attr-defined]  # the type it takes
        optimizer.found_inf = (~norm.isfinite()).to(torch.float32)  # type: ignore[attr-defined]
    optimizer.step()


def count_updates(settings: TrainSettings, batches: int) -> int:
    """How many updates the limits allow with so many batches an epoch; 0 for no end. Epochs may differ by a few."""
    limits = [settings.max_updates, settings.max_epochs * -(-batches // settings.accumulate)]
    return min((limit for limit in limits if limit), default=0)


def learning_rate(settings: TrainSettings, update: int, updates_in_all: int, plateaus: int) -> float:
    """The rate of update number `update`, counted from one: a pure function, so that resuming cannot lose it.

    Linear warm-up, then: constant; peak * sqrt(warmup / update) (Vaswani et al. 2017, arXiv:1706.03762, 5.3); half a
    cosine that reaches zero at `updates_in_all` (Loshchilov and Hutter 2017, arXiv:1608.03983); or a cut by `decay`
    at each of `plateaus`.
    """
    peak, warmup = settings.learning_rate, settings.warmup
    if update < warmup:
        return peak * update / warmup
    match settings.schedule:
        case "constant":
            return peak
        case "inverse-sqrt":
            return peak * math.sqrt(max(warmup, 1) / update)
        case "plateau":
            return peak * settings.decay**plateaus
        case "cosine":
            share = (update - warmup) / max(updates_in_all - warmup, 1)
            return peak * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
