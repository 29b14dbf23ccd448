"""`nmt evaluate`: translates a test set with several runs and beams, and scores every translation in one table."""

import json
from pathlib import Path
from typing import Any

import click

from nmt.cli.options import (
    OUTPUT,
    batch_size_option,
    format_option,
    metric_options,
    model_option,
    parallel_options,
    run_options,
    shortlist_option,
)
from nmt.cli.output import refuse_unwritable
from nmt.cli.score import MetricsCommand, check_metrics
from nmt.cli.tables import build_headings, explain_scores, format_cells, tabulate, to_json
from nmt.errors import UsageError
from nmt.progress import format_figure


@click.command(cls=MetricsCommand)
@model_option("to compare runs")
@click.option("--source", required=True, metavar="FILE", help="source sentences, one a line")
@click.option(
    "--reference",
    "references",
    multiple=True,
    required=True,
    metavar="FILE",
    help="reference translations; repeat it if lines have several references",
)
@click.option("--ensemble", is_flag=True, help="combine the runs to one ensemble instead of comparing them")
@click.option(
    "--beam",
    "beams",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="hypotheses kept for each sentence; repeat to compare  [default: the setting of the run]",
)
@metric_options
@format_option("text", "json")
@click.option(
    "--log-probs",
    type=OUTPUT,
    metavar="FILE",
    help="file for the log-probability and token count of each line of the first reference",
)
@batch_size_option
@shortlist_option
@parallel_options
@run_options
def command(
    model: tuple[str, ...],
    source: str,
    references: tuple[str, ...],
    ensemble: bool,
    beams: tuple[int, ...],
    metrics: list[str],
    tokenize: str,
    language: str | None,
    lowercase: bool,
    significance: bool,
    samples: int,
    style: str,
    log_probs: Path | None,
    batch_size: int,
    shortlist: Path | None,
    processes: int,
    threads: int | None,
    **loading: Any,
) -> None:
    """Translate a test set with one or several runs and beams, and score every translation.

    A row has sacreBLEU's scores, the number of sentences translated in a second (without the time of loading), and the
    perplexity of the references: exp of minus the mean log-probability of their tokens, the end of the sentence
    included, without label smoothing. Perplexities can be compared only between runs with the same target subword
    model.
    """
    from nmt.analysis.metrics import score_systems
    from nmt.analysis.tokenizers import resolve_tokenizer
    from nmt.files import write_atomically
    from nmt.progress import TerminalProgress
    from nmt.text.corpus import read_parallel
    from nmt.translation.evaluation import evaluate_runs
    from nmt.translation.workers import share_cores

    models = [model] if ensemble else [(run,) for run in model]
    check_metrics(metrics, tokenize, lowercase, significance, len(models) * max(len(beams), 1))
    if log_probs and len(models) > 1:
        raise UsageError("--log-probs needs one run or one --ensemble, and there are several runs")
    refuse_unwritable(log_probs)
    threads = share_cores(processes, threads, batch_size, loading["device"])
    sources, *reference_lines = read_parallel([source, *references])
    found = list(
        evaluate_runs(
            models,
            sources,
            reference_lines,
            beams=beams,
            batch_size=batch_size,
            processes=processes,
            threads=threads,
            progress=TerminalProgress(),
            shortlist=shortlist,
            **loading,
        )
    )
    if log_probs:
        with write_atomically(log_probs) as file:
            file.writelines(f"{log_prob:.6f}\t{tokens}\n" for log_prob, tokens in found[0].reference_log_probs)
    translations = [one.translations for one in found]
    tokenizer = resolve_tokenizer(tokenize, language or found[0].target_lang, reference_lines)
    scores = score_systems(translations, reference_lines, metrics, tokenizer, lowercase, samples if significance else 0)
    if style == "json":
        systems = [
            {
                "name": one.name,
                "beam": one.beam,
                "sentences_per_second": one.sentences_per_second,
                "perplexity": one.perplexity,
                "scores": to_json(row),
            }
            for one, row in zip(found, scores, strict=True)
        ]
        document = {"source": source, "references": references, "lines": len(sources), "systems": systems}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    table = [["run", "beam", *build_headings(scores[0]), "sentences/s", "perplexity"]]
    for one, row in zip(found, scores, strict=True):
        figures = f"{one.sentences_per_second:,.0f}", format_figure(one.perplexity)
        table.append([one.name, str(one.beam), *format_cells(row), *figures])
    click.echo(tabulate(table))
    click.echo(explain_scores(scores[0], "the first row"))
