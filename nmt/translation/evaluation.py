"""Translates a test set with several runs and beams, and computes the perplexity of its references."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from nmt.analysis.metrics import MetricScore
from nmt.checkpoint import read_run
from nmt.progress import Progress
from nmt.translation.aligner import force_lines
from nmt.translation.translator import Translator, refuse_other_languages
from nmt.translation.workers import WorkerPool


class Evaluation(NamedTuple):
    """The result of one run, or one ensemble, on a test set with one beam.

    `perplexity` is exp of minus the mean log-probability of the references' tokens, EOS included, without label
    smoothing. `reference_log_probs` has the log-probability and the number of tokens of each line of the first
    reference. `target_lang` is the target language that the run names. nmt.evaluate adds the `scores` of the
    translations.
    """

    name: str
    beam: int
    translations: list[str]
    sentences_per_second: float
    perplexity: float
    reference_log_probs: list[tuple[float, int]]
    target_lang: str
    scores: Sequence[MetricScore] = ()


def evaluate_runs(
    models: Sequence[Sequence[str]],
    sources: Sequence[str],
    references: Sequence[Sequence[str | None]],
    *,
    beams: Sequence[int] = (),
    batch_size: int = 64,
    processes: int = 1,
    threads: int = 1,
    progress: Progress,
    **loading: Any,
) -> Iterator[Evaluation]:
    """Evaluate each ensemble in `models`, a list of runs, with each beam; the default beam is that of its settings.

    None among `references` is a line without that reference.

    `loading` are arguments of Translator.load. With several `processes`, each uses `threads` threads.

    Raises UsageError for runs of different languages, before the first is loaded.
    """
    refuse_other_languages([read_run(Path(path)) for runs in models for path in runs])
    for runs in models:
        name = " + ".join(runs)
        translator = Translator.load(runs, **loading)
        forced = [  # log-probability and tokens of each sentence
            [
                (one.log_prob, len(one.token_log_probs))
                for one in force_lines(translator, sources, [line or "" for line in lines], batch_size, progress)
            ]
            for lines in references
        ]
        counted = [
            pair
            for lines, pairs in zip(references, forced, strict=True)
            for line, pair in zip(lines, pairs, strict=True)
            if line is not None
        ]
        log_prob, tokens = (sum(column) for column in zip(*counted, strict=True))
        perplexity = math.exp(min(-log_prob / tokens, 700))
        in_workers = loading | {"model": runs, "precision": translator.precision}  # one precision for all processes
        pool = WorkerPool(processes, threads, **in_workers) if processes > 1 else nullcontext(translator)
        with pool as translators:
            for beam in beams or (translator.runs[0].settings.search.beam,):
                found = translators.stream(sources, batch_size=batch_size, beam=beam)
                begin = time.perf_counter()
                tracked = progress.track(found, f"{name}, beam {beam}", len(sources), "lines")
                translations = [one.text for [one] in tracked]
                rate = len(sources) / (time.perf_counter() - begin)
                target_lang = translator.runs[0].info.target_lang
                yield Evaluation(name, beam, translations, rate, perplexity, forced[0], target_lang)
