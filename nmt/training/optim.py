"""The optimizer, the number of updates, and the learning rate as a function of the update."""

# P parameters

import math
from itertools import compress

import torch
from torch import Tensor, nn

from nmt.settings import TrainSettings
from nmt.training.epochs import EpochSizes


def build_optimizer(model: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Adam, or AdamW without weight decay for biases and layer norms. It updates all parameters in one fused pass.

    Frozen parameters, which need no gradient, are not among them, and take no memory in it.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in trained if parameter.dim() > 1]
    vectors = [parameter for parameter in trained if parameter.dim() <= 1]
    decay = settings.weight_decay if settings.optimizer == "adamw" else 0.0
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, settings.beta2), fused=True)


def apply_update(optimizer: torch.optim.Optimizer, rate: float, clip: float) -> tuple[Tensor, Tensor]:
    """One step of the optimizer, with gradients clipped to the norm `clip`, unless it is 0.

    The result is that of torch.nn.utils.clip_grad_norm_. But the fused optimizer scales gradients while it reads them,
    as it does for scaled losses, which saves a pass over memory. And if the norm is infinite or not a number, because
    gradients overflowed on a very long sentence, the step is skipped.

    -> norms_P, the norm of the gradient of each parameter of `optimizer`, and whether the step changed nothing: the
    gradients are zero or not finite, or no vector is another after it. The output layer's bias is one, whose gradient
    is zero only where all others are; matrices are not compared, because that takes memory and time, unless all
    vectors are frozen.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    vectors = [parameter for parameter in parameters if parameter.dim() <= 1] or parameters
    for group in optimizer.param_groups:
        group["lr"] = rate
    has_gradient_P = [parameter.grad is not None for parameter in parameters]
    norms = torch.stack(torch._foreach_norm([parameter.grad for parameter in compress(parameters, has_gradient_P)]))
    norm = torch.linalg.vector_norm(norms)
    if clip:
        scale = ((norm + 1e-6) / clip).clamp_min(1)
        optimizer.grad_scale = scale.to(torch.float32)  # type: ignore[attr-defined]  # the type it takes
    optimizer.found_inf = (~norm.isfinite()).to(torch.float32)  # type: ignore[attr-defined]
    before = torch.cat([vector.detach().flatten() for vector in vectors])
    optimizer.step()
    is_same = (torch.cat([vector.detach().flatten() for vector in vectors]) == before).all()
    norms_P = norms
    if not all(has_gradient_P):  # a mask is copied to a GPU, which is waited for
        mask_P = torch.tensor(has_gradient_P, device=norms.device)
        norms_P = norms.new_zeros(len(parameters)).masked_scatter_(mask_P, norms)
    return norms_P, ~norm.isfinite() | (norm == 0) | is_same


def count_updates(settings: TrainSettings, epochs: EpochSizes) -> int:
    """The number of updates that the limits allow; 0 for no limit."""
    limits = [settings.max_updates, epochs.count(settings.max_epochs)]
    return min((limit for limit in limits if limit), default=0)


def compute_learning_rate(settings: TrainSettings, update: int, updates_in_all: int, plateaus: int) -> float:
    """The learning rate of update number `update`, counted from one. A pure function, so a resumed run continues it.

    Linear warm-up, then one of: constant; peak * sqrt(warmup / update) (Vaswani et al. 2017, arXiv:1706.03762, 5.3);
    half a cosine that reaches zero at `updates_in_all` (Loshchilov and Hutter 2017, arXiv:1608.03983); multiplied by
    `decay` at each of `plateaus`.
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
