"""`nmt shortlist`: makes a list of the likely target pieces of each source piece, for a faster search."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nmt.cli.command import NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import FOLDER, batch_size_option, checkpoint_option, device_option
from nmt.cli.output import refuse_unwritable
from nmt.cli.tables import tabulate

if TYPE_CHECKING:
    from nmt.data.split import Split
    from nmt.inference.shortlist import Ids


@click.command(cls=NmtCommand)
@click.option("--data", required=True, type=FOLDER, metavar="DIR", help="prepared folder")
@click.option("--out", required=True, type=FOLDER, metavar="FILE", help="file to write, or a run folder to keep it in")
@click.option("--model", metavar="RUN", help="use the attention of this run instead of IBM model 1")
@click.option(
    "--best",
    default=100,
    type=click.IntRange(1),
    metavar="N",
    help="most likely target pieces of each source piece  [default: 100]",
)
@click.option(
    "--frequent",
    default=100,
    type=click.IntRange(0),
    metavar="N",
    help="most frequent target pieces, which are on the list of every sentence  [default: 100]",
)
@click.option(
    "--max-pairs",
    default=100_000,
    type=click.IntRange(1),
    metavar="N",
    help="training pairs to read  [default: 100000]",
)
@batch_size_option
@checkpoint_option
@device_option
@import_option
def command(
    data: Path,
    out: Path,
    model: str | None,
    best: int,
    frequent: int,
    max_pairs: int,
    batch_size: int,
    checkpoint: str,
    device: str,
) -> None:
    """Make a shortlist from a prepared corpus, for `nmt translate --shortlist`.

    A sentence is then translated with only those target pieces that are on the list of its source pieces: the --best
    ones of each, the one with the same spelling, and the most --frequent ones of all. The best pieces have the highest
    lexical translation probability (IBM model 1) or, with --model, most of the attention of a run on the corpus.

    The table shows which share of the tokens of reference translations is on the list of their sentence, and which
    share of the vocabulary is on a list.
    """
    import numpy as np

    from nmt.checkpoint import read_run
    from nmt.data.prepared import PreparedCorpus
    from nmt.inference.shortlist import measure_coverage, refuse_other_pair, shortlist_path
    from nmt.progress import TerminalProgress
    from nmt.translation.aligner import load_aligner
    from nmt.translation.shortlists import build_shortlist

    refuse_unwritable(shortlist_path(out))
    prepared = PreparedCorpus.open(data)
    subwords = prepared.source_subword, prepared.target_subword
    languages = prepared.manifest.source_lang, prepared.manifest.target_lang
    fingerprints = subwords[0].fingerprint, subwords[1].fingerprint
    if (out / "run.json").exists():
        refuse_other_pair(data, languages, fingerprints, read_run(out))

    def pairs(split: "Split", most: int | None = None) -> "Iterator[tuple[Ids, Ids]]":
        rows = np.sort(np.random.default_rng(1).permutation(len(split))[:most])
        return ((split.read_source(row), split.read_target(row)) for row in rows)

    train = prepared.open_split("train")
    progress = TerminalProgress()
    translator = None
    some = pairs(train, max_pairs)
    if model is not None:
        translator = load_aligner(model, checkpoint=checkpoint, device=device, precision="float32")
        refuse_other_pair(data, languages, fingerprints, translator.runs[0])
        some = iter(progress.track(some, f"{model}, forced", min(max_pairs, len(train)), "pairs"))
    size = subwords[1].size
    shortlist = build_shortlist(
        some,
        np.bincount(train.target_ids, minlength=size),
        subwords,
        languages,
        translator=translator,
        best=best,
        frequent=frequent,
        batch_size=batch_size,
        progress=progress,
    )
    shortlist.write(out)

    table = [["split", "target tokens", "on the list", "pieces on a list", f"of {size:,}"]]
    for name in (name for name in prepared.manifest.splits if name != "train"):
        found = measure_coverage(shortlist, pairs(prepared.open_split(name)))
        mean = found.sizes / found.sentences
        table.append(
            [name, f"{found.tokens:,}", f"{found.listed / found.tokens:.2%}", f"{mean:,.0f}", f"{mean / size:.1%}"]
        )
    click.echo(tabulate(table))
