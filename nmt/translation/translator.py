"""The translator: loads a run, or several as an ensemble, and translates lines."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from nmt.arguments import check_count
from nmt.checkpoint import Run
from nmt.errors import NmtError, Option, UsageError
from nmt.inference.engine import Engine
from nmt.inference.graphs import UntraceableError
from nmt.inference.shortlist import Shortlist, refuse_other_pair, shortlist_path
from nmt.inference.store import load_graphs
from nmt.loaded_run import LoadedRun, load_run
from nmt.search.choices import Choice
from nmt.search.ensemble import Ensemble
from nmt.settings import SearchSettings
from nmt.step import StepModel
from nmt.text.terms import Terms, check_terms
from nmt.text.units import AUTO, Units
from nmt.translation.constraints import count_hypotheses, refuse_unwritable_terms
from nmt.translation.pipeline import translate_lines
from nmt.translation.places import choose_translation_device, choose_translation_precision
from nmt.translation.request import Request
from nmt.translation.result import Translation
from nmt.translation.units import choose_units_of_run
from nmt.validation import check as check_settings

# search settings that have an effect only with another one
REQUIRED_SETTINGS = dict.fromkeys(("temperature", "top_k", "top_p", "seed"), "sample") | {
    "candidates": "mbr",
    "diversity": "groups",
    "longest": "split_long",
}
Wrapper = Callable[[StepModel], StepModel]


class Translator:
    """Translates lines with a run, or with several runs as an ensemble.

    >>> translator = Translator.load("checkpoints/my-run")
    >>> [translation.text for translation in translator.translate(["a line", "another"], beam=5)]

    Lines are strings, or requests with constraints: Request("a line", constraints=("a word",)). Search options are the
    fields of SearchSettings: beam, alpha, sample, no_repeat and so on. Their defaults are the settings of the first
    run.

    A translator can be pickled, shared by threads, and used in a forked process, where it computes with one thread.
    """

    def __init__(
        self,
        runs: Sequence[LoadedRun],
        device: str,
        precision: str,
        shortlist: Shortlist | None = None,
        *,
        wrap: Wrapper | None = None,
        choice: Choice | None = None,
    ) -> None:
        """`wrap` is a function that wraps the step model; `choice` replaces the choice of continuations in search."""
        self.runs = runs
        self.device = device
        self.precision = precision
        self.shortlist = shortlist
        self.wrap = wrap
        self.choice = choice
        self.networks = [build_step_model(run, device, precision) for run in runs]
        if device == "cpu" and not any(isinstance(network, Engine) for network in self.networks):
            self.precision = "float32"
        self.model: StepModel = self.networks[0] if len(runs) == 1 else Ensemble(self.networks)
        if wrap:
            self.model = wrap(self.model)

    @classmethod
    def load(
        cls,
        model: Path | str | Sequence[Path | str],
        checkpoint: str = "best",
        device: str = "auto",
        precision: str = "auto",
        shortlist: Path | str | None = None,
        *,
        wrap: Wrapper | None = None,
        choice: Choice | None = None,
    ) -> "Translator":
        """Load a run folder, or several as an ensemble, and optionally a shortlist, which limits the target pieces.

        Raises FolderError for a folder that is not a run or has no such checkpoint, NmtError for runs with different
        subword models and for a shortlist that does not fit them, UsageError for runs of different languages, and for
        a device or precision that this machine does not have.
        """
        paths = list_runs(model)
        chosen_device = choose_translation_device(device)
        chosen_precision = choose_translation_precision(precision, chosen_device)
        runs = [load_run(path, checkpoint) for path in paths]
        if not runs:
            raise UsageError("there is no run to load\n  Name one or several with ", Option("model"))
        refuse_other_languages(runs)
        for run in runs[1:]:
            refuse_other_vocabulary(run, runs[0])
        allowed = None if shortlist is None else read_shortlist(Path(shortlist), runs[0])
        return cls(runs, chosen_device, chosen_precision, allowed, wrap=wrap, choice=choice)

    def __repr__(self) -> str:
        runs = " + ".join(f"{run.path}, {run.checkpoint}" for run in self.runs)
        return f"Translator({runs}; {self.precision} on {self.device})"

    def __getstate__(self) -> dict[str, Any]:
        """The arguments of `__init__`. What is built from them is not pickled, but built again."""
        names = "runs", "device", "precision", "shortlist", "wrap", "choice"
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def translate(self, lines: Iterable[str | Request], **options: Any) -> list[Translation]:
        """The best translation of each line; `options` are those of `stream`, but for `n_best`, which is a method."""
        stream = self.stream(lines, **options)  # raises an error for wrong options
        if "n_best" in options:
            raise UsageError("translate gives one translation of each line\n  The method n_best gives several")
        return [found[0] for found in stream]

    def n_best(self, lines: Iterable[str | Request], n: int, **options: Any) -> list[list[Translation]]:
        """The n best translations of each line, best first; `options` are those of `stream`."""
        return list(self.stream(lines, n_best=n, **options))

    def stream(
        self,
        lines: Iterable[str | Request],
        *,
        n_best: int = 1,
        batch_size: int = 64,
        first: int = 1,
        units: str | tuple[str | Units, str | Units] = AUTO,
        terms: Terms | None = None,
        check: Callable[[], object] = bool,
        **search: Any,
    ) -> Iterator[list[Translation]]:
        """The `n_best` translations of each line, best first, while lines are read; see translate_lines.

        `units` are what is linked: "words", "pieces", "characters" or "icu-words", or a pair of these for source and
        target; by default words, and characters where a language has no blanks between words. `terms` are the terms of
        a glossary and what else of each line its translation contains, such as numbers: Terms.read("glossary.tsv",
        keep=["numbers"]). `check` is called again and again, by the threads that search, and may raise an error to
        stop.

        Raises SettingsError for search options that do not exist or are out of bounds; UsageError for an `n_best` above
        the beam, for units that do not exist, and for an option without effect; DataError for a line that is not a
        string, for a request that cannot be met and for terms that the model cannot generate; TypeError for a single
        line that is not in a list. The first line has number `first`.
        """
        if isinstance(lines, str | bytes | Request | Mapping) or not isinstance(lines, Iterable):
            raise TypeError("lines must be an iterable of strings: put a single line in a list")
        check_count("n_best", n_best)
        check_count("batch_size", batch_size)
        check_count("first", first, 0)
        run = self.runs[0]
        settings = check_settings(SearchSettings, run.settings.search.model_dump() | search, "the search options")
        refuse_without_effect(settings, search, run.settings.search, n_best)
        if n_best > settings.beam and not settings.sample:
            raise UsageError(
                f"a beam of {settings.beam} cannot find the {n_best} best translations\n"
                f"  Request at most {settings.beam}, or a beam of at least {n_best}"
            )
        if terms is not None:
            check_terms(terms)
            refuse_unwritable_terms(terms, run.target_subword)
        return translate_lines(
            self.model,
            run.source_subword,
            run.target_subword,
            lines,
            settings,
            n_best=n_best,
            batch_size=batch_size,
            first=first,
            shortlist=self.shortlist.allowed_words if self.shortlist else None,
            choice=self.choice,
            language=run.info.source_lang,
            units=choose_units_of_run(units, run),
            terms=terms,
            check=check,
        )


def refuse_without_effect(
    settings: SearchSettings, options: Mapping[str, Any], own: SearchSettings, n_best: int
) -> None:
    """Raise UsageError for one of the `options` that has no effect with these settings.

    Options may repeat what is the default, or the run's `own` setting.
    """
    default = SearchSettings()
    changed = {name for name in options if options[name] not in (getattr(default, name), getattr(own, name))}
    for name, needed in REQUIRED_SETTINGS.items():
        if name in changed and getattr(settings, needed) == getattr(default, needed):
            raise UsageError(Option(name), " has no effect without ", Option(needed), "\n  Add it, or leave both out")
    chooses_by_beam = settings.mbr != "none" and not settings.candidates  # their number is the beam
    ruled_out = {
        "alpha": settings.normalization != "wu" and Option("normalization", settings.normalization),
        "beam": settings.sample and not chooses_by_beam and settings.beam != n_best and Option("sample"),
    }
    for name, other in ruled_out.items():
        if name in changed and other:
            raise UsageError(Option(name), " has no effect with ", other, "\n  Leave one of them out")
    if "mbr" in changed and count_hypotheses(settings, n_best) == 1:
        more = Option("candidates" if settings.candidates else "beam")
        raise UsageError(Option("mbr"), " has nothing to choose from with one candidate\n  Raise ", more)


def list_runs(model: Any) -> list[Path | str]:
    """The run folders of the argument `model`: one or several. Raises UsageError for what is no path."""
    runs = list(model) if isinstance(model, Iterable) and not isinstance(model, str | bytes) else [model]
    for run in runs:
        if not isinstance(run, Path | str):
            raise UsageError(f"model is {type(run).__name__}, and must be the path of a run, or a list of such paths")
    return runs


def build_step_model(run: LoadedRun, device: str, precision: str) -> StepModel:
    """What translates with a run: an engine on a CPU, the network itself on a GPU.

    On a CPU, too, it is the network where someone's attention has no graph; see nmt.inference.build.
    """
    if device == "cpu":
        with suppress(UntraceableError):
            return Engine(load_graphs(run, precision))
    network = run.model.to(device)
    return network.bfloat16() if precision == "bfloat16" else network


def read_shortlist(path: Path, run: LoadedRun) -> Shortlist:
    """Read a shortlist. Raises NmtError when it was made for other languages or subword models than those of a run."""
    found = Shortlist.read(path)
    refuse_other_pair(shortlist_path(path), found.languages, found.fingerprints, run)
    found.check_sizes(path, run.source_subword.size, run.target_subword.size)
    return found


def refuse_other_vocabulary(run: LoadedRun, first: LoadedRun) -> None:
    """Raise NmtError when two runs have different subword models."""
    for side, own, wanted in (
        ("source", run.source_subword.fingerprint, first.source_subword.fingerprint),
        ("target", run.target_subword.fingerprint, first.target_subword.fingerprint),
    ):
        if own != wanted:
            raise NmtError(
                f"{run.path} and {first.path} cannot form an ensemble: their {side} subword models differ\n"
                f"  Their SHA-256 begin with {own[:12]} and {wanted[:12]}; "
                "the runs of an ensemble must be trained on the same prepared folder"
            )


def refuse_other_languages(runs: Sequence[Run]) -> None:
    """Raise UsageError when runs that are used together do not translate between the same languages."""
    first, *others = runs
    for other in others:
        if other.languages != first.languages:
            one, two = (f"{run.path} translates {' to '.join(run.languages)}" for run in (first, other))
            raise UsageError(
                f"{one}, and {two}\n  Runs that are used together must translate between the same languages"
            )
