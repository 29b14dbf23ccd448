"""Word links of training pairs, which guide attention: in a file, or learnt by the statistical aligner."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, repeat
from pathlib import Path
from typing import NamedTuple

from nmt.analysis.alignment import format_pharaoh
from nmt.errors import DataError, Option, UsageError
from nmt.files import write_atomically
from nmt.progress import Progress
from nmt.text.corpus import FileCorpus, Pair
from nmt.text.links import Link, read_links
from nmt.text.units import AUTO, BOTH_WORDS, JUDGED_LINES, UnitPair
from nmt.word_alignment.aligner import link_pairs
from nmt.word_alignment.api import choose_units_of_texts


class LinkFile(NamedTuple):
    """A file with the links of a corpus, and the units that they are between."""

    path: Path
    units: UnitPair


def check_link_arguments(alignments: Sequence[Path], align: bool, units: str) -> None:
    """Raise UsageError for links that are given and to be learnt, and for `units` that are none or have no effect."""
    if align and alignments:
        conflict = Option("align", True), " makes the links that ", Option("train_alignments"), " names"
        raise UsageError(*conflict, "\n  Leave one of them out")
    choose_units_of_texts(units, [], [])
    if units != AUTO and not (align or alignments):
        needed = Option("train_alignments"), " or ", Option("align", True)
        raise UsageError(Option("units", units), " has no effect without ", *needed, "\n  Add one, or leave it out")


def choose_units_of_pairs(name: str, pairs: Iterable[Pair]) -> UnitPair:
    """The units that links are between, by their name or, for "auto", as `nmt align` chooses them for these pairs."""
    judged = list(islice(pairs, JUDGED_LINES))
    return choose_units_of_texts(name, [pair.source for pair in judged], [pair.target for pair in judged])


def find_units_of_links(name: str, paths: Sequence[Path], corpora: Sequence[FileCorpus]) -> list[LinkFile]:
    """The files of links of the first corpora, with the units that `choose_units_of_pairs` chooses for each corpus.

    For a corpus that cannot be read they are words: the reading that counts its pairs tells why it cannot.
    """
    found = []
    for path, corpus in zip(paths, corpora, strict=False):
        units = BOTH_WORDS
        with suppress(DataError):
            units = choose_units_of_pairs(name, corpus.read())
        found.append(LinkFile(path, units))
    return found


def learn_links(path: Path, pairs: Iterable[Pair], name: str, sample: Iterable[Pair], progress: Progress) -> LinkFile:
    """Learn links from pairs, and write them to a file, a line for each pair. The units are those of a sample."""
    units = choose_units_of_pairs(name, sample)
    with write_atomically(path) as file:
        for linked in link_pairs(pairs, units, "grow-diag-final-and", progress):
            file.write(f"{format_pharaoh(linked.links)}\n")
    return LinkFile(path, units)


def read_link_files(files: Iterable[LinkFile]) -> Iterator[tuple[list[Link], UnitPair]]:
    """The links of each pair, with their units; without end, because synthetic pairs follow, which have no links."""
    for file in files:
        yield from zip(read_links(file.path), repeat(file.units))
    yield from repeat(([], BOTH_WORDS))
