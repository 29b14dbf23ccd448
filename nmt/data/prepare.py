"""From parallel text to a prepared folder.

Reads the text twice: to choose the lines that subwords are trained on, and to encode it. Memory does not grow with it.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from nmt.config import PrepareSettings, check
from nmt.data.encode import Cleaner, write_split
from nmt.data.prepared import SIDES, Prepared, SplitName, foreign_entries, model_name, write_manifest
from nmt.errors import DataError, FolderError, Option, indent
from nmt.files import recover_folder, replace_folder
from nmt.progress import Progress, choose_progress
from nmt.text.corpus import Corpus, Pair, ParallelFiles, TsvFile, sample_pairs
from nmt.text.iterables import store_pairs
from nmt.text.links import check_links_of_pairs, read_links
from nmt.text.subword import Subword, train_subword

TSV_SUFFIXES = (".tsv", ".tsv.gz", ".tsv.xz", ".tsv.zst")
NEEDED = {"train": "training", "valid": "validation"}
SUBWORD_SETTINGS = {"vocab_size", "subword", "normalize", "character_coverage", "byte_fallback", "symbols"}


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
    progress: bool | Progress = False,
    **settings: Any,
) -> Prepared:
    """Turn parallel text into a prepared folder at `out`, and open it.

    `train`, `valid` and `test` are each a path, a list of paths, a torchtext `TranslationDataset`, or any iterable of
    (source, target) strings. A path is the PREFIX of PREFIX.source_lang and PREFIX.target_lang, plain or packed (.gz,
    .xz, .zst), or a two-column file that ends in .tsv or .tsv.gz and so on. `train_alignments` are files of word links
    in Pharaoh format, one for each corpus in `train`. `settings` are those of `PrepareSettings`.

    The same text and settings give the same bytes in `out`, whatever `workers` is.

    Raises DataError for text that cannot be used, with every problem that was found; SettingsError; FolderError when
    `out` is occupied. Then nothing on disk has changed. `progress` is True to show progress on standard error.
    """
    reports = choose_progress(progress)
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
        counts, sample = survey(corpora, alignments, checked, reports)
        reports.note(f"subwords: learning from {len(sample):,} training pairs")
        subwords = train_subwords(sample, source_lang, target_lang, checked)
        del sample
        for side, subword in zip(SIDES, subwords, strict=True):
            (folder / model_name(side, checked.joint)).write_bytes(subword.model_bytes)
        cleaner = Cleaner(checked.max_length, checked.max_ratio, checked.keep_duplicates)
        splits = {}
        for name, found in corpora.items():
            read = chain.from_iterable(corpus.read() for corpus in found)
            pairs = reports.track(read, f"encoding {name}", counts[name], "pairs")
            is_train = name == "train"
            links = chain.from_iterable(map(read_links, alignments)) if alignments and is_train else None
            splits[name] = write_split(folder, name, pairs, subwords, cleaner if is_train else None, workers, links)
        dropped = {reason: count for reason, count in cleaner.dropped.items() if count}
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items()) or "nothing"
        if not splits["train"].pairs:
            raise DataError(
                f"no training pair is left of {counts['train']:,}: {left_out}\n  Raise ",
                *(Option("max_length"), " or ", Option("max_ratio")),
            )
        for name, count in counts.items():
            cleaned = f", {splits[name].pairs:,} kept; left out: {left_out}" if name == "train" else ""
            linked = splits[name].links
            between = "" if linked is None else f"; {linked:,} links between pieces"
            reports.note(f"{name}: {count:,} pairs{cleaned}{between}")
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
    reports.note(f"{out}: prepared in {time.monotonic() - began:.1f} s")
    return Prepared.open(out)


def refuse_occupied(out: Path, overwrite: bool) -> None:
    """Raise FolderError when `out` holds something that must stay."""
    recover_folder(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise FolderError(f"{out} is a file\n  Name another ", Option("out"))
    foreign = foreign_entries(out)
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise FolderError(
            f"{out} already holds {', '.join(foreign[:3])}{more}\n  Name another ",
            *(Option("out"), "; ", Option("overwrite", True), " replaces nothing but a prepared folder"),
        )
    if any(out.iterdir()) and not overwrite:
        raise FolderError(
            f"{out} already holds a prepared corpus\n  Name another ",
            *(Option("out"), ", or add ", Option("overwrite", True), " to replace it"),
        )


@contextmanager
def all_at_once() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Gather the problems of several attempts: `with all_at_once() as attempt:`, then `with attempt():` for each.

    Raises one DataError that reports all of them when the outer block ends.
    """
    problems: list[DataError] = []

    @contextmanager
    def attempt() -> Iterator[None]:
        try:
            yield
        except DataError as error:
            problems.append(error)

    yield attempt
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise DataError(f"{len(problems)} problems with the text", *indent(problems))


def find_inputs(
    given_text: dict[SplitName, Any], alignments: Sequence[Path], source_lang: str, target_lang: str
) -> dict[SplitName, list[Any]]:
    """What was given for each split, as corpora and iterables of pairs. Raises DataError for each missing file."""
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
                with attempt():
                    raise DataError(f"there are no {NEEDED[name]} pairs\n  Name them with ", Option(name))
        for path in alignments:
            with attempt():
                if not path.is_file():
                    raise DataError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
        if alignments and len(alignments) != len(inputs["train"]):
            with attempt():
                raise DataError(
                    f"{len(alignments)} files of word alignments, but {len(inputs['train'])} training corpora\n  ",
                    *(Option("train_alignments"), " names one file for each corpus, in the order of the corpora"),
                )
    return inputs


def listed(texts: Any) -> list[Any]:
    """What was given for a split: a list of corpora, or one corpus or iterable of pairs as such a list."""
    if isinstance(texts, (list, tuple)) and all(isinstance(text, (str, Path)) or is_corpus(text) for text in texts):
        return list(texts)
    return [texts]


def is_corpus(text: Any) -> bool:
    return isinstance(text, (ParallelFiles, TsvFile))


def store_iterables(inputs: dict[SplitName, list[Any]], scratch: Path) -> dict[SplitName, list[Corpus]]:
    """The splits that have text, as corpora; what is not in a file is written to one, so that it can be read twice."""
    corpora: dict[SplitName, list[Corpus]] = {}
    with all_at_once() as attempt:
        for name, texts in inputs.items():
            for text in texts:
                with attempt():
                    corpus = text if is_corpus(text) else store_pairs(text, scratch, name)
                    corpora.setdefault(name, []).append(corpus)
    return corpora


def survey(
    corpora: dict[SplitName, list[Corpus]], alignments: Sequence[Path], settings: PrepareSettings, progress: Progress
) -> tuple[dict[SplitName, int], list[Pair]]:
    """One look at all text: how many pairs each split has, and the training pairs that subwords learn from.

    Raises DataError with the problems of every corpus.
    """
    counts: dict[SplitName, int] = dict.fromkeys(corpora, 0)
    sample: list[Pair] = []

    def counted(name: SplitName) -> Iterator[Pair]:
        for corpus, links in zip_longest(corpora[name], alignments if name == "train" else ()):
            before = counts[name]
            with attempt():
                for pair in check_links_of_pairs(corpus.read(), links) if links else corpus.read():
                    counts[name] += 1
                    yield pair
                if counts[name] == before:
                    raise DataError(f"{corpus} is empty: it has no line")

    with all_at_once() as attempt:
        for name in corpora:
            pairs = progress.track(counted(name), f"reading {name}", unit="pairs")
            if name == "train":
                sample = sample_pairs(pairs, settings.sample_lines, settings.seed)
            else:
                for _ in pairs:
                    pass
    return counts, sample


def train_subwords(sample: list[Pair], source_lang: str, target_lang: str, settings: PrepareSettings) -> list[Subword]:
    """The subword models of source and target, the same one twice when it is joint."""
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
