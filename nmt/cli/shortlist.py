"""`nmt shortlist`: which target pieces go with which source pieces of a corpus, so that translating scores few.

Joins a prepared folder, or a run that reads it, to the lists; how they are counted stands in nmt.inference.shortlist.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nmt.cli.align import load
from nmt.cli.score import tabulate
from nmt.cli.translate import Translator, refuse_unwritable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from nmt.inference.shortlist import Ids, PairWeights
    from nmt.text.subword import Subword

MIN_LINK_WEIGHT = 0.01  # attention below this links nothing
ROUNDS = 5  # of expectation and maximisation
FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--data", required=True, type=FOLDER, metavar="DIR", help="prepared folder")
@click.option("--out", required=True, type=FOLDER, metavar="FILE", help="where it goes; or a run folder, to be with it")
@click.option("--model", "run", metavar="RUN", help="let this run's attention link pieces, instead of co-occurrence")
@click.option(
    "--best", default=100, type=click.IntRange(1), metavar="N", help="target pieces of a source piece  [default: 100]"
)
@click.option(
    "--frequent", default=100, type=click.IntRange(0), metavar="N", help="pieces that all lists have  [default: 100]"
)
@click.option(
    "--max-pairs",
    default=100_000,
    type=click.IntRange(1),
    metavar="N",
    help="training pairs that are read  [default: 100000]",
)
@click.option(
    "--batch-size", type=click.IntRange(1), default=64, metavar="N", help="sentences at a time  [default: 64]"
)
@click.option("--checkpoint", default="best", metavar="NAME", help="best, last, update-000500 …  [default: best]")
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 …  [default: auto]")
def command(
    data: Path,
    out: Path,
    run: str | None,
    best: int,
    frequent: int,
    max_pairs: int,
    batch_size: int,
    checkpoint: str,
    device: str,
) -> None:
    """Make a shortlist from a prepared corpus, for `nmt translate --shortlist`.

    A sentence is then translated with those target pieces only that go with its source pieces: the --best ones of
    each, one that is spelt the same, and the most --frequent ones of all. What goes together is told by lexical
    translation (IBM model 1) or, with --model, by the attention of a run that reads the corpus.

    The table says how many tokens of the reference translations are on their sentence's list, with what share of the
    vocabulary on it.
    """
    import numpy as np
    import torch
    from tqdm import tqdm

    from nmt.data.prepared import Prepared, Split
    from nmt.inference.shortlist import (
        Shortlist,
        best_of_each,
        coverage,
        most_frequent,
        refuse_other_subwords,
        shortlist_path,
        sum_weights,
        train_ibm_model_1,
    )

    refuse_unwritable(shortlist_path(out))
    prepared = Prepared.open(data)
    source, target = prepared.source_subword, prepared.target_subword
    fingerprints = source.fingerprint, target.fingerprint

    def pairs(split: Split, most: int | None = None) -> "Iterator[tuple[Ids, Ids]]":
        rows = np.sort(np.random.default_rng(1).permutation(len(split))[:most])
        return ((split.source(row), split.target(row)) for row in rows)

    train = prepared.split("train")
    if run is None:
        rounds = tqdm(range(ROUNDS), "counting", disable=None, leave=False)
        weighted = train_ibm_model_1(pairs(train, max_pairs), source.size, target.size, rounds)
    else:
        translator = load(run, checkpoint, device, "float32")
        first = translator.runs[0]
        own = first.source_subword.fingerprint, first.target_subword.fingerprint
        refuse_other_subwords(data, fingerprints, first.path, own)
        total = min(max_pairs, len(train))
        bar = tqdm(pairs(train, max_pairs), f"{run}, given", total, unit=" pairs", disable=None, leave=False)
        weighted = sum_weights(attention_weights(translator, bar, batch_size), target.size)
    table_WK = torch.cat([best_of_each(weighted, source.size, best), same_spelling(source, target)[:, None]], 1)
    counts_V = np.bincount(train.target_ids, minlength=target.size)
    shortlist = Shortlist(table_WK, most_frequent(counts_V, frequent), target.size, fingerprints)
    shortlist.write(out)

    table = [["split", "target tokens", "on the list", "pieces on a list", f"of {target.size:,}"]]
    for name in (name for name in prepared.manifest.splits if name != "train"):
        found = coverage(shortlist, pairs(prepared.split(name)))
        size = found.sizes / found.sentences
        table.append(
            [name, f"{found.said:,}", f"{found.listed / found.said:.2%}", f"{size:,.0f}", f"{size / target.size:.1%}"]
        )
    click.echo(tabulate(table))


def same_spelling(source: "Subword", target: "Subword") -> "Tensor":
    """For each source piece the target piece of the same spelling, so that names and figures can be copied.

    EOS where there is none, as for PAD, UNK and BOS. -> ids_W
    """
    import torch

    from nmt.ids import EOS

    ids = {piece: index for index, piece in enumerate(target.pieces(range(target.size))) if index > EOS}
    return torch.tensor([ids.get(piece, EOS) for piece in source.pieces(range(source.size))])


def attention_weights(
    translator: Translator, pairs: "Iterator[tuple[Ids, Ids]]", batch_size: int
) -> "Iterator[PairWeights]":
    """How much attention each source piece got from each target piece, some pairs at a time; EOS is no target piece."""
    from itertools import islice

    import numpy as np

    from nmt.ids import EOS
    from nmt.inference.shortlist import PairWeights
    from nmt.search.forced import Forced, force
    from nmt.translation.pipeline import WINDOW_BATCHES, pad_ids, plan_batches, run_in_halves

    def force_batch(some: "Sequence[tuple[list[int], list[int]]]") -> list[Forced]:
        sides = [pad_ids(side) for side in zip(*some, strict=True)]
        return force(translator.model, *(tensor.to(translator.device) for side in sides for tensor in side))

    while window := [
        ([*source.tolist(), EOS], [*target.tolist(), EOS])
        for source, target in islice(pairs, WINDOW_BATCHES * batch_size)
    ]:
        columns: list[tuple[NDArray[np.int64], ...]] = []
        for rows in plan_batches([max(map(len, pair)) for pair in window], batch_size):
            some = [window[row] for row in rows]
            for (source, target), forced in zip(some, run_in_halves(force_batch, some), strict=True):
                weights_TS = forced.attention_TS[:-1].numpy()
                positions = np.nonzero(weights_TS >= MIN_LINK_WEIGHT)
                columns.append((np.array(source)[positions[1]], np.array(target)[positions[0]], weights_TS[positions]))
        yield PairWeights(*(np.concatenate(column) for column in zip(*columns, strict=True)))
