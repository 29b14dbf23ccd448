"""`nmt align` without a run: word links that are learnt from the given pairs alone."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nmt.cli.tables import tabulate_links
from nmt.errors import UsageError

if TYPE_CHECKING:
    from nmt.analysis.alignment import AlignmentScore, Symmetrisation

WITHOUT_RUN = {"source", "target", "gold", "gold_base", "symmetrise", "units", "project_tags", "style"}


def align_without_run(
    source: str,
    target: str,
    gold: str | None,
    gold_base: int | None,
    symmetrise: "Symmetrisation",
    units: str,
    project_tags: bool,
    style: str,
) -> None:
    """Write the links of two files, or the target with the tags of the source, as `nmt align` does with a run."""
    from nmt.analysis import gold as gold_links
    from nmt.analysis.alignment import format_pharaoh
    from nmt.documents.alignment import Alignment
    from nmt.documents.tagged_lines import describe_tagged_targets, project_line, read_tagged_line
    from nmt.progress import TerminalProgress, format_count
    from nmt.text.corpus import read_parallel
    from nmt.text.units import describe_units
    from nmt.word_alignment.aligner import link_pairs
    from nmt.word_alignment.api import choose_units_of_texts

    refuse_options_of_runs()
    if gold_base is not None and not gold:
        raise UsageError("--gold-base has no effect without --gold: name its file")
    if project_tags and (gold or units != "auto" or style != "text"):
        raise UsageError("--project-tags writes text: leave out --gold, --units and --format")
    sources, targets = read_parallel([source, target])
    terminal = TerminalProgress()
    tagged = [[read_tagged_line(line) for line in side] for side in (sources, targets)] if project_tags else []
    if project_tags:
        sources, targets = ([line.segment.text for line in side] for side in tagged)
        for note in describe_tagged_targets(target, *tagged):
            terminal.note(f"nmt: {note}")
    linked = choose_units_of_texts(units, sources, targets)
    if not project_tags and (note := describe_units(linked)):
        terminal.note(f"nmt: {note}")
    pairs = list(link_pairs(zip(sources, targets, strict=True), linked, symmetrise, terminal))
    if project_tags:
        tags = weak = 0
        for own, translation, pair in zip(*tagged, pairs, strict=True):
            alignment = Alignment(pair.source_tokens, pair.target_tokens, pair.weights_TS)
            projected = project_line(own, translation, alignment)
            click.echo(projected.line)
            tags += len(projected.placements)
            weak += sum(placement.is_weak for _, placement in projected.placements)
        if weak:
            terminal.note(f"nmt: {weak:,} of {format_count(tags, 'tag')} may be in a wrong place")
        return
    document: dict[str, Any] = {"units": [one.name for one in linked], "links": [pair.links for pair in pairs]}
    scores: Mapping[str, AlignmentScore] = {}
    if gold:
        counts = [(len(pair.source_units), len(pair.target_units)) for pair in pairs]
        golds = gold_links.read_gold(gold, len(pairs), gold_base, counts, linked)
        for warning in gold_links.find_gold_warnings(gold, golds, map(all, counts)):
            terminal.note(f"nmt: {warning}")
        scores = gold_links.score_directions([pair.forward for pair in pairs], [pair.backward for pair in pairs], golds)
        document["scores"] = {name: score._asdict() for name, score in scores.items()}
    if style == "json":
        click.echo(json.dumps(document))
        return
    for pair in pairs:
        click.echo(format_pharaoh(pair.links))
    if scores:
        terminal.note(tabulate_links(scores))


def refuse_options_of_runs() -> None:
    """Raise UsageError for options of the command line that have no effect without a run."""
    context = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in WITHOUT_RUN
        and context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]
    if given:
        needs, them = ("need", "them") if len(given) > 1 else ("needs", "it")
        raise UsageError(f"{' and '.join(given)} {needs} a run\n  Name it with --model, or leave {them} out")
