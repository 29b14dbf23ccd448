"""nmt.score and nmt.evaluate, the functions of the public API that score translations."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from nmt.analysis.metric_settings import AUTO, MetricSettings, check_metric_settings, refuse_without_bleu
from nmt.analysis.metrics import (
    MetricScore,
    check_columns,
    check_seed,
    drop_missing_references,
    find_score_warnings,
    make_metrics,
    refuse_long_lines,
    score_corpus,
)
from nmt.analysis.tokenizers import resolve_tokenizer
from nmt.arguments import check_count, check_flag, check_string, read_names, read_several, read_texts
from nmt.checkpoint import read_run
from nmt.errors import Option, UsageError
from nmt.progress import Progress, choose_progress
from nmt.translation.evaluation import Evaluation, evaluate_runs
from nmt.translation.translator import list_runs

DEFAULT_METRICS = ("bleu", "chrf", "ter")
SAMPLES = 1000  # of a confidence interval
References: TypeAlias = Iterable[str | None] | Iterable[Iterable[str | None]]


def score(
    hypotheses: Iterable[str],
    references: References,
    metrics: Iterable[str] = DEFAULT_METRICS,
    *,
    tokenize: str = AUTO,
    language: str | None = None,
    lowercase: bool = False,
    confidence: bool = False,
    samples: int | None = None,
    sentence_level: bool = False,
    progress: bool | Progress = False,
    **options: Any,
) -> list[MetricScore]:
    """Scores of translations, in the order of `metrics`; see nmt.analysis.metrics.score_corpus.

    `references` are lines or, where lines have several references, several lists of lines. None or a blank line in
    one of them means that the line has fewer references than others. `tokenize` is sacreBLEU's tokenizer for BLEU; by
    default it is chosen by their `language`, a code such as ja, or else by their script, as in
    nmt.analysis.tokenizers.choose_tokenizer. `confidence` adds the interval of 95 % of `samples` bootstrap samples, by
    default 1,000, and `sentence_level` the score of each line. `options` are those of
    nmt.analysis.metric_settings.MetricSettings, which have sacreBLEU's names: chrf_word_order=2, ter_normalized=True.

    Raises DataError for one string in place of several and for lines that do not fit, as score_corpus does;
    SettingsError for unknown `options` and wrong values; UsageError for those without effect.
    """
    lines = read_several("hypotheses", hypotheses)
    plan = plan_scores(references, metrics, tokenize, language, lowercase, confidence, samples, sentence_level, options)
    refuse_without_bleu(plan.metrics, tokenize, language)
    return plan.score(lines, choose_progress(progress))


def evaluate(
    model: Path | str | Sequence[Path | str],
    source: Iterable[str],
    references: References,
    metrics: Iterable[str] = DEFAULT_METRICS,
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
    samples: int | None = None,
    sentence_level: bool = False,
    progress: bool | Progress = False,
    **options: Any,
) -> Evaluation:
    """Translate `source` with a run, or with several as an ensemble, and score the translations as `score` does.

    `beam` is by default that of the run's settings, and `language`, which chooses the tokenizer as in nmt.score, the
    run's target language. Raises what `score` raises, and before anything is translated.
    """
    lines = read_texts("source", source)
    check_count("batch_size", batch_size)
    names = read_names("metrics", metrics)
    check_metric_settings(options, names)  # before the run is looked for
    refuse_without_bleu(names, tokenize, language)
    runs = [str(path) for path in list_runs(model)]
    language = read_run(Path(runs[0])).info.target_lang if language is None and runs else language
    plan = plan_scores(references, names, tokenize, language, lowercase, confidence, samples, sentence_level, options)
    check_columns([lines], plan.references, plan.metrics)
    refuse_long_lines("reference", plan.references, plan.metrics)
    reporter = choose_progress(progress)
    (found,) = evaluate_runs(
        [runs],
        lines,
        plan.references,
        beams=() if beam is None else (beam,),
        batch_size=batch_size,
        progress=reporter,
        checkpoint=checkpoint,
        device=device,
        precision=precision,
        shortlist=shortlist,
    )
    return found._replace(scores=plan.score(found.translations, reporter))


class ScorePlan(NamedTuple):
    """How translations are scored: arguments of `score`, checked."""

    references: list[list[str | None]]
    metrics: list[str]
    tokenizer: str
    lowercase: bool
    settings: MetricSettings
    samples: int
    with_sentences: bool

    def score(self, lines: list[str], progress: Progress) -> list[MetricScore]:
        """The scores of translations. `progress` notes what makes them mean little."""
        for warning in find_score_warnings({"the translations": lines}, self.metrics):
            progress.note(warning)
        arguments = self.references, self.metrics, self.tokenizer, self.lowercase, self.settings
        return score_corpus(lines, *arguments, samples=self.samples, with_sentences=self.with_sentences)


def plan_scores(
    references: References,
    metrics: Iterable[str],
    tokenize: str,
    language: str | None,
    lowercase: bool,
    confidence: bool,
    samples: int | None,
    sentence_level: bool,
    options: dict[str, Any],
) -> ScorePlan:
    """Check the arguments of `score` without the translations. Raises what `score` raises."""
    lists = drop_missing_references(list_references(references))
    names = read_names("metrics", metrics)
    check_string("tokenize", tokenize)
    if language is not None:
        check_string("language", language)
    for name, flag in (("lowercase", lowercase), ("confidence", confidence), ("sentence_level", sentence_level)):
        check_flag(name, flag)
    if samples is not None:
        check_count("samples", samples)
        if not confidence:
            raise UsageError(Option("samples", samples), " has no effect without ", Option("confidence", True))
    samples = SAMPLES if samples is None else samples
    if samples < 2:
        raise UsageError(Option("samples", samples), " is too small for a confidence interval: it needs two or more")
    if confidence:
        check_seed()
    settings = check_metric_settings(options, names)
    tokenizer = resolve_tokenizer(tokenize, language, lists)
    make_metrics(names, tokenizer, lowercase, settings)  # raises an error for an unknown metric or tokenizer
    return ScorePlan(lists, names, tokenizer, lowercase, settings, samples if confidence else 0, sentence_level)


def list_references(references: Any) -> list[list[str | None]]:
    """Several lists of lines, also where `references` is one list of lines."""
    found: list[Any] = read_several("references", references)
    if any(isinstance(line, str) for line in found) or all(line is None for line in found):
        return [found]
    return [read_several(f"references[{number}]", lines) for number, lines in enumerate(found)]
