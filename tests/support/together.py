"""Training by several processes, as tests call it in each of them: what every process has afterwards is returned."""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist

from nmt.data.split import LinkArrays, Split
from nmt.errors import DataError, Option
from nmt.progress import Progress
from nmt.settings import TrainSettings
from nmt.training.distributed import ALONE, Group
from nmt.training.epochs import EpochSizes
from nmt.training.intervals import ValidationPlan
from nmt.training.trainer import Trainer
from nmt.training.update import Updater
from support.models import VOCABULARY, small_model

SETTINGS = {"max_tokens": 30, "max_updates": 9, "learning_rate": 0.01, "warmup": 2, "keep": 0, "loop": "fused"}
# Settings of training that change what is summed over the processes, and those of the model
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "additive": ({}, {}),
    "accumulate": ({"accumulate": 3, "clip": 0.1}, {"attention": "luong-general", "tie": "all"}),
    "guided": ({"guided_weight": 0.7, "guided_decay": 0.5}, {"attention": "luong-dot", "input_feeding": False}),
    "one pair a batch": ({"max_tokens": 1, "guided_weight": 0.2, "optimizer": "adamw", "weight_decay": 0.1}, {}),
    "simcut": ({"consistency": "simcut", "cut": 1 - 1e-9}, {}),  # all is cut, whatever each process draws
    "averaged": ({"average": 0.7}, {"attention": "luong-dot"}),
    "r-drop": ({"consistency": "r-drop", "accumulate": 2}, {"attention": "luong-dot"}),
    "both directions": ({"both_epochs": 1, "guided_weight": 0.2}, {}),
    "readable": ({"loop": "reference", "label_smoothing": 0.0}, {"coverage": "neural", "encoder_layers": 2}),
}
BY_TWO = ["accumulate", "readable"]  # those that two processes train too


class Trained(NamedTuple):
    """What a process has after training, and the records of the log."""

    weights: dict[str, torch.Tensor]
    records: list[dict[str, Any]]


def make_split(pairs: int, seed: int) -> Split:
    """Random pairs of very different lengths, whose pieces are linked to about one other."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 12, (2, pairs))
    offsets = [np.cumsum([0, *side]) for side in lengths]
    ids = [random.integers(4, VOCABULARY, side.sum()) for side in lengths]
    links = [random.integers(0, side) for side in lengths]  # one link of each pair
    return Split(ids[0], offsets[0], ids[1], offsets[1], LinkArrays(*links, np.arange(pairs + 1)))


def train_case(name: str, group: Group, folder: Path) -> Trained:
    """Train a small model in float64, without dropout, with a validation every four updates."""
    changes, model = CASES[name]
    settings = TrainSettings(**(SETTINGS | changes))
    folder.mkdir(exist_ok=True)
    trainer = Trainer(
        folder,
        small_model(**model),
        make_split(31, seed=1).with_both_directions(settings.both_epochs, tag=[VOCABULARY]),
        make_split(13, seed=2),
        settings,
        device=torch.device("cpu"),
        precision=torch.float32,
        updates_in_all=9,
        validation_plan=ValidationPlan(4, EpochSizes(1), 0, 1),
        max_valid_pieces=9,
        compute_scores=lambda model: dict.fromkeys(("bleu", "chrf", "accuracy", "f1"), 1.0),
        tokenizer="13a",
        dropped=0,
        report=lambda record: None,
        note=lambda text: None,
        group=group,
    )
    trainer.fit()
    lines = (folder / "log.jsonl").read_text().splitlines() if group.is_main else []
    return Trained(dict(trainer.model.named_parameters()), [json.loads(line) for line in lines])


def train_cases(
    group: Group, device: torch.device, progress: Progress, out: Path
) -> dict[tuple[str, int], list[Trained]]:
    """Train every case with all processes, and two with the first two. -> what each process has, by case and number

    In the last process no more than one pair fits in memory.
    """
    accumulate = Updater._accumulate

    def refuse_two_pairs(self: Updater, batch: Any, *rest: Any) -> Any:
        if len(batch.source_BS) > 1:
            raise MemoryError
        return accumulate(self, batch, *rest)

    if group.rank == group.size - 1:
        Updater._accumulate = refuse_two_pairs  # type: ignore[method-assign]
    trained = {}
    for size, names in ((2, BY_TWO), (group.size, CASES)):
        handle = dist.new_group(list(range(size)))
        for name in names if group.rank < size else ():
            some = Group(group.rank, size, handle)
            trained[name, size] = some.gather(train_case(name, some, out / f"{name} {size}"))
    return trained


def fail(group: Group, device: torch.device, progress: Progress, out: Path) -> None:
    """Rank 1 fails, while rank 0 does something that takes minutes."""
    progress.note(f"rank {group.rank} is heard")
    if group.rank == 1:
        raise DataError("a pair is wrong: ", Option("beam", 3))
    time.sleep(200)


def train_alone(name: str, folder: Path) -> Trained:
    return train_case(name, ALONE, folder)
