"""`nmt prepare` and `nmt.prepare`: from parallel text to a prepared folder.

Reads the text twice: to choose the lines that subwords are trained on, and to encode it. Memory does not grow with it.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.options import given, settings_options
from nmt.config import PrepareSettings, check
from nmt.errors import DataError, FolderError

if TYPE_CHECKING:
    from nmt.data.prepared import Prepared, SplitName
    from nmt.text.corpus import Corpus, Pair
    from nmt.text.subword import Subword

TSV_SUFFIXES = (".tsv", ".tsv.gz", ".tsv.xz", ".tsv.zst")
NEEDED = {"train": ("training", "--tsv"), "valid": ("validation", "--valid-tsv")}
SUBWORD_SETTINGS = {"vocab_size", "subword", "normalize", "character_coverage", "byte_fallback", "symbols"}


@click.command()
@click.option("--source-lang", required=True, metavar="LANG", help="ending of the source files, such as en")
@click.option("--target-lang", required=True, metavar="LANG", help="ending of the target files, such as de")
@click.option("--train", multiple=True, metavar="PREFIX", help="pairs to learn from; repeat for several corpora")
@click.option("--tsv", multiple=True, metavar="FILE", help="the same from two columns with a tab between them")
@click.option(
    "--train-alignments",
    multiple=True,
    metavar="FILE",
    help="word links of training pairs as 0-0 1-2, to guide attention; repeat for each --train, then each --tsv",
)
@click.option("--valid", multiple=True, metavar="PREFIX", help="pairs that choose the best model")
@click.option("--valid-tsv", multiple=True, metavar="FILE", help="the same from two columns")
@click.option("--test", multiple=True, metavar="PREFIX", help="pairs for the final score")
@click.option("--test-tsv", multiple=True, metavar="FILE", help="the same from two columns")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="folder to make")
@click.option("--overwrite", is_flag=True, help="replace a prepared folder; never anything else")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="threads that encode  [default: one a core]")
@settings_options(
    PrepareSettings, flags={"symbols": "--symbol", "keep_duplicates": "--keep-duplicates/--drop-duplicates"}
)
def command(
    source_lang: str,
    target_lang: str,
    train: tuple[str, ...],
    tsv: tuple[str, ...],
    train_alignments: tuple[str, ...],
    valid: tuple[str, ...],
    valid_tsv: tuple[str, ...],
    test: tuple[str, ...],
    test_tsv: tuple[str, ...],
    out: Path,
    overwrite: bool,
    workers: int | None,
    **options: Any,
) -> None:
    """Turn parallel text into a prepared folder.

    PREFIX names two files, PREFIX.SOURCE-LANG and PREFIX.TARGET-LANG, plain or packed (.gz, .xz, .zst). Line n of one
    translates line n of the other. Cleaning looks at training pairs only and says what it left out.

    Line n of --train-alignments links the words of pair n, as any word aligner writes them (Pharaoh format): source
    word, dash, target word, where words are what blanks separate, counted from 0. Training with
    train.guided_weight above 0 learns from them. A possible link, 1p2, counts where its target word has no other.
    """
    from nmt.text.corpus import TsvFile

    prepare(
        [*train, *(TsvFile(Path(file)) for file in tsv)],
        [*valid, *(TsvFile(Path(file)) for file in valid_tsv)],
        out,
        source_lang=source_lang,
        target_lang=target_lang,
        test=[*test, *(TsvFile(Path(file)) for file in test_tsv)],
        train_alignments=train_alignments,
        overwrite=overwrite,
        workers=workers,
        **given(PrepareSettings, options),
    )


def prepare(
    train: Any,
    valid: Any,
    out: Path | str,
    *,
    source_lang: str,
    target_lang: str,
    test: Any = (),
    train_alignments: Sequence[Path | str] = (),
    overwrite: bool = False,
    workers: int | None = None,
    **settings: Any,
) -> "Prepared":
    """Turn parallel text into a prepared folder at `out`, and open it.

    `train`, `valid` and `test` are each a path, a list of paths, a torchtext `TranslationDataset`, or any iterable of
    (source, target) strings. A path is the PREFIX of PREFIX.source_lang and PREFIX.target_lang, plain or packed (.gz,
    .xz, .zst), or a two-column file that ends in .tsv or .tsv.gz and so on. `train_alignments` are files of word links
    in Pharaoh format, one for each that `train` names. `settings` are those of `PrepareSettings`.

    The same text and settings give the same bytes in `out`, whatever `workers` is.

    Raises DataError for text that cannot be used, with every problem that was found; SettingsError; FolderError when
    `out` is occupied. Then nothing on disk has changed.
    """
    from nmt.data.encode import Cleaner, write_split
    from nmt.data.prepared import SIDES, Prepared, model_name, write_manifest
    from nmt.files import replace_folder
    from nmt.text.links import read_links

    began = time.monotonic()
    checked = check(PrepareSettings, settings, "prepare")
    out = Path(out)
    refuse_occupied(out, overwrite)
    alignments = [Path(path) for path in train_alignments]
    inputs = find_inputs({"train": train, "valid": valid, "test": test}, alignments, source_lang, target_lang)
    with replace_folder(out) as folder:
        scratch = folder / "scratch"
        scratch.mkdir()
        corpora = store_iterables(inputs, scratch)
        counts, sample = survey(corpora, alignments, checked)
        say(f"subwords: learning from {len(sample):,} training pairs")
        subwords = train_subwords(sample, source_lang, target_lang, checked)
        del sample
        for side, subword in zip(SIDES, subwords, strict=True):
            (folder / model_name(side, checked.joint)).write_bytes(subword.model_bytes)
        cleaner = Cleaner(checked.max_length, checked.max_ratio, checked.keep_duplicates)
        splits = {}
        for name, found in corpora.items():
            pairs = bar(chain.from_iterable(corpus.read() for corpus in found), f"encoding {name}", counts[name])
            is_train = name == "train"
            links = chain.from_iterable(map(read_links, alignments)) if alignments and is_train else None
            splits[name] = write_split(folder, name, pairs, subwords, cleaner if is_train else None, workers, links)
        dropped = {reason: count for reason, count in cleaner.dropped.items() if count}
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items()) or "nothing"
        if not splits["train"].pairs:
            raise DataError(
                f"no training pair is left of {counts['train']:,}: {left_out}\n  Loosen --max-length or --max-ratio"
            )
        for name, count in counts.items():
            cleaned = f", {splits[name].pairs:,} kept; left out: {left_out}" if name == "train" else ""
            linked = splits[name].links
            say(f"{name}: {count:,} pairs{cleaned}" + ("" if linked is None else f"; {linked:,} links between pieces"))
        shutil.rmtree(scratch)
        write_manifest(
            folder,
            source_lang=source_lang,
            target_lang=target_lang,
            joint=checked.joint,
            splits=splits,
            dropped=dropped,
            settings=checked.model_dump(mode="json"),
        )
    say(f"{out}: prepared in {time.monotonic() - began:.1f} s")
    return Prepared.open(out)


def refuse_occupied(out: Path, overwrite: bool) -> None:
    """Raises FolderError when `out` holds something that must stay."""
    from nmt.data.prepared import foreign_entries
    from nmt.files import recover_folder

    recover_folder(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise FolderError(f"{out} is a file\n  Name another --out")
    foreign = foreign_entries(out)
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise FolderError(
            f"{out} already holds {', '.join(foreign[:3])}{more}\n"
            "  Name another --out; --overwrite replaces nothing but a prepared folder"
        )
    if any(out.iterdir()) and not overwrite:
        raise FolderError(
            f"{out} already holds a prepared corpus\n  Name another --out, or add --overwrite to replace it"
        )


@contextmanager
def all_at_once() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Gather the problems of several attempts: `with all_at_once() as attempt:`, then `with attempt():` for each.

    Raises one DataError that tells of all of them when the outer block ends.
    """
    problems: list[str] = []

    @contextmanager
    def attempt() -> Iterator[None]:
        try:
            yield
        except DataError as error:
            problems.append(str(error))

    yield attempt
    if len(problems) == 1:
        raise DataError(problems[0])
    if problems:
        listed = "".join("\n  " + problem.replace("\n", "\n  ") for problem in problems)
        raise DataError(f"{len(problems)} problems with the text{listed}")


def find_inputs(
    given_text: dict["SplitName", Any], alignments: Sequence[Path], source_lang: str, target_lang: str
) -> dict["SplitName", list[Any]]:
    """What was given for each split, as corpora and iterables of pairs. Raises DataError for each missing file."""
    from nmt.text.corpus import ParallelFiles, TsvFile

    inputs: dict[SplitName, list[Any]] = {}
    with all_at_once() as attempt:
        for name, given_texts in given_text.items():
            inputs[name] = []
            for text in listed(given_texts):
                if isinstance(text, (str, Path)):
                    is_table = str(text).endswith(TSV_SUFFIXES)
                    text = TsvFile(Path(text)) if is_table else ParallelFiles(Path(text), source_lang, target_lang)
                if is_corpus(text):
                    with attempt():
                        text.find()
                inputs[name].append(text)
            if name in NEEDED and not inputs[name]:
                what, table = NEEDED[name]
                with attempt():
                    raise DataError(f"no {what} pairs were named\n  --{name} PREFIX or {table} FILE names them")
        for path in alignments:
            with attempt():
                if not path.is_file():
                    raise DataError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
        if alignments and len(alignments) != len(inputs["train"]):
            with attempt():
                raise DataError(
                    f"{len(alignments)} files of word alignments do not fit {len(inputs['train'])} training corpora\n"
                    "  Repeat --train-alignments FILE for each --train, then for each --tsv, in their order"
                )
    return inputs


def listed(texts: Any) -> list[Any]:
    """What was given for a split: a list of corpora, or one corpus or iterable of pairs as such a list."""
    if isinstance(texts, (list, tuple)) and all(isinstance(text, (str, Path)) or is_corpus(text) for text in texts):
        return list(texts)
    return [texts]


def is_corpus(text: Any) -> bool:
    from nmt.text.corpus import ParallelFiles, TsvFile

    return isinstance(text, (ParallelFiles, TsvFile))


def store_iterables(inputs: dict["SplitName", list[Any]], scratch: Path) -> dict["SplitName", list["Corpus"]]:
    """The splits that have text, as corpora; what is not in a file is written to one, so that it can be read twice."""
    from nmt.text.iterables import store_pairs

    corpora: dict[SplitName, list[Corpus]] = {}
    with all_at_once() as attempt:
        for name, texts in inputs.items():
            for text in texts:
                with attempt():
                    corpus = text if is_corpus(text) else store_pairs(text, scratch, name)
                    corpora.setdefault(name, []).append(corpus)
    return corpora


def survey(
    corpora: dict["SplitName", list["Corpus"]], alignments: Sequence[Path], settings: PrepareSettings
) -> tuple[dict["SplitName", int], list["Pair"]]:
    """One look at all text: how many pairs each split has, and the training pairs that subwords learn from.

    Raises DataError with the problems of every corpus.
    """
    from nmt.text.corpus import sample_pairs
    from nmt.text.links import with_checked_links

    counts: dict[SplitName, int] = dict.fromkeys(corpora, 0)
    sample: list[Pair] = []

    def counted(name: "SplitName") -> Iterator["Pair"]:
        for corpus, links in zip_longest(corpora[name], alignments if name == "train" else ()):
            before = counts[name]
            with attempt():
                for pair in with_checked_links(corpus.read(), links) if links else corpus.read():
                    counts[name] += 1
                    yield pair
                if counts[name] == before:
                    raise DataError(f"{corpus} is empty: it has no line")

    with all_at_once() as attempt:
        for name in corpora:
            pairs = bar(counted(name), f"reading {name}")
            if name == "train":
                sample = sample_pairs(pairs, settings.sample_lines, settings.seed)
            else:
                for _ in pairs:
                    pass
    return counts, sample


def train_subwords(
    sample: list["Pair"], source_lang: str, target_lang: str, settings: PrepareSettings
) -> list["Subword"]:
    """The subword models of source and target, the same one twice when it is joint."""
    from nmt.text.subword import Subword, train_subword

    sides = [[pair.source for pair in sample], [pair.target for pair in sample]]
    names: tuple[str, ...] = (source_lang, target_lang)
    if settings.joint:
        sides, names = [[line for side in sides for line in side]], ("joint",)
    models = []
    with all_at_once() as attempt:
        for name, lines in zip(names, sides, strict=True):
            with attempt():
                models.append(Subword(train_subword(lines, name, **settings.model_dump(include=SUBWORD_SETTINGS))))
    return models * 2 if settings.joint else models


def bar(pairs: Iterable["Pair"], title: str, total: int | None = None) -> Iterable["Pair"]:
    """Pairs with a progress bar, on a terminal."""
    from tqdm import tqdm

    passed: Iterable[Pair] = tqdm(pairs, desc=title, total=total, unit=" pairs", disable=None, leave=False)
    return passed


def say(message: str) -> None:
    print(message, file=sys.stderr)
