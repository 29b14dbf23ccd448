"""The random generators of dropout, one for each process: how a checkpoint keeps them, and how they continue.

In a checkpoint, `random.cpu` and `random.cuda` are the states of rank 0, and `random.cpu.1` that of rank 1.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from nmt.progress import format_count
from nmt.training.distributed import Group


def seed_process(group: Group, seed: int, update: int = 0) -> None:
    """Seed the generators of a process other than rank 0, whose generators go on from the initial weights."""
    if not group.is_main:
        torch.manual_seed(int(np.random.SeedSequence([seed, group.rank, update]).generate_state(1, np.uint64)[0]))


def collect_random_states(group: Group, device: torch.device) -> dict[str, Tensor]:
    """The states of the generators of all processes."""
    mine = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        mine["random.cuda"] = torch.cuda.get_rng_state(device)
    shares = enumerate(group.gather(mine))
    return {write_key(key, rank): state for rank, states in shares for key, state in states.items()}


def restore_random_states(
    tensors: Mapping[str, Tensor], group: Group, device: torch.device, seed: int, update: int
) -> str:
    """Continue with the generators of a checkpoint. -> a note if it was trained by another number of processes

    Raises TypeError or RuntimeError for a tensor that is not the state of a generator.
    """
    seed_process(group, seed, update)
    for key in ("random.cpu", "random.cuda"):
        state = tensors.get(write_key(key, group.rank))
        if state is not None and key == "random.cpu":
            torch.set_rng_state(state)
        elif state is not None and device.type == "cuda":
            torch.cuda.set_rng_state(state, device)
    before = sum(key.startswith("random.cpu") for key in tensors)
    if before == group.size:
        return ""
    return (
        f"trained by {format_count(before, 'process')} before, and by {group.size} now: the batches stay the same, and "
        "dropout draws other numbers"
    )


def write_key(key: str, rank: int) -> str:
    """`random.cpu`, `random.cpu.1`"""
    return f"{key}.{rank}" if rank else key
