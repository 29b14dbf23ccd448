"""How often a training is validated, for corpora and trainings of all sizes."""

import pytest

from nmt.settings import TrainSettings
from nmt.training.epochs import EpochSizes
from nmt.training.intervals import plan_validations


def list_validations(updates_in_epoch, updates, valid_tokens=20_000, updates_in_all=0, **settings):
    """(the updates at which a training of 1,000 tokens an update validates, updates that take as long as one)"""
    plan = plan_validations(
        TrainSettings(**settings), EpochSizes(updates_in_epoch), updates_in_all, 1000 * updates_in_epoch, valid_tokens
    )
    steps = ((update, *divmod(update, updates_in_epoch)) for update in range(1, updates + 1))
    return [update for update, epoch, place in steps if plan.is_due(update, epoch, place)], plan.cost


@pytest.mark.parametrize("updates", [5_000, 20_000, 100_000])
@pytest.mark.parametrize("updates_in_epoch", [300, 1_700, 12_000, 1_000_000])
@pytest.mark.parametrize("beam", [1, 4])
def test_whenever_a_training_ends_validations_are_ten_or_took_a_tenth_of_the_time(updates, updates_in_epoch, beam):
    found, cost = list_validations(updates_in_epoch, updates, valid_tokens=8_000, validation_beam=beam)
    assert len(found) >= min(10, int(0.05 * updates / cost))  # a part is half of an epoch, or a quarter, or an eighth …
    assert len(found) * cost <= 0.1 * updates or updates_in_epoch == 300  # no end of an epoch is left out to save time


def test_a_training_of_many_epochs_is_soon_validated_once_an_epoch():
    found, _ = list_validations(2_600, 20 * 2_600)
    assert found[:3] == [650, 1300, 1950]
    assert found[-10:] == [2_600 * epoch for epoch in range(11, 21)]
    assert {2_600 * epoch for epoch in range(1, 21)} <= set(found)


def test_short_epochs_are_validated_at_their_ends():
    assert list_validations(400, 1_600)[0] == [400, 800, 1200, 1600]


def test_a_validation_set_as_large_as_the_corpus_is_used_ten_times():
    found, _ = list_validations(30, 1200, valid_tokens=30_000, updates_in_all=1200)
    assert found == [120 * number for number in range(1, 11)]


def test_an_interval_that_was_set_is_kept():
    assert list_validations(7, 30, validate_every=12)[0] == [12, 24]


def test_the_last_epoch_may_be_longer_or_shorter_than_the_first():
    """The number of batches differs a little between epochs: the end of an epoch is validated once, wherever it is."""
    plan = plan_validations(TrainSettings(), EpochSizes(1000), 0, 1_000_000, 3_000)
    assert [place for place in range(1, 1004) if plan.is_due(place, 0, place)] == list(range(125, 1000, 125))
    assert plan.is_due(1004, 1, 0)
