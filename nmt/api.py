"""Functions of the public API that use several rooms: `nmt.train` and so on. They print only with `progress=True`."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from nmt.analysis.alignment import SYMMETRISATIONS, Symmetrisation
from nmt.analysis.metric_settings import check_metric_settings
from nmt.analysis.metrics import (
    MetricScore,
    drop_missing_references,
    find_score_warnings,
    make_metrics,
    refuse_long_lines,
    score_corpus,
)
from nmt.analysis.tokenizers import AUTO, resolve_tokenizer
from nmt.data.prepared import SIDES, PreparedCorpus
from nmt.errors import DataError, Option, UsageError
from nmt.progress import Progress, choose_progress, format_count
from nmt.settings import RunSettings, merge
from nmt.training.distributed import Group, is_restarted
from nmt.training.launch import run_in_processes
from nmt.training.observers import Record
from nmt.training.run import is_run_of, reopen_run, start_run, train_run
from nmt.training.start import StartRequest, read_start
from nmt.training.trainer import TrainingOutcome
from nmt.translation.aligner import AlignedPair, align_pairs, load_aligner
from nmt.translation.batching import MAX_PIECES
from nmt.translation.evaluation import Evaluation, evaluate_runs
from nmt.translation.translator import Translator
from nmt.translation.units import choose_units_of_run
from nmt.translation.validation import build_validation_scores

DEFAULT_METRICS = ("bleu", "chrf", "ter")

load = Translator.load


def train(
    data: Path | str,
    out: Path | str,
    settings: RunSettings | Mapping[str, Any] | None = None,
    *,
    device: str = "auto",
    progress: bool | Progress = False,
    processes: int = 1,
    profile: bool = False,
    start_from: Path | str | None = None,
    checkpoint: str = "best",
    source_embeddings: Path | str | None = None,
    target_embeddings: Path | str | None = None,
) -> TrainingOutcome:
    """Train on the prepared folder `data` and write a run folder to `out`.

    The weights of the run `start_from`, at one of its checkpoints, take the place of random ones; the corpus needs its
    subwords. Settings of model and search that were not given are then those of that run. `settings` may be values by
    section and name, {"train": {"clip": 0.5}}.

    Several `processes` train as one would, each on its share of every batch: on GPUs each has its own, on a CPU they
    share the cores. A script starts them below `if __name__ == "__main__":`, because each of them imports it. In a
    process that torchrun has started, this call trains together with the others; one that torchrun has restarted
    continues the run, if it has the same settings and corpus.

    With `profile`, a trace of a few updates is written to the run folder, and a table of it goes to `progress`.
    The state of torch's global random generator is the same afterwards as before.

    Raises UsageError for settings that do not fit the corpus or the machine and for a corpus that does not fit
    `start_from`, SettingsError for a model that does not; FolderError when `out` already holds files; TrainingError
    when the loss is not a number or one of several processes is killed.
    """
    request = StartRequest(start_from, source_embeddings, target_embeddings, checkpoint)
    arguments = Path(out), Path(data), settings or RunSettings(), profile, request
    return run_in_processes(train_in_group, processes, device, choose_progress(progress), *arguments)


def train_in_group(
    group: Group,
    device: torch.device,
    progress: Progress,
    out: Path,
    data: Path,
    settings: RunSettings | Mapping[str, Any],
    profile: bool,
    request: StartRequest,
) -> TrainingOutcome:
    """Train a new run in each process of a group, or continue one in a process that torchrun has restarted."""
    prepared = PreparedCorpus.open(data)
    start = read_start(request, prepared, settings, progress, group)
    settings = start.settings
    if is_restarted() and group.share(lambda: is_run_of(out, prepared, settings)):
        return resume_in_group(group, device, progress, out, data, {}, profile)
    hooks = build_hooks(out, prepared, settings, progress, group)
    run = start_run(prepared, out, settings, device, group, start.facts)
    hooks |= {"with_profile": profile, "group": group, "load_start": start.load}
    with fork_random(device):
        torch.manual_seed(settings.train.seed)
        return train_run(run, prepared, settings, device, is_resumed=False, **hooks)


def resume(
    data: Path | str,
    out: Path | str,
    *,
    device: str = "auto",
    progress: bool | Progress = False,
    processes: int = 1,
    changes: Mapping[str, Any] | None = None,
    profile: bool = False,
    **limits: Any,
) -> TrainingOutcome:
    """Continue the run `out` from its last checkpoint. `limits` change settings of its training: max_epochs and so on.

    `processes` are those of nmt.train. Their number may be another one than before.

    `changes` are settings of every section, {"model": {"dropout": 0.3}}; nmt.settings.RESUMABLE may change, and all
    others may be given if they are those of the run. `max_minutes` counts from this call. After a change of `metric` or
    `tokenize`, `best` is the best by the new one of the checkpoints that the run still has, or is chosen from the next
    validation on if their scores are not known. `profile` is that of nmt.train.

    Raises FolderError when the run has no checkpoint, or when `data` is not the corpus that it was trained on;
    SettingsError for settings that may not change or cannot have this value.
    """
    values: dict[str, Any] = {}
    for some in (changes or {}, {"train": limits}):
        merge(values, some)
    arguments = Path(out), Path(data), values, profile
    return run_in_processes(resume_in_group, processes, device, choose_progress(progress), *arguments)


def resume_in_group(
    group: Group,
    device: torch.device,
    progress: Progress,
    out: Path,
    data: Path,
    changes: Mapping[str, Any],
    profile: bool = False,
) -> TrainingOutcome:
    """Continue a run in each process of a group."""
    run, prepared, settings = reopen_run(data, out, device, changes, group)
    hooks = build_hooks(run.path, prepared, settings, progress, group)
    with fork_random(device):
        return train_run(run, prepared, settings, device, is_resumed=True, with_profile=profile, group=group, **hooks)


def fork_random(device: torch.device) -> Any:
    """A context that restores torch's random generators, also that of the device, when it ends."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def build_hooks(
    folder: Path, prepared: PreparedCorpus, settings: RunSettings, progress: Progress, group: Group
) -> dict[str, Any]:
    """The arguments of train_run that come from other rooms: validation scores, progress and the learning curve."""
    search = settings.search.model_copy(update={"beam": settings.train.validation_beam})
    sources, references = (prepared.read_raw_lines("valid", side) for side in SIDES)
    tokenizer = resolve_tokenizer(settings.train.tokenize, prepared.manifest.target_lang, [references])
    make_metrics(["bleu"], tokenizer, lowercase=False)  # raises an error if a library is missing
    subwords = prepared.source_subword, prepared.target_subword
    compute_scores = build_validation_scores(
        sources,
        references,
        *subwords,
        search,
        tokenizer,
        progress,
        rank=group.rank,
        processes=group.size,
        gather=group.gather,
    )

    def draw_curve(record: Record) -> None:
        if record["kind"] == "valid" and find_spec("matplotlib"):
            from nmt.analysis.plots import save_curve_of_log

            save_curve_of_log(folder / "curve.png", folder / "log.jsonl")

    return {
        "compute_scores": compute_scores,
        "tokenizer": tokenizer,
        "max_valid_pieces": MAX_PIECES,
        "progress": progress,
        "observers": {"curve.png": draw_curve} if group.is_main else {},
    }


def score(
    hypotheses: Sequence[str],
    references: Sequence[str | None] | Sequence[Sequence[str | None]],
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    tokenize: str = AUTO,
    language: str | None = None,
    lowercase: bool = False,
    confidence: bool = False,
    samples: int = 1000,
    sentence_level: bool = False,
    progress: bool | Progress = False,
    **options: Any,
) -> list[MetricScore]:
    """Scores of translations, in the order of `metrics`; see nmt.analysis.metrics.score_corpus.

    `references` are lines or, where lines have several references, several lists of lines. None or a blank line in
    one of them means that the line has fewer references than others. `tokenize` is sacreBLEU's tokenizer for BLEU; by
    default it is chosen by their `language`, a code such as ja, or else by their script, as in
    nmt.analysis.tokenizers.choose_tokenizer. `confidence` adds the interval of 95 % of `samples` bootstrap samples,
    `sentence_level` the score of each line. `options` are those of nmt.analysis.metric_settings.MetricSettings, which
    have sacreBLEU's names: chrf_word_order=2, ter_normalized=True.

    Raises DataError for one string in place of several, SettingsError for unknown `options` and wrong values, and
    UsageError for those without effect.
    """
    refuse_strings(hypotheses=hypotheses, references=references, metrics=metrics)
    if confidence and samples < 2:
        raise UsageError(Option("samples", samples), " is too small for a confidence interval: it needs two or more")
    hypotheses, lists = list(hypotheses), drop_missing_references(list_references(references))
    settings = check_metric_settings(options, metrics)
    note = choose_progress(progress).note
    for warning in find_score_warnings({"the translations": hypotheses}, metrics):
        note(warning)
    return score_corpus(
        hypotheses,
        lists,
        metrics,
        resolve_tokenizer(tokenize, language, lists),
        lowercase,
        settings,
        samples=samples if confidence else 0,
        with_sentences=sentence_level,
    )


def evaluate(
    model: Path | str | Sequence[Path | str],
    source: Sequence[str],
    references: Sequence[str | None] | Sequence[Sequence[str | None]],
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    beam: int | None = None,
    tokenize: str = AUTO,
    language: str | None = None,
    lowercase: bool = False,
    batch_size: int = 64,
    checkpoint: str = "best",
    device: str = "auto",
    precision: str = "auto",
    shortlist: Path | str | None = None,
    confidence: bool = False,
    samples: int = 1000,
    sentence_level: bool = False,
    progress: bool | Progress = False,
    **options: Any,
) -> Evaluation:
    """Translate `source` with a run, or with several as an ensemble, and score the translations as `score` does.

    `beam` is by default that of the run's settings, and `language`, which chooses the tokenizer as in nmt.score, the
    run's target language. Raises what `score` raises.
    """
    refuse_strings(source=source, references=references, metrics=metrics)
    lists = drop_missing_references(list_references(references))
    check_metric_settings(options, metrics)
    refuse_long_lines("reference", lists, metrics)
    runs = [str(model)] if isinstance(model, Path | str) else [str(path) for path in model]
    (found,) = evaluate_runs(
        [runs],
        source,
        lists,
        beams=() if beam is None else (beam,),
        batch_size=batch_size,
        progress=choose_progress(progress),
        checkpoint=checkpoint,
        device=device,
        precision=precision,
        shortlist=shortlist,
    )
    row = score(
        found.translations,
        lists,
        metrics,
        tokenize=tokenize,
        language=language or found.target_lang,
        lowercase=lowercase,
        confidence=confidence,
        samples=samples,
        sentence_level=sentence_level,
        progress=progress,
        **options,
    )
    return found._replace(scores=row)


def list_references(
    references: Sequence[str | None] | Sequence[Sequence[str | None]],
) -> list[Sequence[str | None]]:
    """Several lists of lines, also where `references` is one list of lines."""
    lines: list[Any] = list(references)
    return [lines] if all(line is None or isinstance(line, str) for line in lines) else lines


def align(
    model: Path | str,
    source: Iterable[str],
    target: Iterable[str],
    *,
    reverse: Path | str | None = None,
    symmetrise: Symmetrisation = "grow-diag",
    offset: int = 0,
    threshold: float | None = None,
    units: str = "auto",
    batch_size: int = 64,
    checkpoint: str = "best",
    device: str = "auto",
    precision: str = "auto",
    progress: bool | Progress = False,
) -> list[AlignedPair]:
    """Word links of given pairs by the attention of a run; see nmt.translation.aligner.align_pairs.

    `reverse` is a run of the opposite direction, whose links are combined with those of `model` by `symmetrise`.
    `units` are what is linked: "words", "pieces", "characters" or "icu-words"; by default words, and characters where a
    language has no blanks between words.

    Raises DataError when `source` and `target` differ in length or are strings; UsageError for a run without
    attention, an unknown `symmetrise` or `units`, and a `threshold` outside 0 to 1.
    """
    refuse_strings(source=source, target=target)
    if symmetrise not in SYMMETRISATIONS:
        raise UsageError(f'there is no symmetrisation "{symmetrise}"\n  It is one of {", ".join(SYMMETRISATIONS)}')
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"a threshold of {threshold} is impossible\n  It is between 0 and 1")
    sources, targets = list(source), list(target)
    if len(sources) != len(targets):
        raise DataError(
            f"{format_count(len(sources), 'source')} cannot be aligned with {format_count(len(targets), 'target')}"
        )
    loading = {"checkpoint": checkpoint, "device": device, "precision": precision}
    opposite = None if reverse is None else load_aligner(reverse, **loading)
    translator = load_aligner(model, **loading)
    return list(
        align_pairs(
            translator,
            sources,
            targets,
            reverse=opposite,
            symmetrisation=symmetrise,
            offset=offset,
            threshold=threshold,
            units=choose_units_of_run(units, translator.runs[0]),
            batch_size=batch_size,
            progress=choose_progress(progress),
        )
    )


def refuse_strings(**arguments: object) -> None:
    """Raise DataError for an argument that is one string: a string is a sequence too, of its characters."""
    for name, value in arguments.items():
        if isinstance(value, str):
            raise DataError(f"{name} is one string, and must be several\n  For a single one write: {name}=[...]")
