"""Teachers: runs, and the text that they translate. What does not fit is refused before anything is translated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nmt.arguments import check_count
from nmt.checkpoint import read_checkpoint_info
from nmt.data.prepared import SIDES, PreparedCorpus
from nmt.data.training_text import read_training
from nmt.errors import DataError, Option, UsageError
from nmt.loaded_run import LoadedRun
from nmt.metadata import compute_checksum
from nmt.text.corpus import TAG, Pair, read_lines
from nmt.translation.translator import refuse_other_vocabulary

NAMES = ("model", "backward")  # of the arguments for the runs of either direction


@dataclass(frozen=True)
class Teacher:
    """Runs that translate one text together: a file, or one side of the training pairs."""

    runs: list[str]
    is_backward: bool
    text: Path | None

    def __str__(self) -> str:
        return " + ".join(self.runs) + (f", {self.text}" if self.text else "")

    def read(self, prepared: PreparedCorpus) -> Iterator[tuple[str, str | None]]:
        """Each line, and the other side of its pair, if it is of one. Pairs with the tag are left out."""
        if self.text:
            yield from ((line, None) for line in read_lines(self.text))
        else:
            for pair in read_training(prepared):
                if not is_tagged(pair, prepared):
                    yield pair[::-1] if self.is_backward else pair

    def count(self, prepared: PreparedCorpus) -> int:
        """The number of lines."""
        if not self.text and TAG not in prepared.source_subword.symbols:
            return prepared.manifest.splits["train"].pairs
        return sum(1 for _ in self.read(prepared))

    def pair(self, line: str, translation: str) -> Pair:
        """A line and its translation, the source language first."""
        return Pair(translation, line) if self.is_backward else Pair(line, translation)


def list_teachers(
    prepared: PreparedCorpus, groups: Sequence[list[str]], texts: Sequence[Sequence[Path]], each: bool
) -> list[Teacher]:
    """The teachers of both directions.

    Raises UsageError without runs, and for a text that no run translates; DataError for one that is not a file.
    """
    if not any(groups):
        raise UsageError(
            "there is no run that translates\n  Name one or several with ",
            *(
                Option("model"),
                f" for the sources of {prepared.path}, or with ",
                Option("backward"),
                " for its targets",
            ),
        )
    for name, runs, files, text in zip(NAMES, groups, texts, ("source_text", "target_text"), strict=True):
        if files and not runs:
            raise UsageError(Option(text), " has no run that translates it\n  Name one with ", Option(name))
        for file in files:
            if not file.is_file():
                is_there = file.exists() or file == Path("-")
                what = "is not a file\n  A text is read several times" if is_there else "does not exist"
                raise DataError(f"{file} {what}")
    no_text: list[Path | None] = [None]
    return [
        Teacher(group, is_backward, text)
        for is_backward, runs, files in zip((False, True), groups, texts, strict=True)
        for group in ([[run] for run in runs] if each else [runs] if runs else [])
        for text in (files or no_text)
    ]


def refuse_misfits(prepared: PreparedCorpus, loaded: Sequence[Sequence[LoadedRun]], each: bool) -> None:
    """Raise UsageError for a run of other languages than those of the corpus, NmtError for runs that form no ensemble.

    `loaded` are the runs of the corpus's direction, and those of the opposite one.
    """
    languages = prepared.manifest.source_lang, prepared.manifest.target_lang
    for other, runs, needed in zip(NAMES[::-1], loaded, (languages, languages[::-1]), strict=True):
        for run in runs:
            own = run.languages
            if own != needed:
                advice = (
                    ["Name it with ", Option(other)] if own == needed[::-1] else [f"It must be {' to '.join(needed)}"]
                )
                raise UsageError(
                    f"{run.path} translates {' to '.join(own)}, and {prepared.path} is {' to '.join(languages)}\n  ",
                    *advice,
                )
            if not each:
                refuse_other_vocabulary(run, runs[0])


def refuse_without_effect(teachers: Sequence[Teacher], each: bool, n_best: int | None, closest: str) -> None:
    """Raise UsageError for options that have no effect, and for values that cannot be."""
    if n_best is not None:
        check_count("n_best", n_best)
    if each and len({(one.is_backward, one.text) for one in teachers}) == len(teachers):
        raise UsageError(Option("each", True), " has no effect with one run\n  Name several, or leave it out")
    if closest != "none" and all(one.text for one in teachers):
        raise UsageError(
            Option("closest"), " compares with the other side of a pair, and a text has none: leave it out"
        )
    if closest != "none" and n_best == 1:
        raise UsageError(Option("closest"), " has no effect with ", Option("n_best", 1), ": raise it, or leave it out")


def find_narrowest_beam(runs: Sequence[LoadedRun], n_best: int, search: Mapping[str, Any]) -> int:
    """The smallest beam of all runs. Raises UsageError for a run whose beam cannot find `n_best` translations."""
    beams = []
    for run in runs:
        settings = {**run.settings.search.model_dump(), **search}
        beams.append(int(settings["beam"]))
        if n_best > beams[-1] and not settings["sample"]:
            raise UsageError(
                f"{run.path} cannot find the {n_best} best translations with a beam of {beams[-1]}\n  Lower ",
                *(Option("n_best"), f", or give a beam of at least {n_best}"),
            )
    return min(beams)


def identify(run: LoadedRun) -> str:
    """What the translations of a run depend on: its weights, and its settings of search."""
    weights = read_checkpoint_info(run.path / run.checkpoint)["sha256"]["weights.safetensors"]
    return f"{weights} {compute_checksum(run.settings.search.model_dump_json())}"


def read_split(prepared: PreparedCorpus, name: Literal["valid", "test"]) -> Iterator[Pair]:
    """The pairs of validation or test."""
    return map(Pair, *(prepared.read_raw_lines(name, side) for side in SIDES))


def is_tagged(pair: Pair, prepared: PreparedCorpus) -> bool:
    """Whether the source of a pair has been translated from its target."""
    return TAG in prepared.source_subword.symbols and pair.source.startswith(TAG)
