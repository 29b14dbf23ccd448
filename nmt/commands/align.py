"""`nmt align`: which source word each target word of given pairs came from, and how well that matches gold.

Joins forced decoding to links, error rates and pictures; how each is made stands in nmt.report.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from nmt.commands.score import read_parallel, tabulate
from nmt.commands.translate import INPUT, OUTPUT, Translator, refuse_unwritable
from nmt.errors import DataError, FolderError, UsageError

if TYPE_CHECKING:
    from nmt.report.alignment import AlignmentScore, Doubts, Gold, Link, Matrix
    from nmt.report.given import GivenPair

DRAWN = 100  # words a side: nobody reads a larger heat map, and drawing it takes minutes
COMBINE = click.Choice(["intersection", "union", "grow-diag", "grow-diag-final-and"])


@click.command()
@click.option("--model", "run", required=True, metavar="RUN", help="run folder")
@click.option("--source", required=True, type=INPUT, metavar="FILE", help="sentences, one a line")
@click.option("--target", required=True, type=INPUT, metavar="FILE", help="their translations")
@click.option("--gold", type=INPUT, metavar="FILE", help="links to compare with: 1-2 is sure, 1p2 possible; or NAACL's")
@click.option(
    "--gold-base", type=click.IntRange(0, 1), metavar="N", help="number of the first word  [default: 0; NAACL's: 1]"
)
@click.option("--reverse", metavar="RUN", help="run of the opposite direction; its links are combined with the first's")
@click.option("--symmetrise", type=COMBINE, help="how to combine them  [default: grow-diag]")
@click.option(
    "--offset",
    type=click.IntRange(0, 1),
    default=0,
    metavar="N",
    help="read attention where a word is predicted (0) or one step later, where it is known (1)  [default: 0]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="X",
    help="link all words with so much attention  [default: the one with most]",
)
@click.option("--probabilities", is_flag=True, help="write links as i-j:0.912, with their share of attention")
@click.option("--table", type=OUTPUT, metavar="FILE", help="error and doubts of each pair, worst first, by tabs")
@click.option("--matrix", type=OUTPUT, metavar="FILE", help="words, links and attention of each pair, as JSON Lines")
@click.option("--plot", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="folder for heat maps")
@click.option("--plot-format", type=click.Choice(["png", "svg", "pdf"]), default="png", help="[default: png]")
@click.option("--limit", type=click.IntRange(1), default=20, metavar="N", help="pairs that --plot draws  [default: 20]")
@click.option("--show", type=click.IntRange(0), default=0, metavar="N", help="pairs to draw in the terminal")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
@click.option("--batch-size", type=click.IntRange(1), default=64, metavar="N", help="pairs at a time  [default: 64]")
@click.option("--checkpoint", default="best", metavar="NAME", help="best, last, update-000500 …  [default: best]")
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 …  [default: auto]")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", help="auto is float32")
def command(
    run: str,
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
    plot: Path | None,
    plot_format: str,
    limit: int,
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
    """
    from nmt.files import write_atomically
    from nmt.report import alignment
    from nmt.report.plots import LEGEND, save_heat_map, terminal_heat_map

    if symmetrise and not reverse:
        raise UsageError("--symmetrise combines two directions: name a run of the opposite one with --reverse")
    if probabilities and reverse:
        raise UsageError("--probabilities are those of one direction: leave out --reverse")
    for path in (table, matrix):
        refuse_unwritable(path)
    sources, targets = read_parallel([source, target])
    golds = read_gold(gold, sources, targets, gold_base) if gold else []
    translator = load(run, checkpoint, device, precision)
    is_seen = form == "text" and sys.stdout.isatty()  # a bar between the links would only disturb
    fronts = force(translator, sources, targets, batch_size, has_bar=not is_seen)
    backs: Iterable[GivenPair | None] = [None] * len(sources)
    if reverse:
        opposite = load(reverse, checkpoint, device, precision)
        refuse_same_direction(translator, opposite)
        backs = force(opposite, targets, sources, batch_size, has_bar=False)
    if plot:
        plot.mkdir(parents=True, exist_ok=True)
    forward: list[list[Link]] = []
    backward: list[list[Link]] = []
    chosen: list[list[Link]] = []
    details: list[dict[str, Any]] = []
    with ExitStack() as stack:
        rows: IO[str] | None = stack.enter_context(write_atomically(matrix)) if matrix else None
        for number, (one, back) in enumerate(zip(fronts, backs, strict=True)):
            weights_JI, doubts = read_attention(one, offset)
            forward.append(alignment.links(weights_JI, threshold))
            if back:
                backward.append(alignment.turn(alignment.links(read_attention(back, offset)[0], threshold)))
            links = alignment.symmetrise(forward[-1], backward[-1], symmetrise or "grow-diag") if back else forward[-1]
            chosen.append(links)
            if form == "text":
                click.echo(alignment.format_pharaoh(links, weights_JI if probabilities else None))
            words = one.source.words, one.target.words
            if table:
                details.append(describe_pair(number, one, links, doubts, golds[number] if gold else None))
            if rows:
                facts = {"source_words": words[0], "target_words": words[1], "links": links}
                weights = {"attention": weights_JI.round(6).tolist()}
                rows.write(json.dumps(facts | weights, ensure_ascii=False) + "\n")
            fits = max(map(len, words)) <= DRAWN
            if not fits and (number < show or (plot and number < limit)):
                say(f"pair {number + 1} is not drawn: it has more than {DRAWN} words on a side")
            if plot and number < limit and fits:
                name = f"pair-{number + 1:0{len(str(limit))}d}.{plot_format}"
                save_heat_map(plot / name, weights_JI, *words, title=f"pair {number + 1}")
            if number < show and fits:
                width = shutil.get_terminal_size().columns
                say(f"\n{terminal_heat_map(weights_JI, *words, width)}\n{LEGEND}\n")
    if table:
        write_table(table, details)
    scores = score_links(forward, backward, golds) if gold else {}
    if form == "json":
        document: dict[str, Any] = {"links": chosen}
        if gold:
            document["scores"] = {name: score._asdict() for name, score in scores.items()}
        click.echo(json.dumps(document))
    elif scores:
        percent = [[name, *(f"{100 * value:.1f}" for value in score)] for name, score in scores.items()]
        say(tabulate([["percent", "AER", "precision", "recall", "F1"], *percent]))


def read_attention(one: "GivenPair", offset: int) -> "tuple[Matrix, Doubts]":
    """Attention between the words of a pair, and what is doubtful in it with that on the end of the source."""
    from nmt.report.alignment import doubts, merge_attention
    from nmt.report.translate import LONGEST

    source, target = one.source.word_of_piece[:LONGEST], one.target.word_of_piece[:LONGEST]
    words = len(one.source.words), len(one.target.words)
    with_end_JS = merge_attention(one.attention_TS, [*source, words[0]], target, words[0] + 1, words[1], offset)
    return merge_attention(one.attention_TS, source, target, *words, offset), doubts(with_end_JS)


def describe_pair(
    number: int, one: "GivenPair", links: "list[Link]", doubts: "Doubts", gold: "Gold | None"
) -> dict[str, Any]:
    """A row of --table by its columns; words that are doubtful stand as number:word, counted from 0."""
    from nmt.report.alignment import alignment_error_rate

    score = alignment_error_rate([links], [gold])._asdict() if gold else {}
    sides = {"unattended": one.source.words, "unsupported": one.target.words}
    named = {
        side: " ".join(f"{index}:{words[index]}" for index in getattr(doubts, side)) for side, words in sides.items()
    }
    return {
        "pair": number + 1,
        **score,
        "log_prob_per_token": one.log_prob / len(one.token_log_probs),
        **doubts._asdict(),
        **named,
        "source": " ".join(one.source.words),
        "target": " ".join(one.target.words),
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
    forward: "list[list[Link]]", backward: "list[list[Link]]", golds: "list[Gold]"
) -> "dict[str, AlignmentScore]":
    """How well the links of one direction match gold, or those of both and of every way to combine them."""
    from nmt.report.alignment import SYMMETRISATIONS, alignment_error_rate, symmetrise

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
    translator: Translator, sources: Sequence[str], targets: Sequence[str], batch_size: int, *, has_bar: bool = True
) -> "Iterator[GivenPair]":
    """Every pair in a run's eyes, with a bar on a terminal, and a word about sides that are not read to their end."""
    from tqdm import tqdm

    from nmt.report.given import force_pairs
    from nmt.report.translate import LONGEST
    from nmt.text.corpus import Pair

    first = translator.runs[0]
    given = force_pairs(
        translator.model,
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
            if len(segmented.ids) > LONGEST:
                say(f"nmt: pair {number:,}: only the first {LONGEST:,} pieces of its {side} are read")
        yield one


def read_gold(path: str, sources: Sequence[str], targets: Sequence[str], base: int | None) -> "list[Gold]":
    """Gold links: one line a pair in Pharaoh format, or one line a link in that of NAACL 2003, told by the first line.

    Raises DataError for another number of lines, for what is no link, and for words that a sentence does not have.
    """
    from nmt.report.alignment import NAACL, parse_gold, parse_naacl
    from nmt.text.corpus import read_lines

    lines = list(read_lines(path))
    is_naacl = NAACL.fullmatch(next(filter(str.strip, lines), "")) is not None
    base = int(is_naacl) if base is None else base
    if not is_naacl and len(lines) != len(sources):
        raise DataError(
            f"{path} has {len(lines):,} lines for {len(sources):,} pairs\n"
            "  Line n holds the links of pair n; a pair without links has an empty line"
        )
    if is_naacl:
        places = [f"{path}, sentence {number:,}" for number in range(1, len(sources) + 1)]
        golds = parse_naacl(lines, len(sources), path, base)
    else:
        places = [f"{path}, line {number:,}" for number in range(1, len(lines) + 1)]
        golds = [parse_gold(line, place, base) for line, place in zip(lines, places, strict=True)]
    for place, gold, source, target in zip(places, golds, sources, targets, strict=True):
        words = len(source.split()), len(target.split())
        for link in sorted(gold.possible):
            if min(link) < 0 or link[0] >= words[0] or link[1] >= words[1]:
                raise DataError(
                    f"{place}: link {link[0] + base}-{link[1] + base} points past {words[0]} and {words[1]} words\n"
                    f"  Words are what blanks separate, and are counted from {base}; "
                    f"--gold-base {1 - base} counts from {1 - base}"
                )
    return golds


def refuse_same_direction(translator: Translator, opposite: Translator) -> None:
    """Raise FolderError when a run does not translate back what the other translates."""
    one, other = translator.runs[0], opposite.runs[0]
    if (one.info.source_lang, one.info.target_lang) != (other.info.target_lang, other.info.source_lang):
        raise FolderError(
            f"{other.path} is not the opposite of {one.path}: they translate {other.info.source_lang} to "
            f"{other.info.target_lang} and {one.info.source_lang} to {one.info.target_lang}\n"
            "  --reverse takes a run that translates the target language back"
        )


def say(text: str) -> None:
    """Write to stderr, above a bar that may be there."""
    from tqdm import tqdm

    tqdm.write(text, sys.stderr)
