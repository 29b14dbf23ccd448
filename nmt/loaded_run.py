"""A run with one of its checkpoints. Its weights, and torch, are loaded when they are needed first."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.arguments import check_string
from nmt.checkpoint import Run, list_checkpoints, read_run
from nmt.errors import FolderError, did_you_mean

if TYPE_CHECKING:
    from nmt.model.seq2seq import Seq2Seq


@dataclass(frozen=True)
class LoadedRun(Run):
    """A run and the name of one of its checkpoints."""

    checkpoint: str

    @cached_property
    def model(self) -> "Seq2Seq":
        """The network with the weights of the checkpoint, in evaluation mode. Raises DamageError for wrong weights."""
        from nmt.weights import read_model

        return read_model(self, self.checkpoint)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: the weights too, so that the copy does not need the folder."""
        return {"model": self.model, **vars(self)}


def load_run(path: Path | str, which: str = "best") -> LoadedRun:
    """A run with the checkpoint `which`: best, last, or a numbered one such as update-000500.

    Before the first validation there is no best checkpoint; then `best` stands for the last one. Raises FolderError
    where there is no such checkpoint, and what read_run raises.
    """
    check_string("checkpoint", which)
    run = read_run(Path(path))
    names = list_checkpoints(run.path)
    if which == "best" and "best" not in names and "last" in names:
        which = "last"
    if which not in names:
        existing = f"It has {', '.join(names)}" if names else "It has no checkpoints yet: train first"
        raise FolderError(f'{path} has no checkpoint "{which}"{did_you_mean(which, names)}\n  {existing}')
    return LoadedRun(run.path, run.info, run.settings, run.source_subword, run.target_subword, which)
