"""`nmt align`: which source word each target word of given pairs came from, and how well that matches gold.

Joins forced decoding to links, error rates and pictures; how each is made stands in nmt.translation and nmt.analysis.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from nmt.cli.options import link_options, precision_option
from nmt.cli.score import GOLD, GOLD_BASE, read_gold, read_parallel, tabulate_links, warn_about_gold
from nmt.cli.translate import INPUT, OUTPUT, Translator, refuse_overlap
from nmt.errors import FolderError, UsageError

if TYPE_CHECKING:
    from nmt.analysis.alignment import AlignmentScore
    from nmt.analysis.page import AttentionView
    from nmt.step import StepModel
    from nmt.text.links import GoldLinks, Link
    from nmt.translation.forced import ForcedPair
    from nmt.translation.pipeline import Translation

DRAWN = 100  # words a side: nobody reads a larger heat map, and drawing it takes minutes
COMBINE = click.Choice(["intersection", "union", "grow-diag", "grow-diag-final-and"])


@click.command()
@click.option(
    "--model", "runs", multiple=True, required=True, metavar="RUN", help="run folder; repeat to compare in --html"
)
@click.option("--source", required=True, type=INPUT, metavar="FILE", help="sentences, one a line")
@click.option("--target", required=True, type=INPUT, metavar="FILE", help="their translations")
@GOLD
@GOLD_BASE
@click.option("--reverse", metavar="RUN", help="run of the opposite direction; its links are combined with the first's")
@click.option("--symmetrise", type=COMBINE, help="how to combine them  [default: grow-diag]")
@link_options
@click.option(
    "--table",
    type=OUTPUT,
    metavar="FILE",
    help="error and doubts of each pair, worst first, by tabs; shares below 0.2 are doubted",
)
@click.option("--matrix", type=OUTPUT, metavar="FILE", help="words, links and attention of each pair, as JSON Lines")
@click.option(
    "--parts", "has_parts", is_flag=True, help="show heads, kinds and gates too, in --html as models and in --matrix"
)
@click.option("--html", type=OUTPUT, metavar="FILE", help="a page to explore in a browser: one file, no network")
@click.option(
    "--n-best",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="a model's own translations that --html shows as well  [default: 0]",
)
@click.option("--plot", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="folder for heat maps")
@click.option("--plot-format", type=click.Choice(["png", "svg", "pdf"]), help="[default: png]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="pairs that --plot draws  [default: 20]")
@click.option("--show", type=click.IntRange(0), default=0, metavar="N", help="pairs to draw in the terminal")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
@click.option("--batch-size", type=click.IntRange(1), default=64, metavar="N", help="pairs at a time  [default: 64]")
@click.option("--checkpoint", default="best", metavar="NAME", help="best, last, update-000500 …  [default: best]")
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 …  [default: auto]")
@precision_option
def command(
    runs: tuple[str, ...],
    source: str,
    target: str,
    gold: str | None,
    gold_base: int | None,
    reverse: str | None,
    symmetrise: Any,
    offset: int,
    threshold: float | None,
    probabilities: bool,
    table: Path | None,
    matrix: Path | None,
    has_parts: bool,
    html: Path | None,
    n_best: int,
    plot: Path | None,
    plot_format: str | None,
    limit: int | None,
    show: int,
    form: str,
    batch_size: int,
    checkpoint: str,
    device: str,
    precision: str,
) -> None:
    """Link the words of given pairs: each target word to the source word it attended to most.

    Writes the links i-j of each pair on a line (Pharaoh format): source word i, target word j, counted from 0. How well
    they match --gold, and what --show draws, goes to stderr; --format json writes links and scores as one object.
    Words are what blanks separate: a mark attached to a word is a part of it. Attention on the pieces of a source word
    is added up, that of the pieces of a target word is their mean, and that on the end of the sentence is left out.
    --html writes a page that opens from disk: search and sort the pairs, point at a word to see where it looked,
    compare runs and their own translations, see gold links over those that were found. With --parts it also has each
    head, kind and gate that the attention is made of, as a model beside the run; --matrix then says how much each word
    gives to it in all, which is a kind's share of a mixture. Scores to compare with other machines' come from
    --precision float32.
    """
    from nmt.analysis import alignment
    from nmt.analysis.page import Page, forced_view, gate_view
    from nmt.analysis.plots import LEGEND, NARROWEST, save_heat_map, terminal_heat_map
    from nmt.files import write_atomically

    if symmetrise and not reverse:
        raise UsageError("--symmetrise combines two directions: name a run of the opposite one with --reverse")
    if probabilities and reverse:
        raise UsageError("--probabilities are those of one direction: leave out --reverse")
    if probabilities and form == "json":
        raise UsageError("--probabilities stand in lines of text: leave out --format json, or take --matrix")
    if gold_base is not None and not gold:
        raise UsageError("--gold-base is of --gold: name its file")
    if (plot_format or limit) and not plot:
        raise UsageError("--plot-format and --limit are of --plot: name its folder")
    plot_format, limit = plot_format or "png", limit or 20
    if (len(runs) > 1 or n_best) and not html:
        raise UsageError("several --model, and --n-best, are for the page of --html: name its file")
    if n_best and reverse:
        raise UsageError("--n-best shows translations, which --reverse has no links for: leave one out")
    if has_parts and (len(runs) > 1 or not (html or matrix)):
        raise UsageError("--parts are those of one --model, for --html or --matrix: name one of these, and one run")
    inputs = [path for path in (source, target, gold) if path]
    refuse_overlap({"--table": table, "--matrix": matrix, "--html": html}, inputs)
    sources, targets = read_parallel([source, target])
    golds = []
    if gold:
        counts = [(len(one.split()), len(two.split())) for one, two in zip(sources, targets, strict=True)]
        golds = read_gold(gold, len(sources), gold_base, counts)
        warn_about_gold(gold, golds, map(all, counts))
    translator = load(runs[0], checkpoint, device, precision)
    network = translator.runs[0].model
    parts = network.part_names if has_parts else ()
    if has_parts and not parts:
        raise UsageError(f"the attention of {runs[0]} is one look without parts: leave out --parts")
    others = [load(run, checkpoint, device, precision) for run in runs[1:]]
    for other in others:
        refuse_other_languages(translator, other)
    is_seen = form == "text" and sys.stdout.isatty()  # a bar between the links would only disturb
    shown = network if has_parts else translator.model
    fronts = force(translator, sources, targets, batch_size, has_bar=not is_seen, model=shown)
    backs: Iterable[ForcedPair | None] = [None] * len(sources)
    if reverse:
        opposite = load(reverse, checkpoint, device, precision)
        refuse_same_direction(translator, opposite)
        backs = force(opposite, targets, sources, batch_size, has_bar=False)
    beside = views_beside([translator, *others], sources, targets, n_best, batch_size, offset, threshold)
    info = translator.runs[0].info
    names = [*name_runs(runs), *parts]
    if reverse:
        names[0] += f" and {Path(reverse).resolve().name}, {symmetrise or 'grow-diag'}"
    page = Page(Path(source).name, info.source_lang, info.target_lang, names) if html else None
    if plot:
        plot.mkdir(parents=True, exist_ok=True)
    forward: list[list[Link]] = []
    backward: list[list[Link]] = []
    chosen: list[list[Link]] = []
    details: list[dict[str, Any]] = []
    unknown: set[str] = set()
    with ExitStack() as stack:
        rows: IO[str] | None = stack.enter_context(write_atomically(matrix)) if matrix else None
        for number, (one, back, others_views) in enumerate(zip(fronts, backs, beside, strict=True)):
            view = forced_view(0, one, offset, threshold)
            weights_JI = view.weights_JI
            forward.append(view.links)
            if back:
                backward.append(alignment.reverse_links(forced_view(0, back, offset, threshold).links))
            links = alignment.symmetrise(forward[-1], backward[-1], symmetrise or "grow-diag") if back else forward[-1]
            chosen.append(links)
            drawn = golds[number] if gold else None
            if form == "text":
                shares = alignment.link_shares(weights_JI, links) if probabilities else None
                click.echo(alignment.format_pharaoh(links, shares))
            words = one.source.words, one.target.words
            looks = {name: one.part(place) for place, name in enumerate(parts)}
            part_views = [
                gate_view(place, look, offset) if name == "gate" else forced_view(place, look, offset, threshold)
                for place, (name, look) in enumerate(looks.items(), 1)
            ]
            if table:
                details.append(describe_pair(number, words, view._replace(links=links), drawn))
            if page:
                page.add(words[0], [view._replace(links=links), *others_views, *part_views], drawn)
            if rows:
                facts = {"source_words": words[0], "target_words": words[1], "links": links}
                weights: dict[str, Any] = {"attention": weights_JI.round(6).tolist()}
                if has_parts:
                    weights["parts"] = {
                        name: {
                            "attention": part.weights_JI.round(6).tolist(),
                            "weight": look.total_weight(offset).round(6).tolist(),
                        }
                        for (name, look), part in zip(looks.items(), part_views, strict=True)
                    }
                rows.write(json.dumps(facts | weights, ensure_ascii=False) + "\n")
            fits = max(map(len, words)) <= DRAWN
            if not fits and (number < show or (plot and number < limit)):
                say(f"pair {number + 1} is not drawn: it has more than {DRAWN} words on a side")
            if plot and number < limit and fits:
                name = f"pair-{number + 1:0{len(str(limit))}d}.{plot_format}"
                unknown |= save_heat_map(plot / name, weights_JI, *words, f"pair {number + 1}", links)
            if number < show and not all(words):
                say(f"pair {number + 1} is not drawn: a side has no words")
            elif number < show and fits:
                width = max(shutil.get_terminal_size().columns, NARROWEST)
                say(f"\n{terminal_heat_map(weights_JI, *words, width)}\n{LEGEND}\n")
    if unknown and plot_format != "svg":
        say(
            f"no font here has {''.join(sorted(unknown))}: the pictures show boxes\n"
            "  Install one that has (the Noto fonts, say), or draw with --plot-format svg"
        )
    if table:
        write_table(table, details)
    if page and html:
        with write_atomically(html) as file:
            file.write(page.html())
    scores = score_links(forward, backward, golds) if gold else {}
    if form == "json":
        document: dict[str, Any] = {"links": chosen}
        if gold:
            document["scores"] = {name: score._asdict() for name, score in scores.items()}
        click.echo(json.dumps(document))
    elif scores:
        say(tabulate_links(scores))


def name_runs(runs: Sequence[str]) -> list[str]:
    """What a page calls runs: the names of their folders where these tell them apart."""
    names = [Path(run).resolve().name for run in runs]
    return names if len(set(names)) == len(names) else list(runs)


def views_beside(
    translators: "list[Translator]",
    sources: Sequence[str],
    targets: Sequence[str],
    n_best: int,
    batch_size: int,
    offset: int,
    threshold: float | None,
) -> "Iterator[list[AttentionView]]":
    """For each pair what the page shows beside the first run's view: other runs', and all runs' translations."""
    from nmt.analysis.page import forced_view, translation_view

    def given(number: int, translator: Translator) -> "Iterator[list[AttentionView]]":
        for one in force(translator, sources, targets, batch_size, has_bar=False):
            yield [forced_view(number, one, offset, threshold)]

    def translated(number: int, found: "Iterator[list[Translation]]") -> "Iterator[list[AttentionView]]":
        for ranked in found:
            yield [translation_view(number, rank, one, offset, threshold) for rank, one in enumerate(ranked, 1)]

    streams = []
    for number, translator in enumerate(translators):
        if number:
            streams.append(given(number, translator))
        if n_best:
            streams.append(translated(number, translator.stream(sources, n_best=n_best, batch_size=batch_size)))
    if not streams:
        return iter([[] for _ in sources])
    return (list(chain.from_iterable(views)) for views in zip(*streams, strict=True))


def describe_pair(
    number: int, words: tuple[Sequence[str], Sequence[str]], view: "AttentionView", gold: "GoldLinks | None"
) -> dict[str, Any]:
    """A row of --table by its columns; words that are doubtful stand as number:word, counted from 0."""
    from nmt.analysis.alignment import alignment_error_rate

    assert view.diagnostics is not None
    score = alignment_error_rate([view.links], [gold])._asdict() if gold else {}
    source, target = words
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


def write_table(path: Path, details: list[dict[str, Any]]) -> None:
    """Rows with tabs between columns, most error, then most entropy, first; sums of the doubtful words to stderr."""
    from nmt.files import write_atomically

    def columns(row: dict[str, Any]) -> str:
        return "\t".join(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values())

    worst = sorted(details, key=lambda row: (-row.get("aer", 0.0), -row["entropy"]))
    with write_atomically(path) as file:
        file.writelines(f"{line}\n" for line in ("\t".join(worst[0]), *map(columns, worst)))

    def doubtful(side: str, words: str) -> str:
        found, there = (sum(len(row[column].split()) for row in details) for column in (side, words))
        return f"{found:,} of {there:,} {words} words"

    say(
        f"{doubtful('unattended', 'source')} get almost no attention; "
        f"{doubtful('unsupported', 'target')} look nowhere in particular"
    )


def score_links(
    forward: "list[list[Link]]", backward: "list[list[Link]]", golds: "list[GoldLinks]"
) -> "dict[str, AlignmentScore]":
    """How well the links of one direction match gold, or those of both and of every way to combine them."""
    from nmt.analysis.alignment import SYMMETRISATIONS, alignment_error_rate, symmetrise

    kinds = {"forward": forward}
    if backward:
        kinds["reverse"] = backward
        for how in SYMMETRISATIONS:
            kinds[how] = [symmetrise(*both, how) for both in zip(forward, backward, strict=True)]
    return {name: alignment_error_rate(links, golds) for name, links in kinds.items()}


def load(run: str, checkpoint: str, device: str, precision: str) -> Translator:
    """A run that can align. Raises UsageError when it has no attention."""
    translator = Translator.load(run, checkpoint, device, precision)
    if translator.runs[0].settings.model.attention == "none":
        raise UsageError(
            f"{run} has no attention, so it cannot say which word came from where\n"
            '  Train a run with another model.attention than "none"'
        )
    return translator


def force(
    translator: Translator,
    sources: Sequence[str],
    targets: Sequence[str],
    batch_size: int,
    *,
    has_bar: bool = True,
    model: "StepModel | None" = None,
) -> "Iterator[ForcedPair]":
    """Every pair in a run's eyes, with a bar on a terminal, and a word about sides that are not read to their end.

    `model` takes the place of the translator's own, where another says more.
    """
    from tqdm import tqdm

    from nmt.text.corpus import Pair
    from nmt.translation.forced import force_pairs
    from nmt.translation.pipeline import MAX_PIECES

    first = translator.runs[0]
    given = force_pairs(
        model or translator.model,
        first.source_subword,
        first.target_subword,
        map(Pair, sources, targets),
        batch_sentences=batch_size,
        device=translator.device,
    )
    is_hidden = None if has_bar else True
    bar = tqdm(given, f"{first.path}, given", len(sources), unit=" pairs", disable=is_hidden, leave=False)
    for number, one in enumerate(bar, 1):
        for side, segmented in (("source", one.source), ("target", one.target)):
            if len(segmented.ids) > MAX_PIECES:
                say(f"nmt: pair {number:,}: only the first {MAX_PIECES:,} pieces of its {side} are read")
        yield one


def refuse_same_direction(translator: Translator, opposite: Translator) -> None:
    """Raise FolderError when a run does not translate back what the other translates."""
    one, other = translator.runs[0], opposite.runs[0]
    if (one.info.source_lang, one.info.target_lang) != (other.info.target_lang, other.info.source_lang):
        raise FolderError(
            f"{other.path} is not the opposite of {one.path}: they translate {other.info.source_lang} to "
            f"{other.info.target_lang} and {one.info.source_lang} to {one.info.target_lang}\n"
            "  --reverse takes a run that translates the target language back"
        )


def refuse_other_languages(first: Translator, other: Translator) -> None:
    """Raise FolderError when two runs that are to be compared do not translate between the same languages."""
    one, two = first.runs[0], other.runs[0]
    if (one.info.source_lang, one.info.target_lang) != (two.info.source_lang, two.info.target_lang):
        raise FolderError(
            f"{two.path} cannot stand beside {one.path}: they translate {two.info.source_lang} to "
            f"{two.info.target_lang} and {one.info.source_lang} to {one.info.target_lang}\n"
            "  Compare runs of one direction"
        )


def say(text: str) -> None:
    """Write to stderr, above a bar that may be there."""
    from tqdm import tqdm

    tqdm.write(text, sys.stderr)
