"""`nmt align`: word links of given pairs, their error rates, tables, pictures and a page."""

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from nmt.cli.align_texts import align_without_run
from nmt.cli.command import NmtCommand
from nmt.cli.options import (
    INPUT,
    OUTPUT,
    batch_size_option,
    format_option,
    gold_base_option,
    gold_option,
    link_options,
    model_option,
    run_options,
)
from nmt.cli.output import refuse_overlap, to_json_line
from nmt.cli.tables import tabulate_links
from nmt.errors import UsageError

if TYPE_CHECKING:
    from nmt.progress import Progress
    from nmt.text.links import GoldLinks
    from nmt.translation.aligner import AlignedPair

MAX_DRAWN = 100  # words of a side; drawing a larger heat map takes minutes, and it cannot be read
SYMMETRISE = click.Choice(["intersection", "union", "grow-diag", "grow-diag-final-and"])


@click.command(cls=NmtCommand)
@model_option("to compare runs in --html; without it, links are learnt from the given pairs", required=False)
@click.option("--source", required=True, type=INPUT, metavar="FILE", help="source sentences, one a line")
@click.option("--target", required=True, type=INPUT, metavar="FILE", help="their translations, one a line")
@gold_option
@gold_base_option
@click.option(
    "--reverse", metavar="RUN", help="run of the opposite direction; its links are combined with those of --model"
)
@click.option("--symmetrise", type=SYMMETRISE, help="how to combine the links of both directions  [default: grow-diag]")
@link_options
@click.option(
    "--project-tags",
    is_flag=True,
    help="write the target with the tags of the source, such as <b> and </b>, in place of links",
)
@click.option(
    "--table",
    type=OUTPUT,
    metavar="FILE",
    help="tab-separated table of errors and of words with low attention (below 0.2), worst pairs first",
)
@click.option("--matrix", type=OUTPUT, metavar="FILE", help="words, links and attention of each pair as JSON Lines")
@click.option(
    "--parts",
    is_flag=True,
    help="add each head, mixed attention and gate to --matrix, and to --html as models",
)
@click.option(
    "--html", type=OUTPUT, metavar="FILE", help="page to explore in a browser: one file that needs no network"
)
@click.option(
    "--n-best",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="translations by each model to show in --html beside the given ones  [default: 0]",
)
@click.option("--plot", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="folder for heat maps")
@click.option("--plot-format", type=click.Choice(["png", "svg", "pdf"]), help="format of heat maps  [default: png]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="pairs that --plot draws  [default: 20]")
@click.option(
    "--show", type=click.IntRange(0), default=0, metavar="N", help="pairs to draw in the terminal  [default: 0]"
)
@format_option("text", "json")
@batch_size_option
@run_options
def command(
    model: tuple[str, ...],
    source: str,
    target: str,
    gold: str | None,
    gold_base: int | None,
    reverse: str | None,
    symmetrise: Any,
    offset: int,
    threshold: float | None,
    units: str,
    probabilities: bool,
    project_tags: bool,
    table: Path | None,
    matrix: Path | None,
    parts: bool,
    html: Path | None,
    n_best: int,
    plot: Path | None,
    plot_format: str | None,
    limit: int | None,
    show: int,
    style: str,
    batch_size: int,
    checkpoint: str,
    device: str,
    precision: str,
) -> None:
    """Link the words of given pairs: each target word to the source word with most of its attention.

    Without --model no run is needed: links are then learnt from the given pairs alone, by a statistical aligner, in
    both directions, which --symmetrise combines. A few hundred pairs are few for it, thousands are better.

    Writes the links i-j of each pair on a line (Pharaoh format): source word i, target word j, counted from 0. Scores
    against --gold and the drawings of --show are written to standard error; --format json writes links and scores as
    one object. Words are separated by spaces and tabs: a mark attached to a word is a part of it, and so is a no-break
    space. Where a language has no blanks between words, characters are linked, or what --units names; those of one
    piece have the same links. Attention is summed over the pieces of a source word, averaged over the pieces of a
    target word, and that to the end of the sentence is left out.

    --html writes a page to open from disk: search and sort the pairs, point at a word to see its attention, compare
    runs and their own translations, see gold links over predicted ones. With --parts the page also has each head, mixed
    attention and gate as a model beside the run, and --matrix has the total weight of each part for each word, which
    is the share of an attention in a mixture. Scores are comparable between machines with --precision float32.

    --project-tags aligns the source without its tags, and puts each into the target where its words are. Both sides are
    read as XML and HTML are: &amp; is the character &. The target comes out as it is, with tags: none of its characters
    and entities is written in another way. A target that has the tags of its source already stays as it is; other tags
    are taken out of it before, also where its source has none, which a message tells.
    """
    from nmt.analysis import gold as gold_links
    from nmt.analysis.alignment import compute_link_shares, format_pharaoh
    from nmt.analysis.page import Page
    from nmt.checkpoint import read_run
    from nmt.documents.alignment import align_given_pair
    from nmt.documents.tagged_lines import describe_tagged_targets, project_line, read_tagged_line
    from nmt.files import is_closed_by_reader, write_atomically
    from nmt.progress import TerminalProgress, WithoutBars, format_count
    from nmt.text.corpus import read_parallel
    from nmt.text.units import describe_units
    from nmt.translation.aligner import align_pairs, build_other_views, load_aligner
    from nmt.translation.translator import refuse_other_languages
    from nmt.translation.units import choose_units_of_run, count_units

    if not model:
        align_without_run(source, target, gold, gold_base, symmetrise or "grow-diag", units, project_tags, style)
        return
    if symmetrise and not reverse:
        raise UsageError("--symmetrise combines two directions: name a run of the opposite direction with --reverse")
    if probabilities and reverse:
        raise UsageError("--probabilities are those of one direction: leave them out, or leave out --reverse")
    if probabilities and style == "json":
        raise UsageError("--probabilities are written in lines of text: leave out --format json, or use --matrix")
    if gold_base is not None and not gold:
        raise UsageError("--gold-base has no effect without --gold: name its file")
    if (plot_format or limit) and not plot:
        given = "--plot-format" if plot_format else "--limit"
        raise UsageError(f"{given} has no effect without --plot: name its folder")
    if len(model) > 1 and not html:
        raise UsageError(
            "several --model are compared in --html: name its file\n"
            "  Links, --matrix, --table and --plot are those of one run: for these name only one"
        )
    if n_best and not html:
        raise UsageError("--n-best has no effect without --html: name its file")
    if n_best and reverse:
        raise UsageError("--n-best shows translations, for which --reverse has no links: leave one of them out")
    if parts and (len(model) > 1 or not (html or matrix)):
        raise UsageError("--parts needs --html or --matrix, and only one --model: name a file, and one run")
    if project_tags and (gold or units != "auto" or style != "text" or probabilities):
        raise UsageError("--project-tags writes text: leave out --gold, --units, --format and --probabilities")
    refuse_overlap(
        {"--table": table, "--matrix": matrix, "--html": html}, [path for path in (source, target, gold) if path]
    )
    sources, targets = read_parallel([source, target])
    tagged = [[read_tagged_line(line) for line in side] for side in (sources, targets)] if project_tags else []
    if project_tags:
        sources, targets = ([line.segment.text for line in side] for side in tagged)
        units = "pieces"
        for note in describe_tagged_targets(target, *tagged):
            click.echo(f"nmt: {note}", err=True)
    first_run = read_run(Path(model[0]))
    linked = choose_units_of_run(units, first_run)
    if not project_tags and (note := describe_units(linked)):
        click.echo(f"nmt: {note}", err=True)
    golds = []
    if gold:
        counts = count_units(first_run, linked, sources, targets)
        golds = gold_links.read_gold(gold, len(sources), gold_base, counts, linked)
        for warning in gold_links.find_gold_warnings(gold, golds, map(all, counts)):
            click.echo(f"nmt: {warning}", err=True)
    loading = {"checkpoint": checkpoint, "device": device, "precision": precision}
    translators = [load_aligner(run, **loading) for run in model]
    refuse_other_languages([translator.runs[0] for translator in translators])
    opposite = load_aligner(reverse, **loading) if reverse else None
    hides_bar = style == "text" and sys.stdout.isatty()  # a progress bar would stand between the links
    terminal = TerminalProgress()
    aligned = align_pairs(
        translators[0],
        sources,
        targets,
        reverse=opposite,
        symmetrisation=symmetrise or "grow-diag",
        offset=offset,
        threshold=threshold,
        units=linked,
        with_parts=parts,
        batch_size=batch_size,
        progress=WithoutBars() if hides_bar else terminal,
    )
    beside = build_other_views(translators, sources, targets, linked, n_best, batch_size, offset, threshold)
    run = translators[0].runs[0]
    names = [*name_runs(model), *(run.model.part_names if parts else ())]
    if reverse:
        names[0] += f" and {Path(reverse).resolve().name}, {symmetrise or 'grow-diag'}"
    languages, unit_names = run.languages, (linked[0].name, linked[1].name)
    page = Page(Path(source).name, *languages, names, units=unit_names) if html else None
    heat_maps = HeatMaps(plot, plot_format or "png", (limit or 20) if plot else 0, show, terminal)
    writes_links_alone = style == "text" and not (gold or table or matrix or html or plot or show)
    forward, backward, chosen, details = [], [], [], []
    tags, weak = 0, 0
    with ExitStack() as stack:
        rows: IO[str] | None = stack.enter_context(write_atomically(matrix)) if matrix else None
        for number, (pair, others) in enumerate(zip(aligned, beside, strict=True)):
            gold_of_pair = golds[number] if gold else None
            forward.append(pair.forward)
            backward += [] if pair.backward is None else [pair.backward]
            chosen.append(pair.links)
            if project_tags:
                projected = project_line(tagged[0][number], tagged[1][number], align_given_pair(pair))
                click.echo(projected.line)
                tags += len(projected.placements)
                weak += sum(placement.is_weak for _, placement in projected.placements)
            elif style == "text":
                shares = compute_link_shares(pair.view.weights_JI, pair.links) if probabilities else None
                click.echo(format_pharaoh(pair.links, shares))
            if table:
                details.append(describe_pair(number, pair, gold_of_pair))
            if page:
                page.add(pair.source_words, [pair.view, *others, *pair.parts.values()], gold_of_pair, sources[number])
            if rows:
                rows.write(f"{to_json_line(describe_attention(pair, offset))}\n")
            heat_maps.draw(number, pair)
            if writes_links_alone and is_closed_by_reader(sys.stdout):
                return
    heat_maps.report_fonts()
    if weak:
        terminal.note(f"nmt: {weak:,} of {format_count(tags, 'tag')} may be in a wrong place")
    if table:
        write_table(table, details, terminal)
    if page and html:
        with write_atomically(html) as file:
            file.write(page.html())
        terminal.note(f"{html}: a page of {format_count(len(sources), 'pair')}, to open in a browser")
    scores = gold_links.score_directions(forward, backward, golds) if gold else {}
    if gold and (better := gold_links.find_better_reading(chosen, golds)):
        how = {-1: "with --gold-base 0", 1: "with --gold-base 1", 0: ""}[better.reading.shift]
        turned = "if its links are turned, 2-1 for 1-2" if better.reading.is_turned else ""
        read = " and ".join(filter(None, (turned, how)))
        terminal.note(f"nmt: {gold} fits far better {read}: the error rate is then {100 * better.aer:.1f} percent")
    if style == "json":
        document: dict[str, Any] = {"units": unit_names, "links": chosen}
        if gold:
            document["scores"] = {name: score._asdict() for name, score in scores.items()}
        click.echo(json.dumps(document))
    elif scores:
        terminal.note(tabulate_links(scores))


def name_runs(runs: Sequence[str]) -> list[str]:
    """The names of runs on a page: the names of their folders or, if some are the same, their paths."""
    names = [Path(run).resolve().name for run in runs]
    return names if len(set(names)) == len(names) else list(runs)


class HeatMaps:
    """Draws the first pairs in the terminal and as files in a folder."""

    def __init__(self, folder: Path | None, suffix: str, limit: int, show: int, progress: "Progress") -> None:
        self.folder = folder
        self.suffix = suffix
        self.limit = limit
        self.show = show
        self.progress = progress
        self.unknown: set[str] = set()
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def draw(self, number: int, pair: "AlignedPair") -> None:
        """Draw pair `number`, counted from 0, if it is among the first ones, or note why it is not drawn."""
        from nmt.analysis.plots import LEGEND, MIN_COLUMNS, draw_terminal_heat_map, save_heat_map

        is_plotted, is_shown = number < self.limit, number < self.show
        if not (is_plotted or is_shown):
            return
        words = pair.source_words, pair.target_words
        fits = max(map(len, words)) <= MAX_DRAWN
        if not fits:
            self.progress.note(f"pair {number + 1} is not drawn: it has more than {MAX_DRAWN} words on a side")
        if is_plotted and fits:
            assert self.folder is not None
            name = f"pair-{number + 1:0{len(str(self.limit))}d}.{self.suffix}"
            title = f"pair {number + 1}"
            self.unknown |= save_heat_map(self.folder / name, pair.view.weights_JI, *words, title, pair.links)
        if is_shown and not all(words):
            self.progress.note(f"pair {number + 1} is not drawn: a side has no words")
        elif is_shown and fits:
            width = max(shutil.get_terminal_size().columns, MIN_COLUMNS)
            self.progress.note(f"\n{draw_terminal_heat_map(pair.view.weights_JI, *words, width)}\n{LEGEND}\n")

    def report_fonts(self) -> None:
        """Note the characters that the files show as boxes."""
        if self.unknown and self.suffix != "svg":
            self.progress.note(
                f"no installed font has {''.join(sorted(self.unknown))}: the pictures show boxes\n"
                "  Install a font with these characters, for example from Noto, or use --plot-format svg"
            )


def describe_attention(pair: "AlignedPair", offset: int) -> dict[str, Any]:
    """The object of a pair in --matrix: words, links, attention between words and, with --parts, its parts."""
    facts: dict[str, Any] = {
        "source_words": pair.source_words,
        "target_words": pair.target_words,
        "links": pair.links,
        "is_whole": pair.is_whole,
        "attention": pair.view.weights_JI.round(6).tolist(),
    }
    if pair.parts:
        facts["parts"] = {
            name: {
                "attention": view.weights_JI.round(6).tolist(),
                "weight": pair.forced.select_part(number).compute_total_weight(offset).round(6).tolist(),
            }
            for number, (name, view) in enumerate(pair.parts.items())
        }
    return facts


def describe_pair(number: int, pair: "AlignedPair", gold: "GoldLinks | None") -> dict[str, Any]:
    """A row of --table by its columns. Words with low attention are written as number:word, counted from 0."""
    from nmt.analysis.alignment import alignment_error_rate

    view, source, target = pair.view, pair.source_words, pair.target_words
    assert view.diagnostics is not None
    score = alignment_error_rate([view.links], [gold])._asdict() if gold else {}
    return {
        "pair": number + 1,
        **score,
        "log_prob_per_token": view.score,
        **view.diagnostics._asdict(),
        "unattended": " ".join(f"{index}:{source[index]}" for index in view.diagnostics.unattended),
        "unsupported": " ".join(f"{index}:{target[index]}" for index in view.diagnostics.unsupported),
        "source": " ".join(source),
        "target": " ".join(target),
    }


def write_table(path: Path, details: list[dict[str, Any]], progress: "Progress") -> None:
    """Write rows with tabs between columns, by error rate and then entropy, highest first. Note the sums of words with
    low attention."""
    from nmt.files import write_atomically
    from nmt.text.words import split_words

    def columns(row: dict[str, Any]) -> str:
        return "\t".join(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values())

    worst = sorted(details, key=lambda row: (-row.get("aer", 0.0), -row["entropy"]))
    with write_atomically(path) as file:
        file.writelines(f"{line}\n" for line in ("\t".join(worst[0]), *map(columns, worst)))

    def count_words(kind: str, side: str) -> str:
        count, total = (sum(len(split_words(row[column])) for row in details) for column in (kind, side))
        return f"{count:,} of {total:,} {side} words"

    progress.note(
        f"{count_words('unattended', 'source')} get almost no attention; "
        f"{count_words('unsupported', 'target')} attend to no word in particular"
    )
