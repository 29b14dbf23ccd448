"""`nmt evaluate`: translates a test set with several runs and beams, and scores every translation in one table."""

import json
from pathlib import Path
from typing import Any

import click

from nmt.cli.options import (
    OUTPUT,
    batch_size_option,
    format_option,
    model_option,
    parallel_options,
    run_options,
    shortlist_option,
)
from nmt.cli.output import refuse_unwritable
from nmt.cli.scoring import MetricsCommand, Scoring, scoring_options
from nmt.cli.tables import build_columns, explain_scores, tabulate, to_json
from nmt.errors import UsageError
from nmt.progress import format_figure


@click.command(cls=MetricsCommand)
@model_option("to compare runs")
@click.option("--source", metavar="FILE", help="source sentences, one a line")
@click.option(
    "--reference",
    "references",
    multiple=True,
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
@scoring_options
@format_option("text", "json")
@click.option(
    "--log-probs",
    type=OUTPUT,
    metavar="FILE",
    help="file for the log-probability and token count of each line of the first reference",
)
@batch_size_option
@shortlist_option
@parallel_options("1")
@run_options
def command(
    model: tuple[str, ...],
    source: str | None,
    references: tuple[str, ...],
    ensemble: bool,
    beams: tuple[int, ...],
    scoring: Scoring,
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
    model. How to score is explained by `nmt score --help`.
    """
    from nmt.analysis.metrics import drop_missing_references, refuse_long_lines
    from nmt.files import write_atomically
    from nmt.progress import TerminalProgress
    from nmt.text.corpus import read_parallel
    from nmt.translation.evaluation import evaluate_runs
    from nmt.translation.workers import share_cores

    models = [model] if ensemble else [(run,) for run in model]
    if scoring.test_sets and (source or references):
        raise UsageError("--test-set has its own source and references: leave out --source and --reference")
    if not scoring.test_sets and not (source and references):
        missing = " and ".join(name for name, value in (("--source", source), ("--reference", references)) if not value)
        raise UsageError(
            f"{missing} must be given\n"
            "  --source is a file of sentences to translate, and --reference of translations; --test-set names both"
        )
    scoring.check(len(models) * max(len(beams), 1))
    if log_probs and len(models) > 1:
        raise UsageError("--log-probs needs one run or one --ensemble, and there are several runs")
    refuse_unwritable(log_probs)
    threads = share_cores(processes, threads, batch_size, loading["device"])
    test_set = scoring.read_test_sets()
    sources, *reference_lines = (
        (test_set.source, *test_set.references) if test_set else read_parallel([source or "", *references])
    )
    targets = drop_missing_references(reference_lines)
    refuse_long_lines("reference", targets, scoring.metrics)
    found = list(
        evaluate_runs(
            models,
            sources,
            targets,
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
    scores = scoring.score([one.translations for one in found], targets, found[0].target_lang)
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
        names = ({} if test_set else {"source": source}) | scoring.name_references(references)
        click.echo(json.dumps({**names, "lines": len(sources), "systems": systems}, ensure_ascii=False, indent=2))
    elif scoring.sentence_level:
        click.echo("\n".join(scoring.format_sentences(scores[0])))
    else:
        headings, *columns = build_columns(scores, scoring.width)
        table = [["run", "beam", *headings, "sentences/s", "perplexity"]]
        for one, cells in zip(found, columns, strict=True):
            figures = f"{one.sentences_per_second:,.0f}", format_figure(one.perplexity)
            table.append([one.name, str(one.beam), *cells, *figures])
        click.echo(tabulate(table))
        if not scoring.score_only:
            click.echo(explain_scores(scores, "the first row"))
    scoring.print_warnings({f"{one.name}, beam {one.beam}": one.translations for one in found})
