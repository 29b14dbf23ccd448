"""Pairs from Python objects: torchtext data sets, old and new, and any iterable of (source, target) strings.

torchtext itself is not imported: its examples are told by their attributes.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nmt.errors import DataError
from nmt.files import write_atomically
from nmt.text.corpus import Pair, ParallelFiles


def iterate_pairs(items: Iterable[Any], name: str) -> Iterator[Pair]:
    """The pair in each item, which messages call `name`.

    An item is an example of a torchtext 0.6 `TranslationDataset`, with `src` and `trg`, or a sequence of two. Either
    side is a string or a list of tokens; tokens are joined with one blank, because the tokenizer that split them is
    not at hand to undo it. Line ends at the end of a side are dropped.

    Raises DataError for an item that is neither, or with a line end inside.
    """
    for number, item in enumerate(items, 1):
        sides = (item.src, item.trg) if hasattr(item, "src") and hasattr(item, "trg") else item
        if isinstance(sides, str) or not hasattr(sides, "__len__") or len(sides) != 2:
            raise DataError(f"{name}, item {number:,} is not a (source, target) pair: {str(item)[:60]!r}")
        yield Pair(*(one_line(side, f"{name}, item {number:,}") for side in sides))


def one_line(side: Any, place: str) -> str:
    """A side as the line it would be in a file."""
    if isinstance(side, (list, tuple)) and all(isinstance(token, str) for token in side):
        side = " ".join(side)
    if not isinstance(side, str):
        raise DataError(f"{place}: a side must be a string or a list of tokens, not {type(side).__name__}")
    line = side.rstrip("\r\n")
    if "\n" in line:
        raise DataError(f"{place} has a line end inside: {line[:60]!r}\n  One item is one line; split or join it first")
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{place} cannot be written as UTF-8: {error.reason} at character {error.start:,}") from error
    return line


def store_pairs(items: Iterable[Any], folder: Path, name: str) -> ParallelFiles:
    """Pairs written to files in `folder`, so that they can be read again even if `items` cannot.

    Raises DataError when there is none.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(write_atomically(folder / f"{name}.{side}")) for side in ("source", "target")]
        for pair in iterate_pairs(items, name):
            for file, line in zip(files, pair, strict=True):
                file.write(f"{line}\n")
        if not files[0].tell():
            raise DataError(f"{name} is empty: there is no pair")
    return ParallelFiles(folder / name, "source", "target")
