"""Processes that train one model together, each on its share of every batch, by the collectives of torch.distributed.

Gradients are summed over the processes after the backward pass, by an explicit all-reduce. DistributedDataParallel
would do it in hooks during the backward pass. But a process whose batch does not fit in memory repeats its backward
pass with halves, which the hooks of the others do not wait for; and there is little to overlap, because the fused loops
return the gradients of a whole layer at once.

Small facts, such as an interruption, travel by gloo also where gradients travel by nccl: no GPU is waited for.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import PrefixStore, Store, rendezvous  # type: ignore[attr-defined]

from nmt.devices import choose_device
from nmt.errors import Option, PeerError, TrainingError, UsageError, is_out_of_memory
from nmt.training.interrupts import end_after_reports

Value = TypeVar("Value")

TIMEOUT = timedelta(minutes=30)  # after which a host that does not answer counts as lost
MAIN_REPORTS_WITHIN = timedelta(seconds=2)
FAILED = "failed"  # key in the store: the number of processes that have reported a failure


@dataclass(frozen=True)
class Group:
    """The processes that train together. `rank` is the number of this one; rank 0, the main one, writes and reports.

    All processes call the same methods in the same order. Each method raises PeerError when another process has ended.
    A group of one process computes what the method describes, and communicates nothing.
    """

    rank: int = 0
    size: int = 1
    handle: Any = None  # a process group of torch.distributed; None stands for all processes

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, which is the same in each of them to the last bit."""
        if self.size > 1:
            with raise_if_lost():
                for work in [dist.all_reduce(tensor, group=self.handle, async_op=True) for tensor in tensors]:
                    work.wait()

    def add_gradients(self, model: nn.Module) -> None:
        """Sum the gradients of a model. A parameter without a gradient, in a process without pairs, counts as zeros."""
        if self.size > 1:
            parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
            for parameter in parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            self.add([parameter.grad for parameter in parameters if parameter.grad is not None])

    def share(self, compute: Callable[[], Value]) -> Value:
        """What rank 0 computes; the other processes receive it."""
        values: list[Any] = [compute() if self.is_main else None]
        if self.size > 1:
            with raise_if_lost():
                dist.broadcast_object_list(values, group=self.handle, group_src=0)
        return values[0]  # type: ignore[no-any-return]

    def share_parameters(self, model: nn.Module) -> None:
        """Replace the parameters of a model by those of rank 0."""
        if self.size > 1:
            with raise_if_lost(), torch.no_grad():
                for parameter in model.parameters():
                    dist.broadcast(parameter.data, group=self.handle, group_src=0)

    def gather(self, value: Value) -> list[Value]:
        """The values of all processes, in the order of their ranks."""
        values: list[Any] = [value] * self.size
        if self.size > 1:
            with raise_if_lost():
                dist.all_gather_object(values, value, group=self.handle)
        return values

    def agree(self, is_interrupted: bool, seconds: float) -> tuple[bool, float]:
        """-> whether any process is interrupted, and the `seconds` of rank 0: what all of them decide by"""
        facts_2 = torch.tensor([is_interrupted, seconds if self.is_main else 0.0], dtype=torch.float64)
        self.add([facts_2])
        interrupted, agreed = facts_2.tolist()
        return interrupted > 0, agreed


ALONE = Group()


@contextmanager
def raise_if_lost() -> Iterator[None]:
    """Raise PeerError where a collective fails, because another process has ended or does not answer."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise PeerError("another process of this training has failed") from error


def is_started_by_torchrun() -> bool:
    """Whether torchrun, or a launcher with the same environment variables, has started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()


def is_restarted() -> bool:
    """Whether torchrun has started this process in the place of one that failed."""
    return is_started_by_torchrun() and int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


def choose_device_type(device: str, processes: int) -> str:
    """`cpu` or `cuda`, for several processes on this machine, each of which has a GPU of its own.

    Raises UsageError for the name of one GPU, and when there are fewer GPUs than processes.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda:"):
        raise UsageError(
            Option("device", device),
            f" is one GPU, and each of {processes} processes needs its own\n  Use ",
            *(Option("device", "cuda"), "; $CUDA_VISIBLE_DEVICES chooses which GPUs it has"),
        )
    if device != "cuda":
        return choose_device(device).type
    if processes > (gpus := torch.cuda.device_count()):
        raise UsageError(
            f"{processes} processes need {processes} GPUs, and this machine has {gpus}\n  Use ",
            *((Option("processes", gpus), ", or ") if gpus else ()),
            Option("device", "cpu"),
        )
    return "cuda"


def open_device(kind: str, local_rank: int) -> torch.device:
    """The device of a process: the CPU, or the GPU with its number on this host, which is made the current one."""
    device = choose_device("cpu" if kind == "cpu" else f"cuda:{local_rank}")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


@contextmanager
def join(store: Store, rank: int, size: int, device: torch.device) -> Iterator[Group]:
    """The group of `size` processes that meet at a store; they part when the block ends without an error."""
    backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
    with raise_if_lost():
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        yield Group(rank, size)
    except BaseException:
        if device.type == "cpu":  # on a GPU it could wait for ever for a collective that has begun
            dist.destroy_process_group()
        raise
    dist.destroy_process_group()


@contextmanager
def join_torchrun(device: str) -> Iterator[tuple[Group, torch.device]]:
    """The group of the processes that torchrun has started, and the device of this one.

    One process raises what went wrong, rank 0 if it failed too. The others raise PeerError.
    """
    end_after_reports()
    local_rank, local_size = (int(os.environ[name]) for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    with raise_if_lost():
        agent_store, rank, size = next(rendezvous("env://"))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = PrefixStore(f"nmt/{attempt}", agent_store)  # which also has what processes that failed wrote
    try:
        where = open_device(choose_device_type(device, local_size), local_rank)
        with join(store, rank, size, where) as group:
            yield group, where
    except BaseException as error:
        if not is_first_to_fail(store, rank):
            raise PeerError("another process of this training has failed, and reports why") from error
        if isinstance(error, PeerError):
            raise TrainingError(
                "another process of this training has died: the report of torchrun below names it\n  ",
                *("To continue from the last checkpoint, add ", Option("resume", True), " to the same command"),
            ) from error
        raise


def is_first_to_fail(store: Store, rank: int) -> bool:
    """Whether no other process has reported a failure. Those that fail together wait for rank 0, which knows most."""
    try:
        if rank:
            with suppress(RuntimeError):  # rank 0 has not failed in that time
                store.wait([FAILED], MAIN_REPORTS_WITHIN)
        return bool(store.add(FAILED, 1) == 1)
    except RuntimeError:  # the host of the store is lost
        return True
