"""From parallel text to a prepared folder.

The text is read twice: first to sample the lines that subword models are trained on, then to encode it. Memory use does
not depend on the size of the corpus.
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from nmt.arguments import check_count, check_language, read_paths
from nmt.data.encode import Cleaner, fold_pair, write_split
from nmt.data.prepared import SIDES, PreparedCorpus, SplitName, find_foreign_entries, name_subword_file, write_manifest
from nmt.data.reuse import describe_unknown, read_subwords
from nmt.data.sides import SideOrder, describe_sample
from nmt.data.word_links import LinkFile, check_link_arguments, find_units_of_links, learn_links, read_link_files
from nmt.errors import DataError, FolderError, Option, UsageError, indent, write_parts
from nmt.files import recover_folder, replace_folder
from nmt.progress import Progress, choose_progress, format_count
from nmt.settings import SUBWORD_SETTINGS, PrepareSettings
from nmt.text.bitext import BilingualFile, find_bitext_form
from nmt.text.compression import SUFFIXES
from nmt.text.corpus import TAG, Pair, ParallelFiles, TaggedCorpus, TsvFile, find_file, sample_pairs
from nmt.text.iterables import Languages, store_pairs
from nmt.text.links import check_links_of_pairs
from nmt.text.subword import Subword, VocabularySizeError, check_symbols, select_fitting, train_subword
from nmt.text.units import AUTO
from nmt.validation import check

Corpus = ParallelFiles | TsvFile | BilingualFile | TaggedCorpus
TSV_SUFFIXES = tuple(f".tsv{suffix}" for suffix in SUFFIXES)
PURPOSES: dict[SplitName, str] = {"train": "training", "valid": "validation", "test": "the test"}


def prepare(
    train: Any,
    valid: Any,
    out: Path | str,
    *,
    source_lang: str,
    target_lang: str,
    test: Any = (),
    train_alignments: Path | str | Sequence[Path | str] = (),
    align: bool = False,
    units: str = AUTO,
    synthetic: Path | str | Sequence[Path | str] = (),
    subwords_from: Path | str | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    progress: bool | Progress = False,
    **settings: Any,
) -> PreparedCorpus:
    """Turn parallel text into a prepared folder at `out`, and open it.

    `train`, `valid` and `test` are each a path, a list of paths, a torchtext `TranslationDataset`, or any iterable of
    pairs: (source, target) or, as rows of Hugging Face data sets, {source_lang: source, target_lang: target} and
    {"translation": {...}}. A path is either the PREFIX of two files, PREFIX.source_lang and PREFIX.target_lang, plain
    or compressed (.gz, .bz2, .xz, .zst), or a file with two columns whose name ends with .tsv, .tsv.gz and so on, or a
    file of translators' tools: .tmx, .xlf, .xliff, .po or .csv, of which the languages are taken.
    `train_alignments` are files of word links in Pharaoh format, one for each corpus in `train`; with `align` links are
    learnt from the training pairs, see nmt.word_alignment.aligner. `units` are what these links are between: "words",
    "characters" or "icu-words"; by default words, and characters where a text has no blanks between words, as in
    nmt.align_texts. `synthetic` are paths of more training pairs, whose
    source a model has translated from the target: it gets the tag `<BT>`.
    `subwords_from` is a run or a prepared folder, whose subword models are used in place of new ones. `workers` is the
    number of threads that encode text, by default one for each core. `settings` are those of `PrepareSettings`. With
    `progress=True`, progress is shown on standard error.

    The same text and settings give the same files in `out`, whatever `workers` is.

    Raises DataError for text that cannot be used, with every problem that was found; SettingsError for wrong settings;
    UsageError for settings that do not fit together, or the models of `subwords_from`; FolderError when `out` already
    holds other files, or `subwords_from` is no such folder. After an error nothing on disk has changed.
    """
    reporter = choose_progress(progress)
    start = time.monotonic()
    if workers is not None:
        check_count("workers", workers)
    check_language("source_lang", source_lang)
    check_language("target_lang", target_lang)
    checked = check(PrepareSettings, settings, "prepare")
    check_symbols(checked.symbols)
    languages = source_lang, target_lang
    reused = None if subwords_from is None else read_subwords(Path(subwords_from), languages, checked)
    if reused:
        checked = checked.model_copy(update=reused.settings)
    if synthetic and TAG not in checked.symbols:
        if reused:
            raise UsageError(
                f"the subword models of {reused.path} have no piece {TAG}, which marks the pairs of ",
                *(Option("synthetic"), "\n  Prepare the first corpus with ", Option("symbols", TAG)),
            )
        checked = checked.model_copy(update={"symbols": (*checked.symbols, TAG)})
    out = Path(out)
    refuse_occupied(out, overwrite)
    alignments = read_paths("train_alignments", train_alignments)
    check_link_arguments(alignments, align, units)
    inputs = find_inputs({"train": train, "valid": valid, "test": test}, alignments, source_lang, target_lang)
    if synthetic:
        more: dict[SplitName, Any] = {"train": synthetic, "valid": valid, "test": test}
        corpora_to_tag = find_inputs(more, [], source_lang, target_lang)["train"]
        if not all(map(is_corpus, corpora_to_tag)):
            raise UsageError(Option("synthetic"), " takes paths of files, and no pairs\n  Write the pairs to a file")
        inputs["train"] += [TaggedCorpus(corpus, TAG) for corpus in corpora_to_tag]
    with replace_folder(out) as folder:
        scratch = folder / "scratch"
        scratch.mkdir()
        corpora = store_iterables(inputs, scratch, Languages(source_lang, target_lang))
        order = SideOrder()
        link_files = find_units_of_links(units, alignments, corpora["train"])
        counts, sample, evaluated = count_and_sample(corpora, link_files, checked, reporter, order)
        for note in (*order.describe(*languages), *describe_sample(sample, *languages)):
            reporter.note(note)
        if reused:
            reporter.note(reused.describe(languages))
            subwords = reused.subwords
        else:
            fitting = select_fitting(sample, checked.max_length)
            reporter.note(f"training subword models on {format_count(len(fitting), 'training pair')}")
            subwords = train_subwords(fitting, source_lang, target_lang, checked, reporter)
        for side, subword in zip(SIDES, subwords, strict=True):
            (folder / name_subword_file(side, checked.joint)).write_bytes(subword.model_bytes)
        if align:
            training = chain.from_iterable(corpus.read() for corpus in corpora["train"])
            link_files = [learn_links(scratch / "links", training, units, sample, reporter)]
        del sample
        cleaner = Cleaner(checked.max_length, checked.max_ratio, checked.keep_duplicates)
        splits = {}
        repeated: set[int] = set()
        for name, found in corpora.items():
            read = chain.from_iterable(corpus.read() for corpus in found)
            pairs = reporter.track(read, f"encoding {name}", counts[name], "pairs")
            is_train = name == "train"
            if is_train:
                pairs = find_repeated(pairs, evaluated, repeated)
            links = read_link_files(link_files) if link_files and is_train else None
            splits[name] = write_split(folder, name, pairs, subwords, cleaner if is_train else None, workers, links)
        dropped = {reason: count for reason, count in cleaner.dropped.items() if count}
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items()) or "none"
        if not splits["train"].pairs:
            raise DataError(
                f"nothing is left of {format_count(counts['train'], 'training pair')}; dropped: {reasons}",
                *cleaner.advise(),
            )
        for name, count in counts.items():
            cleaned = f", {splits[name].pairs:,} kept; dropped: {reasons}" if name == "train" else ""
            lost = cleaner.describe_losses(count) if name == "train" else []
            links_of_pieces = splits[name].links
            linked = "" if links_of_pieces is None else f"; {format_count(links_of_pieces, 'link')} between pieces"
            known = sum(evaluated[name][pair] for pair in repeated) if name in evaluated else 0
            copied = f", {known:,} of which training has too" if known else ""
            if 10 * known > count:
                copied += "\n  Scores on training pairs say little about other text"
            facts = f"{name}: {format_count(count, 'pair')}{cleaned}{linked}{copied}"
            reporter.note(write_parts([facts, *lost], reporter.write_option))
        shutil.rmtree(scratch)
        write_manifest(
            folder,
            source_lang=source_lang,
            target_lang=target_lang,
            joint=checked.joint,
            splits=splits,
            dropped=dropped,
            settings=checked.model_dump(mode="json") if reused is None else reused.record(checked),
        )
    prepared = PreparedCorpus.open(out)
    for text in describe_unknown(prepared) if reused else ():
        reporter.note(text)
    reporter.note(f"{out}: prepared in {time.monotonic() - start:.1f} s")
    return prepared


def refuse_occupied(out: Path, overwrite: bool) -> None:
    """Raise FolderError when `out` holds files that must not be replaced."""
    recover_folder(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise FolderError(f"{out} is a file\n  Name another ", Option("out"))
    foreign = find_foreign_entries(out)
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise FolderError(
            f"{out} already holds {', '.join(foreign[:3])}{more}\n  Name another ",
            *(Option("out"), "; ", Option("overwrite", True), " replaces only prepared folders"),
        )
    if any(out.iterdir()) and not overwrite:
        raise FolderError(
            f"{out} already holds a prepared corpus\n  Name another ",
            *(Option("out"), ", or add ", Option("overwrite", True), " to replace it"),
        )


@contextmanager
def collect_problems() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Collect the errors of several attempts: `with collect_problems() as attempt:`, then `with attempt():` for each.

    When the outer block ends, it raises one DataError with all problems, if there were any.
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
    arguments: dict[SplitName, Any], alignments: Sequence[Path], source_lang: str, target_lang: str
) -> dict[SplitName, list[Any]]:
    """The corpora and iterables of pairs of each split, from the arguments of `prepare`.

    Raises DataError that names every missing file, and files that validation or test have from another split. A corpus
    may be named several times for training, where its pairs then count more.
    """
    inputs: dict[SplitName, list[Any]] = {}
    splits: dict[Path, SplitName] = {}  # by a file of each corpus
    with collect_problems() as attempt:
        for name, argument in arguments.items():
            inputs[name] = []
            for text in as_list(argument):
                if isinstance(text, (str, Path)):
                    text = find_corpus(Path(text), source_lang, target_lang)
                if is_corpus(text):
                    with attempt():
                        file = text.find()[0].resolve()
                        if name != "train" and splits.get(file) in ("train", name):
                            raise DataError(
                                f"{text} is named for {PURPOSES[splits[file]]} and again for {PURPOSES[name]}\n"
                                "  Scores on training pairs, or on pairs that count twice, say little about other text"
                            )
                        splits[file] = name
                inputs[name].append(text)
            if name != "test" and not inputs[name]:
                with attempt():
                    raise DataError(f"there are no {PURPOSES[name]} pairs\n  Name them with ", Option(name))
        for path in alignments:
            with attempt():
                find_file(path)
        if alignments and len(alignments) != len(inputs["train"]):
            with attempt():
                raise DataError(
                    f"{format_count(len(alignments), 'file')} of word alignments and "
                    f"{format_count(len(inputs['train']), 'training text')}\n  ",
                    *(Option("train_alignments"), " names one file for each corpus, in the order of the corpora"),
                )
    return inputs


def find_corpus(path: Path, source_lang: str, target_lang: str) -> Corpus:
    """The corpus of a path, by its suffix."""
    if str(path).lower().endswith(TSV_SUFFIXES):
        return TsvFile(path, (source_lang, target_lang))
    if form := find_bitext_form(path):
        return BilingualFile(path, form, source_lang, target_lang)
    return ParallelFiles(path, source_lang, target_lang)


def as_list(texts: Any) -> list[Any]:
    """The argument for a split as a list: a list of paths or corpora unchanged, anything else as its only item."""
    if isinstance(texts, (list, tuple)) and all(isinstance(text, (str, Path)) or is_corpus(text) for text in texts):
        return list(texts)
    return [texts]


def is_corpus(text: Any) -> bool:
    return isinstance(text, Corpus)


def store_iterables(
    inputs: dict[SplitName, list[Any]], scratch: Path, languages: Languages
) -> dict[SplitName, list[Corpus]]:
    """The corpora of each split that has any. Pairs in memory are written to files, so that they can be read twice."""
    corpora: dict[SplitName, list[Corpus]] = {}
    with collect_problems() as attempt:
        for name, texts in inputs.items():
            for text in texts:
                with attempt():
                    corpus = text if is_corpus(text) else store_pairs(text, scratch, name, languages)
                    corpora.setdefault(name, []).append(corpus)
    return corpora


def count_and_sample(
    corpora: dict[SplitName, list[Corpus]],
    link_files: Sequence[LinkFile],
    settings: PrepareSettings,
    progress: Progress,
    order: SideOrder,
) -> tuple[dict[SplitName, int], list[Pair], dict[SplitName, Counter[int]]]:
    """Read all text once: the number of pairs of each split, a sample of training pairs for the subword models, and how
    often the other splits have each pair, by its hash. `order` compares the sides of the corpora.

    Raises DataError with the problems of every corpus.
    """
    counts: dict[SplitName, int] = dict.fromkeys(corpora, 0)
    sample: list[Pair] = []
    evaluated: dict[SplitName, Counter[int]] = {}

    def count_pairs(name: SplitName) -> Iterator[Pair]:
        for corpus, links in zip_longest(corpora[name], link_files if name == "train" else ()):
            before = counts[name]
            with attempt():
                read = (
                    check_links_of_pairs(corpus.read(), links.path, links.units, progress.note)
                    if links
                    else corpus.read()
                )
                for pair in order.watch(name, corpus, read):
                    counts[name] += 1
                    yield pair
                if counts[name] == before:
                    raise DataError(f"{corpus} is empty: it has no lines")
                file = corpus.corpus if isinstance(corpus, TaggedCorpus) else corpus
                if isinstance(file, BilingualFile):
                    for note in (*file.notes, file.describe()):
                        progress.note(note)

    with collect_problems() as attempt:
        for name in corpora:
            pairs = progress.track(count_pairs(name), f"reading {name}", unit="pairs")
            if name == "train":
                sample = sample_pairs(pairs, settings.sample_lines, settings.seed)
            else:
                evaluated[name] = Counter(hash(fold_pair(pair)) for pair in pairs)
    return counts, sample, evaluated


def find_repeated(
    pairs: Iterable[Pair], evaluated: dict[SplitName, Counter[int]], repeated: set[int]
) -> Iterator[Pair]:
    """The training pairs; the hashes of those that other splits have too are put into `repeated`."""
    known = {number for numbers in evaluated.values() for number in numbers}
    for pair in pairs:
        if (number := hash(fold_pair(pair))) in known:
            repeated.add(number)
        yield pair


def train_subwords(
    sample: Sequence[Pair], source_lang: str, target_lang: str, settings: PrepareSettings, progress: Progress
) -> list[Subword]:
    """The subword models of source and target; with `joint`, both are the same model."""
    sides = [[pair.source for pair in sample], [pair.target for pair in sample]]
    names: tuple[str, ...] = (source_lang, target_lang)
    options: tuple[str, ...] = ("source_vocab_size", "target_vocab_size")
    if settings.joint:
        sides, names, options = [[line for side in sides for line in side]], ("joint",), ("vocab_size",)
    models = []
    with collect_problems() as attempt:
        for name, lines, option in zip(names, sides, options, strict=True):
            with attempt():
                models.append(train_subword_of_side(lines, name, option, settings, progress))
    return models * 2 if settings.joint else models


def train_subword_of_side(
    lines: list[str], name: str, size_option: str, settings: PrepareSettings, progress: Progress
) -> Subword:
    """The subword model of one side. Its size is that of the settings or, without one, one that the text supports."""
    others = settings.model_dump(include=set(SUBWORD_SETTINGS))
    size_in_settings = getattr(settings, size_option) if {"vocab_size", size_option} & settings.model_fields_set else 0

    def train_with_size(size: int) -> Subword:
        return Subword(train_subword(lines, name, vocab_size=size, size_option=size_option, **others))

    if size_in_settings or "vocab_size" in settings.model_fields_set:
        return train_with_size(size_in_settings or settings.vocab_size)
    default = settings.vocab_size
    try:
        return train_with_size(default)
    except VocabularySizeError as error:
        nearest = error.nearest
    if nearest < default:
        fitted, reason = train_with_size(nearest), "the text supports no more"
    else:  # there must be room for longer pieces than single characters
        reason = f"{nearest:,} characters, bytes and symbols each need one"
        try:
            fitted = train_with_size(nearest + default // 2)
        except VocabularySizeError as error:
            fitted = train_with_size(error.nearest)
    progress.note(f"{name}: a vocabulary of {fitted.size:,} pieces, not {default:,}, because {reason}")
    return fitted
