"""Functions of the public API that use several rooms: `nmt.score` and so on. They print only with `progress=True`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nmt.analysis.alignment import SYMMETRISATIONS, Symmetrisation
from nmt.analysis.metric_settings import check_metric_settings
from nmt.analysis.metrics import (
    MetricScore,
    drop_missing_references,
    find_score_warnings,
    refuse_long_lines,
    score_corpus,
)
from nmt.analysis.tokenizers import AUTO, resolve_tokenizer
from nmt.errors import DataError, Option, UsageError
from nmt.progress import Progress, choose_progress, format_count
from nmt.translation.aligner import AlignedPair, align_pairs, load_aligner
from nmt.translation.evaluation import Evaluation, evaluate_runs
from nmt.translation.translator import Translator
from nmt.translation.units import choose_units_of_run

DEFAULT_METRICS = ("bleu", "chrf", "ter")

load = Translator.load


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
