"""Chooses search settings on a text with references: the beam, length normalization, and the coverage penalty.

`nmt.tune` of the public API.
"""

# N hypotheses of all lines   S source positions

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.analysis.label_metrics import LABEL_METRICS
from nmt.analysis.metrics import (
    MetricScore,
    check_columns,
    drop_missing_references,
    is_text,
    make_metrics,
    refuse_long_lines,
    score_corpus,
)
from nmt.analysis.tokenizers import resolve_tokenizer
from nmt.arguments import check_count, check_flag, read_several, read_texts
from nmt.checkpoint import Run, read_run
from nmt.data.prepared import MANIFEST, SIDES, PreparedCorpus
from nmt.errors import Option, UsageError
from nmt.files import hash_file, lock_exclusively, write_atomically
from nmt.progress import Progress, choose_progress
from nmt.scoring import list_references
from nmt.search.hypothesis import Normalization, coverage_penalty, length_penalty
from nmt.settings import SearchSettings, to_toml
from nmt.translation.result import Translation
from nmt.translation.translator import Translator, list_runs
from nmt.translation.workers import WorkerPool
from nmt.validation import check

BEAMS = (1, 2, 5, 10)
ALPHAS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
BETAS = (0.1, 0.2, 0.4)
LOWER_IS_BETTER = {"ter"}
# what the search is without, so that its hypotheses do not depend on how they are scored
PLAIN: dict[str, Any] = {"normalization": "none", "beta": 0.0, "split_long": False, "keep_symbols": False}


class Trial(NamedTuple):
    """Search settings, and the score of the translations with them. `alpha` is None where it has no effect."""

    beam: int
    normalization: Normalization
    alpha: float | None
    beta: float
    score: float

    @property
    def settings(self) -> dict[str, Any]:
        """The search settings by name."""
        values = {"beam": self.beam, "normalization": self.normalization, "alpha": self.alpha, "beta": self.beta}
        return {name: value for name, value in values.items() if value is not None}


class Tuning(NamedTuple):
    """All trials, the best one, and that with the present settings of the run. `changes` are the settings of the best
    one that differ from the present ones, before and after. `metric` and `signature` are those of the scores.
    """

    trials: list[Trial]
    best: Trial
    present: Trial
    changes: dict[str, tuple[Any, Any]]
    metric: str
    signature: str
    lines: int


def tune(
    model: Path | str | Sequence[Path | str],
    source: Sequence[str] | None = None,
    references: Sequence[str | None] | Sequence[Sequence[str | None]] | None = None,
    *,
    metric: str | None = None,
    tokenize: str | None = None,
    beams: Sequence[int] = BEAMS,
    alphas: Sequence[float] = ALPHAS,
    betas: Sequence[float] = BETAS,
    write: bool = False,
    batch_size: int = 64,
    checkpoint: str = "best",
    device: str = "auto",
    precision: str = "auto",
    shortlist: Path | str | None = None,
    processes: int = 1,
    threads: int = 1,
    progress: bool | Progress = False,
) -> Tuning:
    """Try search settings of a run, or of several as an ensemble, and score the translations of a text.

    The text is by default the validation set of the run's corpus; `metric` is that of the run's validation, and
    `tokenize` its tokenizer for BLEU. Every beam is tried with every length normalization: none, average, and wu with
    each of `alphas`. The best normalization is then tried with a coverage penalty of each of `betas`. The present
    settings of the run are among the trials.

    There is one search for each beam, which keeps every hypothesis that ends. Which hypotheses a beam finds depends on
    log-probabilities alone; a search with other scores would find some of them and stop, once no other can be better.
    So each trial has the translations that Translator has with its settings, without split_long and keep_symbols.

    With `write`, the settings of the best trial become those of the run, which translation and later validations use.

    Raises UsageError for a run that does not search with a plain beam, for texts that are not there, for numbers that
    cannot be, and where `write` has several runs; SettingsError for settings that cannot be; what nmt.score raises for
    texts that do not fit.
    """
    paths = tuple(list_runs(model))
    for option, number in (("batch_size", batch_size), ("processes", processes), ("threads", threads)):
        check_count(option, number)
    check_flag("write", write)
    beams, alphas, betas = (
        read_several(option, values) for option, values in (("beams", beams), ("alphas", alphas), ("betas", betas))
    )
    if not beams:
        raise UsageError(Option("beams"), " has none, and one must be tried at least")
    if write and len(paths) > 1:
        raise UsageError(Option("write", True), f" changes the settings of one run, and there are {len(paths)}")
    loading: dict[str, Any] = {"checkpoint": checkpoint, "device": device, "shortlist": shortlist}
    translator = Translator.load(paths, precision=precision, **loading)
    run, shown = translator.runs[0], choose_progress(progress)
    search = run.settings.search
    refuse_other_search(run)
    betas = choose_betas(run, betas)
    for values in (
        [{"beam": beam} for beam in beams] + [{"alpha": one} for one in alphas] + [{"beta": b} for b in betas]
    ):
        check(SearchSettings, search.model_dump() | values, "the search settings to try")
    sources, lists = choose_text(run, source, references)
    name = metric or (run.settings.train.metric if run.settings.train.metric != "perplexity" else "bleu")
    tokenizer = resolve_tokenizer(tokenize or run.settings.train.tokenize, run.info.target_lang, lists)
    make_metrics([name], tokenizer, lowercase=False)  # raises an error for an unknown metric or tokenizer
    if tokenize and name != "bleu":
        raise UsageError(
            *(Option("tokenize", tokenize), f" has no effect on {name}\n  Leave it out, or choose "),
            Option("metric", "bleu"),
        )
    check_columns([sources], lists, ())
    most = max(sum(map(is_text, each)) for each in zip(*lists, strict=True))
    if name in LABEL_METRICS and most > 1:
        raise UsageError(Option("metric", name), f" needs one reference, and there are {most}")
    refuse_long_lines("reference", lists, [name])
    if write:
        with lock_exclusively(run.path, run.path):  # raises an error if another program trains the run
            pass

    widths = sorted({*beams, search.beam})
    in_workers = loading | {"model": paths, "precision": translator.precision}
    pool = WorkerPool(processes, threads, **in_workers) if processes > 1 else nullcontext(translator)
    with pool as translators:
        found = {
            beam: Candidates(
                shown.track(
                    translators.stream(sources, batch_size=batch_size, beam=beam, n_best=beam, **PLAIN),
                    *(f"beam {beam}", len(sources), "lines"),
                )
            )
            for beam in widths
        }
    known: dict[tuple[int, bytes], MetricScore] = {}  # many settings have the same translations

    def score(beam: int, normalization: Normalization, alpha: float | None, beta: float) -> MetricScore:
        chosen_B = found[beam].choose(normalization, alpha or 0.0, beta)
        key = beam, chosen_B.tobytes()
        if key not in known:
            texts = [found[beam].texts[index] for index in chosen_B.tolist()]
            [known[key]] = score_corpus(texts, lists, [name], tokenizer)
        return known[key]

    def try_rows(rows: Iterable[tuple[Normalization, float | None, float]], title: str) -> Iterator[Trial]:
        cells = [(beam, *row) for row in dict.fromkeys(rows) for beam in widths]
        for cell in shown.track(cells, title, len(cells), "scores"):
            yield Trial(*cell, score(*cell).score)

    def rank(trial: Trial) -> tuple[float, bool, int]:
        """The order of trials: better ones last. Of equal ones, the present settings, and then the smaller beam."""
        sign = -1 if name in LOWER_IS_BETTER else 1
        return sign * trial.score, trial[:-1] == now[:-1], -trial.beam

    own = search.normalization, search.alpha if search.normalization == "wu" else None
    shapes: list[tuple[Normalization, float | None]] = [("none", None), ("average", None)]
    exponents = {float(alpha) for alpha in alphas} | ({own[1]} if own[1] is not None else set())
    shapes += [("wu", alpha) for alpha in sorted(exponents)]
    now = Trial(search.beam, *own, search.beta, score(search.beam, *own, search.beta).score)
    trials = list(try_rows([*((*shape, 0.0) for shape in shapes), (*own, search.beta)], "length normalization"))
    best = max(trials, key=rank)
    tried = {trial[1:4] for trial in trials}
    rows = [(best.normalization, best.alpha, float(beta)) for beta in betas]
    trials += try_rows([row for row in rows if row not in tried], "coverage penalty")
    best = max(trials, key=rank)
    changes = {
        key: (getattr(search, key), value) for key, value in best.settings.items() if value != getattr(search, key)
    }
    if write and changes:
        write_search_settings(run.path, best.settings)
    measured = score(*best[:-1])
    return Tuning(trials, best, now, changes, measured.name, measured.signature, len(sources))


class Candidates:
    """The hypotheses of all lines, with what scores are computed from."""

    def __init__(self, translations: Iterable[Sequence[Translation]]) -> None:
        self.texts: list[str] = []
        rows: list[tuple[int, float, int, float, bool]] = []
        for line, of_line in enumerate(translations):
            for one in of_line:
                self.texts.append(one.text)
                rows.append((line, one.log_prob, max(1, len(one.tokens)), measure_coverage(one), one.is_finished))
        line_N, self.log_prob_N, tokens_N, self.coverage_N, finished_N = (
            np.array(column) for column in zip(*rows, strict=True)
        )
        self.line_N, self.unfinished_N = line_N, ~finished_N
        self.tokens_N = tokens_N

    def choose(self, normalization: Normalization, alpha: float, beta: float) -> NDArray[np.int64]:
        """The index of the best hypothesis of each line, as nmt.search.beam ranks them. -> chosen_B"""
        penalty_N = length_penalty(self.tokens_N.astype(np.float64), normalization, alpha)
        score_N = self.log_prob_N / penalty_N + beta * self.coverage_N
        order_N = np.lexsort((-score_N, self.unfinished_N, self.line_N))
        _, first_B = np.unique(self.line_N[order_N], return_index=True)
        chosen_B: NDArray[np.int64] = order_N[first_B]
        return chosen_B


def measure_coverage(translation: Translation) -> float:
    """The coverage penalty of a translation for a weight of one. The end of the source does not count."""
    coverage_NS = translation.attention_TS[:, :-1].sum(0, dtype=np.float64)[None]
    return float(coverage_penalty(coverage_NS, np.ones(coverage_NS.shape, bool), 1.0)[0])


def refuse_other_search(run: Run) -> None:
    """Raise UsageError for a run whose translations do not depend on the settings that are tuned."""
    search, plain = run.settings.search, SearchSettings()
    for name in ("sample", "mbr", "groups"):
        if (value := getattr(search, name)) != getattr(plain, name):
            raise UsageError(
                f"search.{name} is {value} in {run.path}, and what is tuned is a plain beam search\n  Train a run "
                f"without this setting: {name} can be an option of translation"
            )


def choose_betas(run: Run, betas: Sequence[float]) -> Sequence[float]:
    """The coverage penalties to try: none without attention. UsageError if a person named some."""
    if run.settings.model.attention != "none":
        return betas
    if tuple(betas) not in ((), BETAS):
        raise UsageError(
            f"{run.path} has no attention, which the coverage penalty needs\n  Leave out ", Option("betas")
        )
    return ()


def choose_text(
    run: Run,
    source: Sequence[str] | None,
    references: Sequence[str | None] | Sequence[Sequence[str | None]] | None,
) -> tuple[Sequence[str], list[list[str | None]]]:
    """The text to tune on: that which is given, else the validation set of the run's corpus."""
    if source is not None and references is not None:
        return read_texts("source", source), drop_missing_references(list_references(references))
    if source is not None or references is not None:
        raise UsageError(
            *(Option("source"), " and ", Option("references")),
            " belong together: give both or, for the validation text of the run's corpus, neither",
        )
    corpus = run.info.corpus
    path = Path(corpus or "")
    problem = ""
    if corpus is None:
        problem = f"{run.path} was made by an older version, which did not store the name of its corpus"
    elif not (path / MANIFEST).is_file():
        problem = f"{corpus} is not there, the corpus of {run.path}, whose validation text would be used"
    elif hash_file(path / MANIFEST) != run.info.data_fingerprint:
        problem = f"{corpus} has changed: it is not the corpus any more that {run.path} was trained on"
    if problem:
        raise UsageError(f"{problem}\n  Name a text: ", Option("source"), " and ", Option("references"))
    sources, targets = (PreparedCorpus.open(path).read_raw_lines("valid", side) for side in SIDES)
    return sources, [list(targets)]


def write_search_settings(path: Path, values: dict[str, Any]) -> None:
    """Change search settings of a run. Raises FolderError when another program writes the run."""
    with lock_exclusively(path, path):
        settings = read_run(path).settings
        search = check(SearchSettings, settings.search.model_dump() | values, "the search settings")
        with write_atomically(path / "settings.toml") as file:
            file.write(to_toml(settings.model_copy(update={"search": search})))
