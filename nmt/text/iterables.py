"""Pairs from Python objects: torchtext data sets, old and new, Hugging Face data sets, and any iterable of pairs.

Neither library is imported: their examples are recognised by their attributes and keys.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from nmt.errors import DataError, Option, did_you_mean
from nmt.files import write_atomically
from nmt.text.corpus import Pair, ParallelFiles

NESTED = "translation"  # the column of a Hugging Face data set that holds the sentences by language


class Languages(NamedTuple):
    """The languages of a corpus, by which a pair's sides are found where it names them."""

    source: str
    target: str


def iterate_pairs(items: Iterable[Any], name: str, languages: Languages) -> Iterator[Pair]:
    """A pair for each item. Error messages call the items `name`.

    An item is one of these:

        ("A dog.", "Ein Hund.")                                 a sequence of length two
        {"en": "A dog.", "de": "Ein Hund."}                     a mapping, or a named tuple, by language
        {"translation": {"en": "A dog.", "de": "Ein Hund."}}    a row of a Hugging Face data set
        an object with the attributes `src` and `trg`           an example of a torchtext 0.6 `TranslationDataset`

    A side is a string or a list of tokens; tokens are joined with one blank, because their tokenizer, which could undo
    the split, is not known here. Line ends at the end of a side are dropped.

    Raises DataError for any other item, for a set, whose order has no meaning, and for a line end inside a side.
    """
    refuse_unordered(items, name)
    for number, item in enumerate(items, 1):
        location = f"{name}, item {number:,}"
        source, target = find_sides(item, location, languages)
        yield Pair(to_line(source, location), to_line(target, location))


def refuse_unordered(items: Any, name: str) -> None:
    """Raise DataError for items that iterate over keys, or in an order that changes from run to run."""
    if isinstance(items, Mapping):
        raise DataError(
            f"{name} is a {type(items).__name__} with the keys {list_keys(items)}, not an iterable of pairs\n"
            "  Pass the value that has the pairs; for sentences in columns, zip the two columns"
        )
    if isinstance(items, (set, frozenset)):
        raise DataError(
            f"{name} is a {type(items).__name__}, whose order changes from run to run\n  Pass a list, or sort it"
        )


def find_sides(item: Any, location: str, languages: Languages) -> tuple[Any, Any]:
    """Source and target of an item: by attribute, by language, or by order."""
    if hasattr(item, "src") and hasattr(item, "trg"):
        return item.src, item.trg
    if isinstance(item, Mapping):
        return find_sides_by_language(item, location, languages)
    if {*languages} <= {*getattr(item, "_fields", ())}:  # a named tuple, such as a row of a pandas data frame
        return getattr(item, languages.source), getattr(item, languages.target)
    if isinstance(item, (set, frozenset)):
        raise DataError(
            f"{location} is a {type(item).__name__}, whose order means nothing, so it is unknown which is the source: "
            f"{str(item)[:60]!r}\n  Pass (source, target) instead"
        )
    is_sequence = hasattr(item, "__len__") and hasattr(item, "__getitem__") and not isinstance(item, str)
    if not is_sequence or len(item) != 2:
        raise DataError(f"{location} is not a (source, target) pair: {str(item)[:60]!r}")
    return tuple(item)


def find_sides_by_language(item: Mapping[Any, Any], location: str, languages: Languages) -> tuple[Any, Any]:
    """Source and target of a mapping from languages to sentences, or of one that holds it as "translation"."""
    if languages.source == languages.target:
        raise DataError(
            f"{location} is a {type(item).__name__}, but source and target are both {languages.source}\n"
            "  Pass (source, target) instead"
        )
    nested = item.get(NESTED)
    by_language = nested if isinstance(nested, Mapping) and not {*languages} <= item.keys() else item
    missing = [language for language in languages if language not in by_language]
    if missing:
        keys = [key for key in by_language if isinstance(key, str)]
        raise DataError(
            f"{location} has no {' and no '.join(missing)}: its keys are {list_keys(by_language)}"
            f"{did_you_mean(missing[0], keys)}\n  Keys must be the languages, as ",
            *(Option("source_lang"), " and ", Option("target_lang"), " name them"),
        )
    return by_language[languages.source], by_language[languages.target]


def list_keys(mapping: Mapping[Any, Any]) -> str:
    """The keys of a mapping as part of a message, at most eight of them."""
    keys = [repr(key) for key in list(mapping)[:8]]
    return ", ".join(keys + ["…"] * (len(mapping) > 8)) or "none"


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


def store_pairs(items: Iterable[Any], folder: Path, name: str, languages: Languages) -> ParallelFiles:
    """Write pairs to files in `folder`, so that they can be read several times even if `items` cannot.

    Raises DataError when there are no pairs.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(write_atomically(folder / f"{name}.{side}")) for side in ("source", "target")]
        for pair in iterate_pairs(items, name, languages):
            for file, line in zip(files, pair, strict=True):
                file.write(f"{line}\n")
        if not files[0].tell():
            raise DataError(f"{name} is empty: it has no pairs")
    return ParallelFiles(folder / name, "source", "target")
