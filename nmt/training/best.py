"""Which checkpoint is the best: the order of validations, and the choice among those of a run whose metric changes."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from nmt.checkpoint import list_checkpoints, read_checkpoint_info
from nmt.progress import format_figure
from nmt.run_log import read_log
from nmt.weights import find_damage, read_tensors, save_checkpoint

LEAST_BLEU = 1.0  # a smaller one is an accident: networks that have learnt nothing have it now and then
METRIC_NAMES = ("bleu", "chrf", "accuracy", "f1", "perplexity")  # the scores of a validation


class Rank(NamedTuple):
    """The order of validations: the higher score is better and, of equal scores, the one with the lower perplexity."""

    score: float
    minus_perplexity: float


def build_rank(score: float | None, perplexity: float | None) -> Rank | None:
    """The rank of a state's best validation, if it has one; older versions stored no perplexity."""
    return None if score is None else Rank(score, -(perplexity or math.inf))


@dataclass(frozen=True)
class Criterion:
    """The validation score that chooses the best checkpoint. BLEU depends on the tokenizer, the others do not."""

    metric: str
    tokenizer: str

    def __str__(self) -> str:
        return f"bleu ({self.tokenizer})" if self.metric == "bleu" else self.metric

    def rank(self, figures: Mapping[str, Any]) -> Rank:
        """The rank of a validation with these scores by name. Where BLEU is below LEAST_BLEU, perplexity decides."""
        perplexity = figures["perplexity"]
        score = -perplexity if self.metric == "perplexity" else figures[self.metric]
        return Rank(0.0 if self.metric == "bleu" and score < LEAST_BLEU else score, -perplexity)

    def is_better(self, rank: Rank, earlier: Rank | None) -> bool:
        """Whether a validation is better than an earlier one.

        It is, whatever the BLEU, where its perplexity is less than half of the earlier one: that network had hardly
        learnt anything, and its BLEU was an accident, as those of single characters often are.
        """
        is_halved = earlier is not None and 2 * rank.minus_perplexity > earlier.minus_perplexity
        return earlier is None or rank > earlier or (self.metric == "bleu" and is_halved)

    def choose(self, records: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The best of some validations, which are in the order of training."""
        return reduce(
            lambda best, record: record if self.is_better(self.rank(record), self.rank(best)) else best, records
        )

    def is_known(self, record: Mapping[str, Any]) -> bool:
        """Whether a log record has this score. Older versions logged perplexity and BLEU by 13a alone."""
        if record.get(self.metric) is None or record.get("perplexity") is None:
            return False
        return self.metric != "bleu" or record.get("tokenizer", "13a") == self.tokenizer


class BestSoFar(NamedTuple):
    """The best of earlier validations, and the number of those after it. `rank` is None where none is known."""

    rank: Rank | None
    stale: int
    explanation: str


def choose_best_again(folder: Path, criterion: Criterion) -> BestSoFar:
    """Make `best` the best by `criterion` of the undamaged checkpoints that a run still has, by the scores in its log.

    Where no validation with this score has a checkpoint, `best` stays until the next validation.
    """
    records = (line.record for line in read_log(folder / "log.jsonl"))
    validations = [record for record in records if record is not None and record["kind"] == "valid"]
    usable = [name for name in list_checkpoints(folder) if not find_damage(folder / name)]
    infos = {name: read_checkpoint_info(folder / name) for name in usable}
    kept = {info["update"]: name for name, info in infos.items()}
    known = [record for record in validations if criterion.is_known(record)]
    candidates = [record for record in known if record["update"] in kept]
    if not candidates:
        text = f"best is chosen by {criterion} from the next validation on: no usable checkpoint has that score"
        return BestSoFar(None, 0, text)

    def describe(record: Mapping[str, Any]) -> str:
        return f"update {record['update']:,}, {criterion.metric} {format_figure(record[criterion.metric])}"

    best, best_of_all = criterion.choose(candidates), criterion.choose(known)
    if "best" not in infos or infos["best"]["update"] != best["update"]:
        name = kept[best["update"]]
        figures = {score: best[score] for score in METRIC_NAMES if score in best}
        facts = {key: infos[name][key] for key in ("update", "average_decay") if key in infos[name]}
        weights = read_tensors(folder / name, "weights.safetensors")
        save_checkpoint(folder / "best", weights, facts | figures)
    text = f"best is chosen by {criterion} now: {describe(best)}"
    if best_of_all["update"] not in kept:
        text += f"; {describe(best_of_all)}, was better, but no usable checkpoint has it"
    if len(known) < len(validations):
        text += f"; that score of {len(validations) - len(known)} earlier validations is not known"
    stale = sum(record["update"] > best["update"] and record.get("is_due", True) for record in validations)
    return BestSoFar(criterion.rank(best), stale, text)
