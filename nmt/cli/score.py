"""`nmt score`: scores translations against references, and word links against gold links."""

import json

import click

from nmt.cli.command import NmtCommand
from nmt.cli.options import format_option, gold_base_option, gold_option, metric_options
from nmt.cli.tables import (
    LABEL_COLUMNS,
    build_headings,
    explain_scores,
    format_cells,
    format_label_cells,
    tabulate,
    tabulate_links,
    to_json,
)
from nmt.errors import UsageError


class MetricsCommand(NmtCommand):
    """A command that accepts `--metrics bleu chrf ter`, `--metrics bleu,chrf,ter` and a repeated `--metrics`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words: list[str] = []
        for word in args:
            if words[-2:-1] == ["--metrics"] and are_metrics(word):
                words.append("--metrics")
            words.append(word)
        return super().parse_args(ctx, words)


def are_metrics(word: str) -> bool:
    from nmt.analysis.metrics import METRICS

    return all(name in METRICS for name in word.split(","))


def check_metrics(metrics: list[str], tokenize: str, lowercase: bool, significance: bool, systems: int) -> None:
    """Raise, before any work is done, the errors that scoring would raise after it."""
    from nmt.analysis.metrics import make_metrics
    from nmt.analysis.tokenizers import AUTO, FALLBACK

    make_metrics(metrics, FALLBACK if tokenize == AUTO else tokenize, lowercase)
    if significance and systems == 1:
        raise UsageError("--significance compares with the first of several systems, and there is only one")


@click.command(cls=MetricsCommand)
@click.argument("hypotheses", nargs=-1, metavar="[HYPOTHESIS]...")
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="FILE",
    help="reference translations; repeat it if lines have several references",
)
@gold_option
@gold_base_option
@metric_options
@format_option("text", "json")
def command(
    hypotheses: tuple[str, ...],
    references: tuple[str, ...],
    gold: str | None,
    gold_base: int | None,
    metrics: list[str],
    tokenize: str,
    language: str | None,
    lowercase: bool,
    significance: bool,
    samples: int,
    style: str,
) -> None:
    """Score translations against references by BLEU, chrF and TER; or labels; or word links against --gold.

    Reads standard input without HYPOTHESIS; several files are scored in a table. BLEU, chrF and TER are those of
    sacreBLEU, with the signature that makes them comparable; the text must be detokenised. Lines that are labels are
    scored by accuracy and f1, the mean F1 of all labels, with a table of the labels.

    With --gold in place of --reference, every HYPOTHESIS is a file of word links in Pharaoh format, counted from 0, as
    `nmt align` and other aligners write them. The scores are alignment error rate, precision, recall and F1.
    """
    hypotheses = hypotheses or ("-",)
    if not (gold or references):
        raise click.UsageError("Missing option '--reference', or '--gold' for word links.")
    if gold and references:
        raise UsageError("--reference is for translations and --gold is for word links: leave out one of them")
    if gold:
        score_links(hypotheses, gold, gold_base, style)
        return
    if gold_base is not None:
        raise UsageError("--gold-base has no effect without --gold: name its file")
    from nmt.analysis.metrics import score_systems
    from nmt.analysis.tokenizers import resolve_tokenizer
    from nmt.text.corpus import read_parallel

    check_metrics(metrics, tokenize, lowercase, significance, len(hypotheses))
    lines = read_parallel([*references, *hypotheses])
    reference_lines, system_lines = lines[: len(references)], lines[len(references) :]
    tokenizer = resolve_tokenizer(tokenize, language, reference_lines)
    scores = score_systems(system_lines, reference_lines, metrics, tokenizer, lowercase, samples if significance else 0)
    if style == "json":
        systems = [{"name": name, "scores": to_json(row)} for name, row in zip(hypotheses, scores, strict=True)]
        document = {"references": list(references), "lines": len(lines[0]), "systems": systems}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    elif len(hypotheses) == 1:
        for score in scores[0]:
            click.echo(score)
            if score.labels is not None:
                click.echo(tabulate([["", *LABEL_COLUMNS], *map(format_label_cells, score.labels)]))
    else:
        rows = [[name, *format_cells(row)] for name, row in zip(hypotheses, scores, strict=True)]
        click.echo(tabulate([["", *build_headings(scores[0])], *rows]))
        click.echo(explain_scores(scores[0], hypotheses[0]))


def score_links(systems: tuple[str, ...], gold: str, base: int | None, style: str) -> None:
    """Print the scores of files of links against gold links, as a table or as JSON."""
    from nmt.analysis.gold import score_link_files

    scores, golds, warnings = score_link_files(systems, gold, base)
    for warning in warnings:
        click.echo(f"nmt: {warning}", err=True)
    if style == "json":
        rows = [{"name": name, **score._asdict()} for name, score in scores.items()]
        click.echo(json.dumps({"gold": gold, "lines": len(golds), "systems": rows}, ensure_ascii=False, indent=2))
    else:
        click.echo(tabulate_links(scores))
