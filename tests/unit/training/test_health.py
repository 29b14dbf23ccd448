"""Updates that change nothing, and attention that has collapsed, on numbers that a reader can check by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nmt.data.batches import Batch, Cursor, plan_epoch
from nmt.data.split import Split
from nmt.errors import TrainingError
from nmt.settings import TrainSettings
from nmt.training.health import AttentionSums, HealthCheck, UpdateRecord
from nmt.training.state import TrainingState
from nmt.training.update import UpdateSums

NAMES = ["encoder.weight", "cell.weight", "output_bias"]
LENGTHS = [3, 1, 4, 1, 5]


def make_split(lengths):
    offsets = np.cumsum([0, *lengths])
    ids = np.full(offsets[-1], 7, np.uint16)
    return Split(ids, offsets, ids, offsets)


def make_check(folder, dropped=0, **settings):
    return HealthCheck(folder, make_split(LENGTHS), TrainSettings(max_tokens=6, **settings), NAMES, dropped)


def make_update(norms=(1.0, 1.0, 1.0), loss=2.0, is_unchanged=False, rate=0.1):
    zero = torch.zeros(())
    sums = UpdateSums(torch.tensor(loss), zero, 4, zero, zero, zero, torch.tensor(norms), torch.tensor(is_unchanged), 0)
    return UpdateRecord(sums, rate, Cursor(0, 0), 1)


GOOD = make_update()
ZERO = make_update((0.0, 0.0, 0.0), is_unchanged=True)
INFINITE = make_update((1.0, float("inf"), float("nan")), is_unchanged=True)
STUCK = make_update(is_unchanged=True)
AT_THE_END = make_update(is_unchanged=True, rate=0.0)


@pytest.mark.parametrize(
    ("updates", "total", "in_row", "note"),
    [
        ([GOOD, GOOD], 0, 0, ""),
        ([GOOD, ZERO], 1, 1, "update 12 changed nothing: its gradients are zero"),
        ([INFINITE, GOOD], 1, 0, "update 11 changed nothing: its gradients are not finite"),
        ([STUCK, ZERO], 2, 2, "update 12 changed nothing: its gradients are zero; 2 such updates so far"),
        ([STUCK], 1, 1, "update 12 changed nothing: no parameter is another number after it"),
        ([ZERO, GOOD, ZERO], 2, 1, "update 12 changed nothing: its gradients are zero; 2 such updates so far"),
        ([ZERO, AT_THE_END], 1, 0, "update 11 changed nothing: its gradients are zero"),
    ],
)
def test_updates_that_change_nothing_are_counted(tmp_path, updates, total, in_row, note):
    state, found = make_check(tmp_path).count_unchanged(TrainingState(update=12), updates)
    assert (state.unchanged, state.unchanged_in_row, found) == (total, in_row, note)


def test_notes_become_rarer_and_the_count_goes_on_from_a_checkpoint(tmp_path):
    check, state, notes = make_check(tmp_path, max_unchanged=0), TrainingState(), []
    for update in range(1, 21):
        state, note = check.count_unchanged(replace(state, update=update), [ZERO])
        notes.append(note)
    assert (state.unchanged, state.unchanged_in_row) == (20, 20)  # and there is no limit
    assert [number for number, note in enumerate(notes, 1) if note] == [1, 2, 4, 8, 16]
    assert notes[15].endswith("; 16 such updates so far")


def test_too_many_in_a_row_stop_training_with_their_lines_and_gradients(tmp_path):
    check = make_check(tmp_path, max_unchanged=3)
    before = TrainingState(update=33, unchanged=5, unchanged_in_row=1)
    last = INFINITE._replace(begin=Cursor(2, 1))
    with pytest.raises(TrainingError) as caught:
        check.count_unchanged(before, [ZERO, last, GOOD])
    rows = list(plan_epoch(make_split(LENGTHS), 6, 1, epoch=2))[1]
    lines = sorted(int(row) + 1 for row in rows)
    message = str(caught.value).splitlines()
    assert message[0] == "3 updates in a row changed nothing, the last of them update 32: its gradients are not finite"
    assert message[1].startswith(f"  its batch: line{'s' * (len(lines) > 1)} {lines[0]}")
    assert message[1].endswith(" of the training text")
    assert message[2] == "  largest gradients: cell.weight inf, output_bias nan, encoder.weight 1"
    assert message[3] == (
        f"  {tmp_path} has no checkpoint yet and can be removed. Train again with a lower train.learning_rate "
        "(now 0.002), a smaller train.clip (now 1), a longer train.warmup or precision='float32', and look at these "
        "pairs"
    )


@pytest.mark.parametrize(
    ("settings", "rate", "advice"),
    [
        ({}, 2e-3, "a higher train.learning_rate (now 0.002) or a larger train.clip (now 1), and look"),
        (
            {},
            1e-12,
            "a higher train.learning_rate (now 0.002, and 1e-12 in this update) or a larger train.clip (now 1)",
        ),
        ({"clip": 0.0}, 1e-12, "a higher train.learning_rate (now 0.002, and 1e-12 in this update), and look"),
    ],
)
def test_updates_that_are_too_small_are_answered_by_larger_ones(tmp_path, settings, rate, advice):
    check = make_check(tmp_path, max_unchanged=1, **settings)
    with pytest.raises(TrainingError) as caught:
        check.count_unchanged(TrainingState(update=1), [STUCK._replace(rate=rate)])
    assert f"Train again with {advice}" in str(caught.value)


def test_float32_is_no_remedy_where_it_is_used_already(tmp_path):
    check = make_check(tmp_path, max_unchanged=1, precision="float32")
    with pytest.raises(TrainingError, match=r"a smaller train.clip \(now 1\) or a longer train.warmup, and look"):
        check.count_unchanged(TrainingState(update=1), [INFINITE])


def test_a_limit_that_is_lowered_counts_those_before(tmp_path):
    with pytest.raises(TrainingError, match=r"^9 updates in a row changed nothing, the last of them update 9: "):
        make_check(tmp_path, max_unchanged=4).count_unchanged(TrainingState(update=9, unchanged_in_row=8), [ZERO])


def test_two_in_a_row_and_one_apart_are_not_three_in_a_row(tmp_path):
    state, _ = make_check(tmp_path, max_unchanged=3).count_unchanged(TrainingState(update=4), [ZERO, ZERO, GOOD, ZERO])
    assert (state.unchanged, state.unchanged_in_row) == (3, 1)


def test_a_loss_that_is_not_a_number_stops_at_once(tmp_path):
    broken = make_update(loss=float("nan"), is_unchanged=True)
    with pytest.raises(TrainingError, match=r"^the loss of update 7 is not a number\n  its batch: line") as caught:
        make_check(tmp_path, max_unchanged=0, clip=0.0).count_unchanged(TrainingState(update=8), [GOOD, broken, GOOD])
    assert "(now 0.002), train.clip=1, a longer" in str(caught.value)


def test_a_pair_is_named_once_whichever_direction_was_read(tmp_path):
    check = make_check(tmp_path)
    check = replace(check, split=check.split.with_both_directions(1, tag=[8]))
    batches = len(list(plan_epoch(check.split, 6, 1, epoch=0)))
    assert check.find_rows(Cursor(0, 0), batches).tolist() == [0, 1, 2, 3, 4]
    assert len(check.find_rows(Cursor(0, 0), 1)) < 5


@pytest.mark.parametrize(
    ("rows", "dropped", "text"),
    [
        ([4], 0, "line 5 of the training text"),
        ([1999, 0, 4], 0, "lines 1, 5 and 2,000 of the training text"),
        ([1, 2], 1200, "pairs 2 and 3 of the 5 that were kept, after 1,200 were dropped"),
        (range(50), 0, f"lines {', '.join(map(str, range(1, 41)))} and 10 more of the training text"),
    ],
)
def test_pairs_are_named_by_their_lines_where_these_are_known(tmp_path, rows, dropped, text):
    assert make_check(tmp_path, dropped).describe_rows(np.array(rows)) == text


def attend(lengths, place, weight=1.0):
    """Sums over pairs with these (source, target) lengths: `weight` at place(t, S), the rest on the other positions."""
    source_lengths, target_lengths = map(torch.tensor, zip(*lengths, strict=True))
    rows, longest_source, longest_target = len(lengths), int(source_lengths.max()), int(target_lengths.max())
    target = torch.zeros(rows, longest_target, dtype=torch.long)
    attention = torch.zeros(rows, longest_target, longest_source)
    for row, (source_length, target_length) in enumerate(lengths):
        target[row, :target_length] = 9
        attention[row, :, :source_length] = (1 - weight) / max(source_length - 1, 1)
        for position in range(longest_target):
            attention[row, position, place(position, source_length)] = weight
    sums = AttentionSums()
    source = torch.full((rows, longest_source), 9)
    sums.add(attention, Batch(source, source_lengths, target, target_lengths, 0, int(target_lengths.sum())))
    return sums


LONG = [(6, 5), (4, 7), (9, 8), (5, 5)]  # 25 target positions


@pytest.mark.parametrize(
    ("place", "weight", "where"),
    [
        (lambda t, size: size - 1, 1.0, "100.0 % of it in validation is on the end of the sentence (</s>), "),
        (lambda t, size: 0, 0.97, "97.0 % of it in validation is on piece 1 of the source, "),
        (lambda t, size: 2, 1.0, "100.0 % of it in validation is on piece 3 of the source, "),
        (lambda t, size: size - 2, 1.0, "100.0 % of it in validation is on piece 1 of the source from the end, "),
    ],
)
def test_attention_to_one_position_has_collapsed(place, weight, where):
    text = attend(LONG, place, weight).describe_collapse()
    assert text.startswith(f"attention has collapsed: {where}whatever the target word (mean entropy 0.")
    assert "train.learning_rate" in text
    assert "train.guided_weight" in text


@pytest.mark.parametrize(
    ("lengths", "place", "weight"),
    [
        (LONG, lambda t, size: min(t, size - 1), 1.0),  # monotone
        (LONG, lambda t, size: max(size - 1 - t, 0), 1.0),  # reversed
        (LONG, lambda t, size: 0, 0.9),  # sharp, but not on one position alone
        (LONG, lambda t, size: 1 if t < 3 else 0, 1.0),
        ([(2, 2)] * 40, lambda t, size: 0, 1.0),  # lines of one word have one word to attend to
        ([(9, 2)] * 40, lambda t, size: 8, 1.0),  # a label has no words that could attend elsewhere
        ([(5, 5)], lambda t, size: 0, 1.0),  # five positions show nothing
    ],
)
def test_other_attention_has_not(lengths, place, weight):
    assert attend(lengths, place, weight).describe_collapse() == ""


def test_without_attention_nothing_collapses():
    sums = AttentionSums()
    batch = Batch(torch.ones(9, 5).long(), torch.full((9,), 5), torch.ones(9, 5).long(), torch.full((9,), 5), 45, 45)
    sums.add(torch.zeros(9, 5, 0), batch)
    assert sums.describe_collapse() == ""
