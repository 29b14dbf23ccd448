"""The training loop: updates, validation, checkpoints, limits and interruption.

The caller provides the function that translates and scores the validation set, and the one that receives log records.
"""

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch

from nmt.checkpoint import list_numbered_checkpoints, update_checkpoint_info
from nmt.data.batches import Batch, Cursor, MakeBatch, Share, iterate_train_batches, iterate_valid_batches
from nmt.data.split import Split
from nmt.errors import NmtError, NotANumberError, PeerError, TrainingError, TrainingInterrupted
from nmt.files import open_named, remove_folder
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import format_count
from nmt.run_log import format_record, truncate_log
from nmt.settings import TrainSettings
from nmt.training.averaging import WeightAverage
from nmt.training.best import Criterion, build_rank, choose_best_again
from nmt.training.distributed import ALONE, Group
from nmt.training.health import AttentionSums, HealthCheck, UpdateRecord, add_up
from nmt.training.interrupts import catch_interrupts, end_at_once
from nmt.training.intervals import ValidationPlan
from nmt.training.last import load_last, save_last
from nmt.training.memory import describe_split
from nmt.training.optim import compute_learning_rate
from nmt.training.pending import summarise
from nmt.training.state import TrainingState, find_saved_update
from nmt.training.update import Updater
from nmt.weights import find_damage, save_checkpoint

MANY_WITHOUT_BLEU = 3  # validations after which a person is warned
LOG_EVERY = 20  # updates between training records; reading losses, which waits for the device, is no more frequent


@dataclass(frozen=True)
class TrainingOutcome:
    """The state in which training ended, and the reason as a phrase."""

    state: TrainingState
    reason: str


class Trainer:
    """Trains a model on a corpus and writes checkpoints and a log to a run folder.

    `updates_in_all` is the number of updates up to the limits, 0 for no limit. Of a side of a validation pair
    `max_valid_pieces` are read. `compute_scores` translates the validation set with a model and scores it, BLEU by
    sacreBLEU's `tokenizer`. `dropped` is the number of training pairs that preparing left out. `report` gets a record
    of kind "update" after each update, and every record of the log: "train" (means since the previous record) or
    "valid". `note` gets messages for a person. `make_batch` makes training batches, if they are not the stored pairs.

    With `settings.average` it is the moving average of the weights that is validated and saved; see WeightAverage.

    The processes of a `group` train one model together. Rank 0 alone writes to the run folder.
    """

    def __init__(
        self,
        folder: Path,
        model: Seq2Seq,
        train_split: Split,
        valid_split: Split,
        settings: TrainSettings,
        *,
        device: torch.device,
        precision: torch.dtype,
        updates_in_all: int,
        validation_plan: ValidationPlan,
        max_valid_pieces: int,
        compute_scores: Callable[[Seq2Seq], dict[str, float]],
        tokenizer: str,
        dropped: int,
        report: Callable[[dict[str, Any]], None],
        note: Callable[[str], None],
        make_batch: MakeBatch | None = None,
        group: Group = ALONE,
    ) -> None:
        self.folder = folder
        self.group = group
        self.updater = Updater(model, settings, device=device, precision=precision, group=group, note=note)
        self.average = WeightAverage(model, settings.average) if settings.average else None
        self.model = model
        self.train_split = train_split
        self.make_batch = make_batch
        self.valid_split = valid_split
        self.settings = settings
        self.device = device
        self.updates_in_all = updates_in_all
        self.validation_plan = validation_plan
        self.max_valid_pieces = max_valid_pieces
        self.compute_scores = compute_scores
        self.criterion = Criterion(settings.metric, tokenizer)
        self.health = HealthCheck(folder, train_split, settings, self.updater.parameter_names, dropped)
        self.report = report
        self.note = note
        self.pending: list[UpdateRecord] = []  # of the updates since the last record

    def fit(self, state: TrainingState | None = None) -> TrainingOutcome:
        """Train from `state` (see `read_state`) up to a limit, and save the checkpoints `last` and `best`.

        `last` is saved before each validation. The limit of minutes includes the last validation, which is expected to
        take as long as the one before it, but at most half of the limit.

        Raises TrainingError when the loss is not a number, when too many updates in a row change nothing, and when
        validation fails. After SIGINT or SIGTERM it saves and
        raises TrainingInterrupted; during validation it does so at once.
        """
        try:
            with catch_interrupts() as interrupts:
                return self._train(replace(state or TrainingState(), criterion=str(self.criterion)), interrupts)
        except KeyboardInterrupt as stop:
            raise TrainingInterrupted(find_saved_update(self.folder)) from stop

    def _train(self, state: TrainingState, interrupts: Sequence[int]) -> TrainingOutcome:
        begin = time.monotonic()
        earlier, elapsed = state.seconds, 0.0  # seconds of training before, and since: those of rank 0
        limit = 60 * self.settings.max_minutes or math.inf
        with closing(self._group_batches(state)) as batches:
            updates = 0
            validation_seconds: float | None = None  # of the last validation

            def find_reason() -> str:
                expected = validation_seconds or self.validation_plan.cost * elapsed / max(updates, 1)
                is_over = updates > 0 and elapsed + min(expected, limit / 2) > limit
                over = describe_end(self.settings.max_minutes, "minute", "over") if is_over else ""
                return self._find_stop_reason(state) or over

            while True:
                reason = find_reason()
                is_due = self._is_validation_due(state)
                if state.validated < state.update and (reason or is_due):
                    state = self._log_training(state, is_whole=is_due)
                    self._save_last(state)
                    is_interrupted, validation_begin = self.group.agree(bool(interrupts), time.monotonic() - begin)
                    if is_interrupted:
                        raise KeyboardInterrupt
                    averaged = self.average.applied() if self.average else nullcontext()
                    with averaged, end_at_once():  # once resumed, training begins with this validation
                        state = self._validate(state, is_due=is_due)
                    _, elapsed = self.group.agree(False, time.monotonic() - begin)
                    validation_seconds = elapsed - validation_begin
                    seconds = earlier + elapsed
                    logged = state.logged_seconds + seconds - state.seconds  # no rate includes validation
                    state = replace(state, seconds=seconds, logged_seconds=logged)
                    if self.group.is_main:
                        update_checkpoint_info(self.folder / "last", {"place": asdict(state)})
                    reason = reason or find_reason()
                    if reason and elapsed > 1.05 * limit:
                        reason += f" ({elapsed / 60:.2g} with the last validation)"
                if reason:
                    return TrainingOutcome(state, reason)
                cursor, group = next(batches)
                rate = self._rate(state, state.update + 1)
                sums = self.updater.update(group, rate, self._guided_weight(state), state.split_from)
                if self.average:
                    self.average.add(state.update + 1)
                self.pending.append(UpdateRecord(sums, rate, Cursor(state.epoch, state.batch), len(group)))
                updates += 1
                is_interrupted, elapsed = self.group.agree(bool(interrupts), time.monotonic() - begin)
                seconds = earlier + elapsed
                if sums.split_from and not state.split_from:
                    self.note(describe_split(state.update + 1, sums.split_from))
                state = replace(state, split_from=sums.split_from)
                state = replace(state, update=state.update + 1, epoch=cursor.epoch, batch=cursor.batch, seconds=seconds)
                state = replace(state, unlogged=len(self.pending))
                self.report(self._make_record("update", state))
                is_whole = len(self.pending) == LOG_EVERY
                if is_whole or is_interrupted:
                    state = self._log_training(state, is_whole=is_whole)
                if is_interrupted:
                    self._save_last(state)
                    raise KeyboardInterrupt

    def resume(self, state: TrainingState) -> TrainingState:
        """Load weights, optimizer and random generators from the checkpoint `last`, which has `state` and rank 0 reads.

        -> the state to continue from. If settings name another metric than before, `best` becomes the best by that one,
        and a damaged `best` becomes the best of the other checkpoints.
        """
        pending, text = load_last(self.folder, self.updater, self.average, state)
        self.pending.extend(pending)
        if text:
            self.note(text)
        is_finished = bool(self._find_stop_reason(state)) and state.validated == state.update
        self._truncate_log(state.update - state.unlogged * (not is_finished), state.validated)
        is_same = state.criterion == str(self.criterion)
        damage = self.group.share(lambda: find_damage(self.folder / "best")) if state.validated else ""
        if damage:
            self.note(f"{damage}; another is chosen")
        if not state.validated or (is_same and not damage):
            return state
        found = self.group.share(lambda: choose_best_again(self.folder, self.criterion))
        self.note(found.explanation)
        score, perplexity = (found.rank.score, -found.rank.minus_perplexity) if found.rank else (None, None)
        state = replace(state, best=score, best_perplexity=perplexity)
        if not is_same:
            state = replace(state, criterion=str(self.criterion), stale=found.stale)
            state = replace(state, due_best=score, due_perplexity=perplexity)
        self._save_last(state)
        return state

    def _group_batches(self, state: TrainingState) -> Generator[tuple[Cursor, list[Batch]], None, None]:
        """Groups of batches, each for one update, with the cursor after them. The end of an epoch ends a group."""
        cursor = Cursor(state.epoch, state.batch)
        share = Share(self.group.rank, self.group.size) if self.group.size > 1 else None
        plan = self.train_split, self.settings.max_tokens, self.settings.seed, cursor
        batches = iterate_train_batches(*plan, self.device, share, self.make_batch)
        with closing(batches):  # type: ignore[type-var]
            group: list[Batch] = []
            for after, batch in batches:
                group.append(batch)
                if len(group) == self.settings.accumulate or after.batch == 0:
                    yield after, group
                    group = []

    def _find_stop_reason(self, state: TrainingState) -> str:
        """The limit that training has reached, as a phrase, or an empty string."""
        settings = self.settings
        if settings.max_updates and state.update >= settings.max_updates:
            return describe_end(settings.max_updates, "update", "done")
        if settings.max_epochs and state.epoch >= settings.max_epochs:
            return describe_end(settings.max_epochs, "epoch", "done")
        if settings.patience and state.stale >= settings.patience:
            return f"{settings.metric} has not improved for {format_count(state.stale, 'validation')}"
        return ""

    def _rate(self, state: TrainingState, update: int) -> float:
        return compute_learning_rate(self.settings, update, self.updates_in_all, state.plateaus)

    def _guided_weight(self, state: TrainingState) -> float:
        """The weight of guided attention in the update after `state`: a pure function, like the learning rate."""
        return self.settings.guided_weight * self.settings.guided_decay**state.epoch

    def _is_validation_due(self, state: TrainingState) -> bool:
        return self.validation_plan.is_due(state.update, state.epoch, -(-state.batch // self.settings.accumulate))

    def _validate(self, state: TrainingState, *, is_due: bool) -> TrainingState:
        """Score the validation set, log the scores, and save a numbered checkpoint and, if it is the best, `best`.

        A validation that is not due, but at the end of training, does not count for patience and plateaus: so a
        training that is resumed after it goes on as one that did not stop.
        """
        nll, tokens, attention = self._measure_validation()
        if not math.isfinite(nll):
            raise self.health.make_divergence_error(state.update)
        try:
            scores = self.compute_scores(self.model)
        except PeerError:  # another process has ended; its end is what a person is told
            raise
        except NotANumberError as error:
            raise self.health.make_divergence_error(state.update) from error
        except NmtError as error:
            text = f"validation failed, and training up to update {state.update:,} is saved: "
            raise TrainingError(text, *error.args) from error
        figures = {"perplexity": math.exp(min(nll / tokens, 700)), **scores}
        rank = self.criterion.rank(figures)
        is_best = self.criterion.is_better(rank, build_rank(state.best, state.best_perplexity))
        if is_best:
            state = replace(state, best=rank.score, best_perplexity=figures["perplexity"])
        if is_due:
            if self.criterion.is_better(rank, build_rank(state.due_best, state.due_perplexity)):
                state = replace(state, stale=0, due_best=rank.score, due_perplexity=figures["perplexity"])
            else:
                stale = state.stale + 1
                at_plateau = stale % self.settings.plateau == 0 and self.settings.schedule == "plateau"
                state = replace(state, stale=stale, plateaus=state.plateaus + at_plateau)
        without_bleu = state.without_bleu + 1 if figures["bleu"] < 0.005 else 0
        state = replace(state, validated=state.update, without_bleu=without_bleu)
        collapse = attention.describe_collapse()
        if collapse and not state.collapsed:
            self.note(collapse)
            state = replace(state, collapsed=state.update)
        names = {"metric": self.settings.metric, "tokenizer": self.criterion.tokenizer}
        self._log(self._make_record("valid", state) | figures | {"is_best": is_best, "is_due": is_due} | names)
        if self.settings.metric == "bleu" and state.without_bleu == MANY_WITHOUT_BLEU and not state.best:
            self.note(
                f"bleu was 0.00 in {MANY_WITHOUT_BLEU} validations in a row, and so perplexity alone chooses best. If "
                "training has not just begun, resume it with another metric: train.metric=accuracy or f1 for labels, "
                "chrf for lines of fewer than four words"
                + "; or with train.tokenize=char if words have no blanks between them"
                * (self.criterion.tokenizer == "13a")
            )
        if self.group.is_main:
            self._save_validated({"update": state.update, **figures}, is_best=is_best)
        return state

    def _measure_validation(self) -> tuple[float, int, AttentionSums]:
        """The negative log-likelihood of the validation set in nats, its target tokens, and sums over its attention.

        Each process measures every n-th batch, and adds up all of them in the same order.
        """
        self.model.eval()
        attention = AttentionSums()
        batches = iterate_valid_batches(self.valid_split, self.settings.max_tokens, self.max_valid_pieces)
        mine = islice(enumerate(batches), self.group.rank, None, self.group.size)
        with torch.inference_mode():
            measured = [
                (number, self.updater.measure(batch.to(self.device), attention.add), batch.target_tokens)
                for number, batch in mine
            ]
        _, nlls, counts = zip(*sorted(chain.from_iterable(self.group.gather(measured))), strict=True)
        return sum(nlls), sum(counts), add_up(self.group.gather(attention))

    def _save_validated(self, facts: dict[str, Any], *, is_best: bool) -> None:
        """Save the checkpoints of a validation: a numbered one and, if it is the best, `best`."""
        weights = dict(self.model.named_parameters())
        if self.average:
            facts = {**facts, "average_decay": self.average.decay}
        if is_best:
            save_checkpoint(self.folder / "best", weights, facts)
        if self.settings.keep:
            save_checkpoint(self.folder / f"update-{facts['update']:06d}", weights, facts)
        numbered = list_numbered_checkpoints(self.folder)  # a resumed run may keep fewer than before
        for old in numbered[: max(0, len(numbered) - self.settings.keep)]:
            remove_folder(old)

    def _save_last(self, state: TrainingState) -> None:
        """Save the checkpoint `last`, with everything that `resume` needs. Raises TrainingError for a weight of nan."""
        named = self.model.named_parameters()
        if broken := [name for name, parameter in named if not bool(parameter.isfinite().all())]:
            raise self.health.make_error(f"a weight after update {state.update:,} is not a number", parameters=broken)
        save_last(self.folder, self.updater, self.average, state, self.pending)

    def _log_training(self, state: TrainingState, *, is_whole: bool) -> TrainingState:
        """Log the means since the previous record, if there were updates. -> the state after it

        A record that is not whole has fewer updates than without the end of training here. It is written for readers
        of the log: when training is resumed, a whole one replaces it.

        Raises TrainingError when a loss is not a number, or too many updates in a row changed nothing.
        """
        if not self.pending:
            return state
        state, note = self.health.count_unchanged(state, self.pending)
        if note:
            self.note(note)
        tokens, seconds = sum(update.sums.tokens for update in self.pending), state.seconds - state.logged_seconds
        record = self._make_record("train", state) | {
            **summarise(self.pending, self.settings),
            "tokens_per_second": tokens / max(seconds, 1e-9),
            "learning_rate": self._rate(state, state.update),
        }
        self._log(record)
        if not is_whole:
            return state
        self.pending.clear()
        return replace(state, unlogged=0, logged_seconds=state.seconds)

    def _make_record(self, kind: str, state: TrainingState) -> dict[str, Any]:
        return {"kind": kind, "update": state.update, "epoch": state.current_epoch, "seconds": state.seconds}

    def _log(self, record: dict[str, Any]) -> None:
        if not self.group.is_main:
            return
        with open_named(self.folder / "log.jsonl", "a") as file:
            file.write(format_record(record))
        self.report(record)

    def _truncate_log(self, update: int, validated: int) -> None:
        """Remove records of updates and validations that are done again, and lines that a kill or a disk has damaged.

        What stays are train records up to `update`, and valid records up to `validated`. So the record that a stop
        has logged gives way to a whole one.
        """
        if not self.group.is_main:
            return
        path = self.folder / "log.jsonl"
        last = {"train": update, "valid": validated}
        if damaged := truncate_log(path, lambda record: record["update"] <= last[record["kind"]]):
            self.note(f"{path}: {format_count(damaged, 'damaged line')} left out")


def describe_end(number: float, noun: str, state: str) -> str:
    """`1 update is done`, `2.5 minutes are over`"""
    return f"{format_count(number, noun)} {'is' if number == 1 else 'are'} {state}"
