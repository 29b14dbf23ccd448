"""Pairs from Python objects: torchtext data sets, old and new, and any iterable of (source, target) strings.

torchtext is not imported: its examples are recognised by their attributes.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nmt.errors import DataError
from nmt.files import write_atomically
from nmt.text.corpus import Pair, ParallelFiles


def iterate_pairs(items: Iterable[Any], name: str) -> Iterator[Pair]:
    """A pair for each item. Error messages call the items `name`.

    An item is an example of a torchtext 0.6 `TranslationDataset`, with the attributes `src` and `trg`, or a sequence of
    length two. A side is a string or a list of tokens; tokens are joined with one blank, because their tokenizer, which
    could undo the split, is not known here. Line ends at the end of a side are dropped.

    Raises DataError for any other item, and for a line end inside a side.
    """
    for number, item in enumerate(items, 1):
        sides = (item.src, item.trg) if hasattr(item, "src") and hasattr(item, "trg") else item
        if isinstance(sides, str) or not hasattr(sides, "__len__") or len(sides) != 2:
            raise DataError(f"{name}, item {number:,} is not a (source, target) pair: {str(item)[:60]!r}")
        yield Pair(*(to_line(side, f"{name}, item {number:,}") for side in sides))


def to_line(side: Any, location: str) -> str:
    """One side of a pair as a line of text. Error messages call its location `location`."""
    if isinstance(side, (list, tuple)) and all(isinstance(token, str) for token in side):
        side = " ".join(side)
    if not isinstance(side, str):
        raise DataError(f"{location}: a side must be a string or a list of tokens, not {type(side).__name__}")
    line = side.rstrip("\r\n")
    if "\n" in line:
        raise DataError(f"{location} contains a line end: {line[:60]!r}\n  A side must be one line: split or join it")
    try:
        line.encode()
    except UnicodeEncodeError as error:
        problem = f"{error.reason} at character {error.start:,}"
        raise DataError(f"{location} cannot be written as UTF-8: {problem}") from error
    return line


def store_pairs(items: Iterable[Any], folder: Path, name: str) -> ParallelFiles:
    """Write pairs to files in `folder`, so that they can be read several times even if `items` cannot.

    Raises DataError when there are no pairs.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(write_atomically(folder / f"{name}.{side}")) for side in ("source", "target")]
        for pair in iterate_pairs(items, name):
            for file, line in zip(files, pair, strict=True):
                file.write(f"{line}\n")
        if not files[0].tell():
            raise DataError(f"{name} is empty: it has no pairs")
    return ParallelFiles(folder / name, "source", "target")
