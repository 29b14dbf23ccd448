"""The progress of training: the value that a checkpoint saves, and how it is read again."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from nmt.checkpoint import read_checkpoint_info
from nmt.files import locate_folder
from nmt.metadata import Count, describe_problems, make_damage_error
from nmt.training.best import Criterion
from nmt.weights import find_damage


@dataclass(frozen=True)
class TrainingState:
    """The progress of training. With weights, optimizer and random generators it is all that resuming needs."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)  # for `read_state`

    update: Count = 0
    epoch: Count = 0
    batch: Count = 0
    best: float | None = None  # the best validation score; larger is better
    best_perplexity: float | None = None  # of the same validation
    criterion: str = ""  # the score that `best` is; see nmt.training.best.Criterion
    due_best: float | None = None  # the best of the validations that were not only due to a limit of training
    due_perplexity: float | None = None
    stale: Count = 0  # validations since that one
    validated: Count = 0  # the update of the last validation
    without_bleu: Count = 0  # validations in a row with a BLEU of 0.00
    plateaus: Count = 0
    unchanged: Count = 0  # updates that changed nothing
    unchanged_in_row: Count = 0  # of them, those after the last one that changed something
    split_from: Count = 0  # size from which batches are split, because they do not fit in memory; 0 if all do
    collapsed: Count = 0  # the update at which attention was first found collapsed; 0 if never
    seconds: float = 0.0  # duration of training so far, validation included
    unlogged: Count = 0  # updates since the last whole train record
    logged_seconds: float = 0.0  # when that was, in seconds of training; validations since then count as before it

    @property
    def current_epoch(self) -> int:
        """The epoch of the last update, counted from one."""
        return self.epoch + (self.batch > 0)


ADDED_LATER = {  # facts that an older version did not save
    *("best_perplexity", "criterion", "without_bleu", "due_best", "due_perplexity", "unlogged", "logged_seconds"),
    *("unchanged", "unchanged_in_row", "split_from", "collapsed"),
}


def find_saved_update(folder: Path) -> int | None:
    """The update of the checkpoint `last` of a run folder, None if there is none."""
    return read_state(folder).update if locate_folder(folder / "last").exists() else None


def read_state(folder: Path) -> TrainingState:
    """The training state in the checkpoint `last` of a run folder. Raises DamageError when it is not complete.

    One that an older version saved gets what it lacks: its best score was minus perplexity, or BLEU by 13a, and all of
    its validations were due.
    """
    path = locate_folder(folder / "last") / "checkpoint.json"
    facts = read_checkpoint_info(folder / "last")
    place = facts.get("place") or {}
    if missing := [name for name in asdict(TrainingState()) if name not in place and name not in ADDED_LATER]:
        raise make_damage_error(path, f"the state of training in it lacks {', '.join(missing)}")
    try:
        state = TypeAdapter(TrainingState).validate_json(json.dumps(place))
    except ValidationError as error:
        raise make_damage_error(path, f"the state of training in it is wrong: {describe_problems(error)}") from error
    if state.update != facts["update"] or state.validated > state.update:
        raise make_damage_error(path, "its numbers of updates contradict each other")
    if not state.criterion and state.best is not None:
        criterion = Criterion("perplexity" if state.best < 0 else "bleu", "13a")
        best = {} if find_damage(folder / "best") else read_checkpoint_info(folder / "best")
        state = replace(state, criterion=str(criterion), best_perplexity=best.get("perplexity"))
    if "due_best" not in place:
        state = replace(state, due_best=state.best, due_perplexity=state.best_perplexity)
    return state
