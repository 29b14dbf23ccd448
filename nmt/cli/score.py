"""`nmt score`: scores translations against references, and word links against gold links."""

import json
from collections import Counter
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from nmt.cli.options import format_option, gold_base_option, gold_option
from nmt.cli.scoring import MetricsCommand, Scoring, scoring_options
from nmt.cli.tables import (
    LABEL_COLUMNS,
    build_columns,
    explain_scores,
    format_label_cells,
    tabulate,
    tabulate_links,
    to_json,
)
from nmt.errors import UsageError

if TYPE_CHECKING:
    from nmt.analysis.gold import LinkFile
    from nmt.text.links import Reading


WITH_GOLD = frozenset(("hypotheses", "gold", "gold_base", "links_base", "links_turned", "style"))


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
@click.option(
    "--links-base",
    type=click.IntRange(0, 1),
    metavar="N",
    help="number of the first word in files of links  [default: 0; in the NAACL format: 1]",
)
@click.option("--links-turned", is_flag=True, help="links in HYPOTHESIS are target-source; turn them")
@scoring_options
@format_option("text", "json")
def command(
    hypotheses: tuple[str, ...],
    references: tuple[str, ...],
    gold: str | None,
    gold_base: int | None,
    links_base: int | None,
    links_turned: bool,
    scoring: Scoring,
    style: str,
) -> None:
    """Score translations against references by BLEU, chrF and TER; or labels; or word links against --gold.

    Reads standard input without HYPOTHESIS; several files are scored in a table. BLEU, chrF and TER are those of
    sacreBLEU, with the signature that makes them comparable; the text must be detokenised. Options that sacreBLEU's
    command has mean the same here, but --lowercase applies to chrF too. Lines that are labels are scored by accuracy
    and f1, the mean F1 of all labels, with a table of the labels.

    A line may have fewer references than others: leave it empty in the files that lack it. The signature has nrefs:var
    then.

    With --gold in place of --reference, every HYPOTHESIS is a file of word links in Pharaoh format, counted from 0, as
    `nmt align` and other aligners write them, or in the NAACL format, counted from 1. The scores are alignment error
    rate, precision, recall and F1. A warning says when links fit far better if they are counted from another number, or
    turned.
    """
    hypotheses = hypotheses or ("-",)
    if gold and (references or scoring.test_sets):
        raise UsageError("--reference is for translations and --gold is for word links: leave out one of them")
    if references and scoring.test_sets:
        raise UsageError("--reference and --test-set both name references: leave out one of them")
    if gold:
        refuse_unused()
        score_links(hypotheses, gold, gold_base, links_base, links_turned, style)
        return
    if gold_base is not None:
        raise UsageError("--gold-base has no effect without --gold: name its file")
    if links_base is not None or links_turned:
        raise UsageError("--links-base and --links-turned have no effect without --gold: name its file")
    if not (references or scoring.test_sets):
        what = "standard input" if hypotheses == ("-",) else ", ".join(hypotheses)
        raise UsageError(
            f"{what} cannot be scored without references\n"
            "  Name their file with --reference, or with --gold for word links"
        )
    from nmt.analysis.metrics import drop_missing_references
    from nmt.text.corpus import read_parallel

    scoring.check(len(hypotheses))
    test_set = scoring.read_test_sets()
    lines = read_parallel([*references, *hypotheses])
    reference_lines, system_lines = lines[: len(references)], lines[len(references) :]
    if test_set:
        reference_lines = test_set.references
        scoring.refuse_other_length(test_set, hypotheses[0], len(lines[0]))
    scores = scoring.score(system_lines, drop_missing_references(reference_lines))
    if style == "json":
        systems = [{"name": name, "scores": to_json(row)} for name, row in zip(hypotheses, scores, strict=True)]
        document = {**scoring.name_references(references), "lines": len(lines[0]), "systems": systems}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    elif scoring.sentence_level:
        click.echo("\n".join(scoring.format_sentences(scores[0])))
    elif len(hypotheses) == 1:
        for score in scores[0]:
            click.echo(score.format(scoring.width, only_score=scoring.score_only))
            if score.labels is not None and not scoring.score_only:
                click.echo(tabulate([["", *LABEL_COLUMNS], *map(format_label_cells, score.labels)]))
    else:
        columns = build_columns(scores, scoring.width)
        click.echo(tabulate([[name, *cells] for name, cells in zip(["", *hypotheses], columns, strict=True)]))
        if not scoring.score_only:
            click.echo(explain_scores(scores, hypotheses[0]))
    names = ["standard input" if name == "-" else name for name in hypotheses]
    warn_of_repetitions(hypotheses)
    warn_of_repetitions(references)
    scoring.print_warnings(dict(zip(names, system_lines, strict=True)))


def refuse_unused() -> None:
    """Raise UsageError for an option that was given and is not among those that scores of links have."""
    context = click.get_current_context()
    for option in context.command.params:
        given = option.name and context.get_parameter_source(option.name) == ParameterSource.COMMANDLINE
        if given and option.name not in WITH_GOLD:
            raise UsageError(f"{option.opts[0]} has no effect with --gold: leave it out")


def warn_of_repetitions(files: tuple[str, ...]) -> None:
    """Write to standard error which files are named more than once."""
    for name, times in Counter(files).items():
        if times > 1:
            click.echo(f"nmt: {name} is named {times} times", err=True)


def score_links(
    systems: tuple[str, ...], gold: str, gold_base: int | None, links_base: int | None, links_turned: bool, style: str
) -> None:
    """Print the scores of files of links against gold links, as a table or as JSON."""
    from nmt.analysis.gold import score_link_files

    found = score_link_files(systems, gold, gold_base, links_base, links_turned)
    for warning in found.warnings:
        click.echo(f"nmt: {warning}", err=True)
    if style == "json":
        rows = [{"name": name, **score._asdict()} for name, score in found.scores.items()]
        click.echo(
            json.dumps({"gold": gold, "lines": len(found.gold.links), "systems": rows}, ensure_ascii=False, indent=2)
        )
    else:
        click.echo(tabulate_links(found.scores))
    for path, better in found.better.items():
        flags = name_reading(better.reading, found.gold, found.files[path], links_turned)
        rates = f"{100 * better.aer:.1f} percent, not {100 * found.scores[path].aer:.1f}"
        click.echo(f"nmt: {path} fits far better {flags}: its error rate is then {rates}", err=True)
    warn_of_repetitions(systems)


def name_reading(reading: "Reading", gold: "LinkFile", links: "LinkFile", is_turned: bool) -> str:
    """The options for another reading of links: `with --links-base 1 --links-turned`."""
    flags = []
    if reading.shift == -1:
        flags.append("--gold-base 0" if gold.base == 1 and not links.may_count_from_1() else "--links-base 1")
    elif reading.shift == 1:
        flags.append("--links-base 0" if links.base == 1 and not gold.may_count_from_1() else "--gold-base 1")
    if reading.is_turned and not is_turned:
        flags.append("--links-turned")
    left_out = ["without --links-turned"] if reading.is_turned and is_turned else []
    return " and ".join(([f"with {' '.join(flags)}"] if flags else []) + left_out)
