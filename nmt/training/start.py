"""What a new run starts with in place of random weights: those of another run, or pretrained embeddings.

It reads them, and decides which settings the new run takes from the other one; nmt.training.run makes and trains it.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nmt.checkpoint import EmbeddingOrigin, Run, StartingPoint, read_checkpoint_info
from nmt.data.prepared import SIDES, PreparedCorpus, Side
from nmt.errors import NmtError, Option, SettingsError, UsageError
from nmt.loaded_run import load_run
from nmt.progress import Progress, format_count
from nmt.settings import ModelSettings, RunSettings, merge
from nmt.text.vectors import match_vectors
from nmt.training.distributed import Group
from nmt.training.run import list_differences
from nmt.validation import check, write_value
from nmt.weights import outline_model


class StartRequest(NamedTuple):
    """What a person names for a new run to start with: a run and one of its checkpoints, or files of word vectors."""

    run: Path | str | None = None
    source_embeddings: Path | str | None = None
    target_embeddings: Path | str | None = None
    checkpoint: str = "best"

    @property
    def embeddings(self) -> dict[Side, Path]:
        """The files of word vectors by side."""
        files = zip(SIDES, (self.source_embeddings, self.target_embeddings), strict=True)
        return {side: Path(file) for side, file in files if file is not None}


class Replacement(NamedTuple):
    """Values for a parameter, or for some rows of it."""

    values: Tensor
    rows: Tensor | None = None


class Start(NamedTuple):
    """What a new run starts with.

    `settings` are those of the new run. `facts` are fields of nmt.checkpoint.RunInfo that tell the origin. `parameters`
    are values by the names of parameters; all others stay random. Rank 0 alone has them.
    """

    settings: RunSettings
    facts: Mapping[str, Any]
    parameters: Mapping[str, Replacement]

    def load(self, model: nn.Module) -> None:
        """Replace parameters of a model that has just been initialised."""
        own = dict(model.named_parameters())
        with torch.no_grad():
            for name, (values, rows) in self.parameters.items():
                own[name][... if rows is None else rows] = values


def read_start(
    request: StartRequest,
    prepared: PreparedCorpus,
    settings: RunSettings | Mapping[str, Any],
    progress: Progress,
    group: Group,
) -> Start:
    """What a new run on a corpus starts with. Rank 0 of a group reads it.

    `settings` are those of a person, or values by section and name that are not checked yet. Those of model and search
    that are not set are those of the run to start from.

    Raises UsageError for a checkpoint without a run and for a corpus with other subwords than the run, and
    SettingsError for settings with which the weights do not fit; what nmt.text.vectors raises for word vectors.
    """
    start = find_start(request, prepared, settings, progress) if group.is_main else None
    shared = group.share(lambda: start and start._replace(parameters={}))
    found = start or shared
    assert found is not None
    return found


def find_start(
    request: StartRequest, prepared: PreparedCorpus, settings: RunSettings | Mapping[str, Any], progress: Progress
) -> Start:
    """See read_start."""
    if request.run is None:
        if request.checkpoint != "best":
            raise UsageError(
                Option("checkpoint", request.checkpoint),
                *(" is a checkpoint to start from, and there is no run\n  Name its run with ", Option("start_from")),
            )
        checked = settings if isinstance(settings, RunSettings) else check(RunSettings, settings, Option("settings"))
        return read_embeddings(request.embeddings, prepared, checked, progress)
    for side in request.embeddings:
        raise UsageError(
            *(
                Option("start_from"),
                " has embeddings already: leave it out, or leave out ",
                Option(f"{side}_embeddings"),
            )
        )
    run = load_run(request.run, request.checkpoint)
    refuse_other_subwords(run, prepared)
    given = settings.model_dump(exclude_unset=True) if isinstance(settings, RunSettings) else settings
    adopted = adopt_settings(run, given)
    facts = read_checkpoint_info(run.path / run.checkpoint)
    progress.note(f"starts with the weights of {run.path}, checkpoint {run.checkpoint}, update {facts['update']:,}")
    for name, (before, after) in list_differences(run.settings, adopted).items():
        if not name.startswith("train."):
            progress.note(f"{name} is {write_value(after)}, and was {write_value(before)}")
    manifest = prepared.manifest
    pairs = run.languages, (manifest.source_lang, manifest.target_lang)
    if pairs[0] != pairs[1]:
        languages = (" to ".join(pair) for pair in pairs)
        progress.note("{} translates {}, and this corpus is {}".format(run.path, *languages))
    start = StartingPoint(
        run=name_path(run.path),
        checkpoint=run.checkpoint,
        update=facts["update"],
        sha256=facts["sha256"]["weights.safetensors"],
    )
    weights = {name: Replacement(parameter) for name, parameter in run.model.named_parameters()}
    return Start(adopted, {"start": start}, weights)


def read_embeddings(
    files: Mapping[Side, Path], prepared: PreparedCorpus, settings: RunSettings, progress: Progress
) -> Start:
    """Random weights, but for the embeddings of pieces that have a vector in `files`; see nmt.text.vectors."""
    is_shared = settings.model.tie == "all"
    if is_shared and len(files) == len(SIDES):
        raise UsageError(
            'model.tie = "all" has one embedding for both languages\n  Leave out ',
            *(Option("source_embeddings"), " or ", Option("target_embeddings")),
        )
    facts: dict[str, Any] = {}
    parameters: dict[str, Replacement] = {}
    for side, path in files.items():
        subword = prepared.source_subword if side == "source" else prepared.target_subword
        found = match_vectors(path, subword, side, settings.model.embedding_size, progress)
        for note in found.notes:
            progress.note(note)
        name = f"{'target' if is_shared else side}_embedding.weight"
        parameters[name] = Replacement(torch.from_numpy(found.vectors_NE), torch.from_numpy(found.ids_N))
        facts[f"{side}_embeddings"] = EmbeddingOrigin(file=name_path(path), pieces=len(found.ids_N))
    return Start(settings, facts, parameters)


def name_path(path: Path) -> str:
    """The last name of a path, which tells nothing about the machine."""
    return os.fsencode(os.path.basename(os.path.abspath(path))).decode("utf-8", "replace")


def refuse_other_subwords(run: Run, prepared: PreparedCorpus) -> None:
    """Raise UsageError for a corpus whose subwords are not those of a run, so that its ids mean other pieces."""
    own = run.source_subword, run.target_subword
    others = prepared.source_subword, prepared.target_subword
    differing = [
        side for side, one, other in zip(SIDES, own, others, strict=True) if one.fingerprint != other.fingerprint
    ]
    if differing and [one.fingerprint for one in own] == [other.fingerprint for other in reversed(others)]:
        raise UsageError(
            f"{run.path} has a vocabulary for each language, and {prepared.path} has them the other way round\n  A "
            "run of the opposite direction can be the start only where both languages have one vocabulary: ",
            Option("joint", True),
        )
    if differing:
        raise UsageError(
            f"{prepared.path} has other {' and '.join(differing)} subwords than {run.path}, whose weights are those of "
            "its own pieces\n  Prepare the corpus with the subwords of the run: ",
            Option("subwords_from", str(run.path)),
        )


def adopt_settings(run: Run, given: Mapping[str, Any]) -> RunSettings:
    """The settings that are `given` by section and name, with those of model and search that are not given from a run.

    Raises SettingsError, with their names, for settings of the model with which the weights of the run do not fit.
    """
    values = run.settings.model_dump(include={"model", "search"})
    merge(values, given)
    adopted = check(RunSettings, values, f"the settings to start from {run.path}")
    if misfits := list_misfits(run, adopted.model):
        raise SettingsError(
            f"{format_count(len(misfits), 'setting')} cannot change, because the weights of {run.path} would not fit",
            *(
                f"\n  model.{name} = {write_value(getattr(adopted.model, name))}   "
                f"the run has {write_value(getattr(run.settings.model, name))}"
                for name in misfits
            ),
            "\n  Leave them out, or train without ",
            Option("start_from"),
        )
    return adopted


def list_misfits(run: Run, model: ModelSettings) -> list[str]:
    """The names of the settings because of which the weights of a run do not fit a model; none if they do."""
    before = run.settings.model
    shapes = list_shapes(run, before)
    if list_shapes(run, model) == shapes:
        return []
    changed = {name: value for name, value in model if value != getattr(before, name)}
    alone: dict[str, bool] = {}
    for name, value in changed.items():
        try:
            settings = check(ModelSettings, before.model_dump() | {name: value})
            alone[name] = list_shapes(run, settings) == shapes
        except NmtError:  # it needs another one beside it
            alone[name] = False
    return [name for name, fits in alone.items() if not fits] or list(changed)


def list_shapes(run: Run, model: ModelSettings) -> dict[str, tuple[int, ...]]:
    """The shapes of all parameters of a model with the subwords of a run, by their names."""
    if model.tie == "all" and not run.info.joint:
        return {}
    outline = outline_model(replace(run, settings=run.settings.model_copy(update={"model": model})))
    return {name: tuple(parameter.shape) for name, parameter in outline.named_parameters()}
