"""Distillation, data diversification and back-translation: translate, choose, clean, and prepare the new corpus."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import chain, compress, islice, tee
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from pydantic import TypeAdapter

from nmt.analysis.metrics import make_metrics
from nmt.analysis.tokenizers import AUTO, resolve_tokenizer
from nmt.arguments import check_count, read_paths
from nmt.data.encode import Cleaner, HashSet, hash_pair, split_into_chunks
from nmt.data.prepare import prepare, refuse_occupied
from nmt.data.prepared import MANIFEST, PreparedCorpus, Side
from nmt.data.training_text import read_training
from nmt.distillation.teachers import (
    NAMES,
    Teacher,
    find_narrowest_beam,
    identify,
    list_teachers,
    read_split,
    refuse_misfits,
    refuse_without_effect,
)
from nmt.distillation.work import find_end, find_own_outputs, name_output, note_outputs, open_work, write_line
from nmt.errors import DataError, FolderError, Option, UsageError
from nmt.files import hash_file, open_named, write_atomically
from nmt.loaded_run import load_run
from nmt.metadata import make_damage_error
from nmt.progress import Progress, choose_progress, format_count
from nmt.text.corpus import TAG, Pair
from nmt.translation.places import choose_translation_device, choose_translation_precision
from nmt.translation.result import Translation
from nmt.translation.translator import Translator
from nmt.translation.workers import WorkerPool

NOT_DECODED = "\ufffd"
Closest = Literal["none", "bleu", "chrf"]
# what to do where nothing is left, by the reason why most pairs were dropped
ADVICE: Mapping[str, tuple[str | Option, ...]] = {
    "cut off": ("Train longer, or allow longer translations with ", Option("max_length_ratio")),
    "not decoded": ("Train longer",),
    "duplicate": ("Translations that differ more: ", Option("sample", True), ", or a larger ", Option("n_best")),
    "length ratio": ("Raise ", Option("max_ratio")),
}
STORED = TypeAdapter(list[str | None])  # the translations of a line in a work folder; None for one that is cut off
Select = Callable[[Sequence[Translation], str | None], list[str | None]]


def distill(
    data: Path | str,
    out: Path | str,
    model: Path | str | Sequence[Path | str] = (),
    *,
    backward: Path | str | Sequence[Path | str] = (),
    each: bool = False,
    source_text: Path | str | Sequence[Path | str] = (),
    target_text: Path | str | Sequence[Path | str] = (),
    tag: bool = True,
    n_best: int | None = None,
    closest: Closest = "none",
    original: int = 1,
    max_ratio: float | None = None,
    pairs: Path | str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    batch_size: int = 64,
    checkpoint: str = "best",
    device: str = "auto",
    precision: str = "auto",
    processes: int = 1,
    threads: int = 1,
    progress: bool | Progress = False,
    **search: Any,
) -> PreparedCorpus:
    """Translate the training text of the prepared folder `data` with trained runs, and prepare what comes of it.

    The runs `model` translate the sources, and those of `backward`, which are of the opposite direction, the targets.
    Several are an ensemble, which one run can be trained on (Kim and Rush 2016, arXiv:1606.07947, section 3.2). With
    `each` every run translates alone, so that the corpus becomes several times as large (data diversification: Nguyen
    et al. 2020, arXiv:1911.01986, algorithm 1). `source_text` and `target_text` are files that are translated in place
    of the sources and targets of `data`; sources that come from `target_text` begin with the tag `<BT>` (Caswell et al.
    2019, arXiv:1906.06442), unless `tag` is False. Pairs of `data` with this tag are kept, and not translated.

    `n_best` translations of each line are kept, or of them the one that is `closest` to the other side of its pair by
    sentence-level BLEU or chrF (Kim and Rush, section 3.3), or of a text the best one; then `n_best` is by default the
    beam, or the smallest of all runs. `search` are settings of search, such as sample=True. Pairs of a translation
    without its end, too long for `data`, with more than `max_ratio` times as many pieces on one side (by default that
    of `data`), or that were there before, are dropped.

    The new folder `out` has the validation, the test and the subwords of `data`, whose training pairs it has `original`
    times, and the new pairs. `pairs` is a prefix of two files of text for the new ones alone. Translations are kept in
    OUT.part until all is done, and `resume` goes on with those that are there. Several `processes` translate with
    `threads` threads each. With `progress=True`, progress is shown on standard error.

    Raises UsageError for runs that do not fit the languages of `data` and for options without effect; FolderError when
    there is something in the way at `out`, `pairs` or OUT.part; DataError when no new pair is left; what
    Translator.stream raises.
    """
    for option, number in (("batch_size", batch_size), ("processes", processes), ("threads", threads)):
        check_count(option, number)
    check_count("original", original, 0)
    out, reporter = Path(out), choose_progress(progress)
    prepared = PreparedCorpus.open(data)
    manifest = prepared.manifest
    source_text, target_text = read_paths("source_text", source_text), read_paths("target_text", target_text)
    groups = [list(map(str, read_paths(name, runs))) for name, runs in (("model", model), ("backward", backward))]
    teachers = list_teachers(prepared, groups, (source_text, target_text), each)
    loaded = [[load_run(run, checkpoint) for run in runs] for runs in groups]
    refuse_misfits(prepared, loaded, each)
    refuse_without_effect(teachers, each, n_best, closest)
    beam = find_narrowest_beam([*loaded[0], *loaded[1]], n_best or 1, search)
    if closest != "none" and n_best is None and beam == 1:
        raise UsageError(
            Option("closest"),
            *(" has nothing to choose from with a beam of 1\n  Raise ", Option("beam"), ", or give "),
            *(Option("n_best"), " and ", Option("sample", True)),
        )
    streaming = {"batch_size": batch_size, "n_best": n_best or (1 if closest == "none" else beam), **search}
    if tag and target_text and TAG not in prepared.source_subword.symbols:
        raise UsageError(
            f"the subword models of {prepared.path} have no piece {TAG}, which marks the pairs of ",
            *(Option("target_text"), "\n  Prepare the corpus with ", Option("symbols", TAG), ", or add "),
            Option("tag", False),
        )
    own = find_own_outputs(out) if resume else set()  # if the program was killed at its very end
    is_ours = name_output(out) in own
    refuse_occupied(out, overwrite or is_ours)
    if out.exists() and out.samefile(prepared.path):
        raise FolderError(f"{out} is the corpus to translate\n  Name another ", Option("out"))
    new_files = list_new_files(pairs, prepared, own)
    facts: dict[str, Any] = {"data": hash_file(prepared.path / MANIFEST), "each": each}
    facts |= {name: list(map(identify, runs)) for name, runs in zip(NAMES, loaded, strict=True)}
    facts |= {"source_text": list(map(hash_file, source_text)), "target_text": list(map(hash_file, target_text))}
    facts |= {"n_best": n_best, "closest": closest, **search}
    precision = choose_translation_precision(precision, choose_translation_device(device))  # one for all processes
    loading: dict[str, Any] = {"checkpoint": checkpoint, "device": device, "precision": precision}
    own_limits: dict[str, Any] = {name: manifest.settings[name] for name in ("max_length", "max_ratio")}
    limits = own_limits | ({"max_ratio": max_ratio} if max_ratio is not None else {})
    totals = [teacher.count(prepared) for teacher in teachers]  # which finds text that cannot be read
    for teacher, total in zip(teachers, totals, strict=True):
        if not total:
            raise DataError(f"{teacher.text or prepared.path} has no lines to translate")
    with open_work(out, facts, resume) as work, ExitStack() as stack:
        made = [(teacher, work / f"{number}.jsonl") for number, teacher in enumerate(teachers, 1)]
        for (teacher, path), total in zip(made, totals, strict=True):
            select = build_selection(closest, prepared, "source" if teacher.is_backward else "target")

            def load(runs: tuple[str, ...] = tuple(teacher.runs)) -> AbstractContextManager[Translator | WorkerPool]:
                if processes > 1:
                    return WorkerPool(processes, threads, model=runs, **loading)
                return nullcontext(Translator.load(runs, **loading))

            translate_rest(teacher, path, prepared, total, load, select, streaming, reporter)
        note_outputs(work, [out, *new_files])
        written = [stack.enter_context(write_atomically(path)) for path in new_files]
        new = collect_new_pairs(made, prepared, tag, original > 0, limits, threads, reporter)
        result = prepare(
            chain(*(read_training(prepared) for _ in range(original)), copy_text(new, written)),
            list(read_split(prepared, "valid")),
            out,
            source_lang=manifest.source_lang,
            target_lang=manifest.target_lang,
            test=list(read_split(prepared, "test")) if "test" in manifest.splits else (),
            subwords_from=prepared.path,
            overwrite=overwrite or is_ours,
            progress=reporter,
            **own_limits | {"max_ratio": max(limits["max_ratio"], own_limits["max_ratio"])},
        )
    if manifest.splits["train"].links is not None:
        reporter.note(f"the word links of {prepared.path} are left out: they cannot guide attention here")
    return result


def list_new_files(prefix: Path | str | None, prepared: PreparedCorpus, own: Container[str]) -> list[Path]:
    """The two files of text at a prefix, if there is one. Raises FolderError where they cannot be written.

    They must be new files, or `own`: those of an earlier command, by `name_output`.
    """
    if prefix is None:
        return []
    languages = prepared.manifest.source_lang, prepared.manifest.target_lang
    paths = [Path(f"{prefix}.{language}") for language in languages]
    for path in paths:
        if (path.exists() and name_output(path) not in own) or not path.parent.is_dir():
            what = "exists already" if path.exists() else f"cannot be written: there is no folder {path.parent}"
            raise FolderError(f"{path} {what}\n  Name another ", Option("pairs"))
    return paths


def translate_rest(
    teacher: Teacher,
    path: Path,
    prepared: PreparedCorpus,
    total: int,
    load: Callable[[], AbstractContextManager[Translator | WorkerPool]],
    select: Select,
    streaming: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Translate those of a teacher's `total` lines that are not in its file yet. `load` loads its runs."""
    done, size = find_end(path)
    if done == total:
        return
    ahead, pairs = tee(islice(teacher.read(prepared), done, None))
    with load() as translator, open_named(path, "ab") as file:
        file.truncate(size)
        found = translator.stream((line for line, _ in ahead), first=done + 1, **streaming)
        tracked = progress.track(found, f"translating with {teacher}", total - done, "lines")
        for translations, (_, reference) in zip(tracked, pairs, strict=True):
            write_line(file, select(translations, reference))


def build_selection(closest: Closest, prepared: PreparedCorpus, side: Side) -> Select:
    """A function that selects from the translations of a line: all, or the one that is closest to a reference.

    `side` is that of the translations. In place of a translation that is cut off there is None.
    """
    scorer: Any = None
    if closest != "none":
        language = getattr(prepared.manifest, f"{side}_lang")
        tokenizer = resolve_tokenizer(AUTO, language, [prepared.read_raw_lines("valid", side)])
        scorer = make_metrics([closest], tokenizer, lowercase=False, for_sentences=True)[closest]

    def select(translations: Sequence[Translation], reference: str | None) -> list[str | None]:
        texts = [one.text if one.is_finished and one.is_whole else None for one in translations]
        finished = [text for text in texts if text is not None]
        if scorer is None:
            return texts
        if not finished:
            return [None]  # of which one would have been kept
        if reference is None:  # of a text; nothing is closest, so the best one
            return list(finished[:1])
        return [max(finished, key=lambda text: scorer.sentence_score(text, [reference]).score)]

    return select


def collect_new_pairs(
    made: Sequence[tuple[Teacher, Path]],
    prepared: PreparedCorpus,
    tag: bool,
    with_original: bool,
    limits: Mapping[str, Any],
    threads: int,
    progress: Progress,
) -> Iterator[Pair]:
    """The pairs of all teachers that are worth keeping. Notes how many each has, and why others are dropped.

    Raises DataError when none is left.
    """
    seen, total, dropped = HashSet(), 0, Counter[str]()
    for chunk in split_into_chunks(read_training(prepared)) if with_original else ():
        seen.add(np.array([hash_pair(pair) for pair in chunk], np.uint64))
    subwords = prepared.source_subword, prepared.target_subword
    for teacher, path in made:
        cleaner = Cleaner(**limits, keep_duplicates=False)
        cleaner.seen = seen
        mark = f"{TAG} " if tag and teacher.is_backward and teacher.text else ""
        kept = 0
        for chunk in split_into_chunks(read_translated(teacher, path, prepared, cleaner)):
            lengths = [
                np.array([len(ids) for ids in subword.encode_lines(list(lines), threads)], np.int64)
                for subword, lines in zip(subwords, zip(*chunk, strict=True), strict=True)
            ]
            for pair in compress(chunk, cleaner.keep(chunk, *lengths)):
                kept += 1
                yield Pair(f"{mark}{pair.source}", pair.target)
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in cleaner.dropped.items() if count) or "none"
        progress.note(f"{teacher}: {format_count(kept, 'new pair')}; dropped: {reasons}")
        total += kept
        dropped.update(cleaner.dropped)
    if not total:
        [(reason, _)] = dropped.most_common(1)
        raise DataError(
            "no new pair is left of all translations\n  ",
            *ADVICE.get(reason, (f"Most were dropped for this reason: {reason}",)),
            f"\n  The translations are in {made[0][1].parent}: remove it before the next try",
        )


def read_translated(teacher: Teacher, path: Path, prepared: PreparedCorpus, cleaner: Cleaner) -> Iterator[Pair]:
    """The pairs of a teacher's lines and translations. The cleaner counts those that are cut off, or have U+FFFD:
    teachers generate bytes, and those of bad ones need not be characters.

    Raises DamageError for a file that has changed.
    """
    with open(path, encoding="utf-8") as file:
        for number, ((line, _), stored) in enumerate(zip(teacher.read(prepared), file, strict=True), 1):
            try:
                texts = STORED.validate_json(stored)
            except ValueError as error:
                why = f"line {number:,} is not a list of texts"
                raise make_damage_error(path, why, [f"Remove {path.parent}, and begin again"]) from error
            cleaner.dropped["cut off"] += texts.count(None)
            whole = [text for text in texts if text is not None]
            decoded = [text for text in whole if NOT_DECODED not in text or NOT_DECODED in line]
            cleaner.dropped["not decoded"] += len(whole) - len(decoded)
            yield from (teacher.pair(line, text) for text in decoded)


def copy_text(pairs: Iterable[Pair], files: Sequence[IO[str]]) -> Iterator[Pair]:
    """The pairs, while they are written to two files, if there are any."""
    for pair in pairs:
        for file, line in zip(files, pair, strict=False):
            file.write(f"{line}\n")
        yield pair
