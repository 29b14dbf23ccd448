"""Processes that share every batch, against one process with the whole of it: weights, losses and validation."""

import pytest
import torch
from support.together import BY_TWO, CASES, train_alone, train_cases

from nmt.progress import Progress
from nmt.training.launch import run_in_processes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What processes trained, three and sometimes two: some batches have fewer pairs, one has memory for one pair."""
    return run_in_processes(train_cases, 3, "cpu", Progress(), tmp_path_factory.mktemp("together"))


def figures(record):
    """The numbers of a log record that do not depend on the time."""
    timed = {"seconds", "tokens_per_second"}
    return {key: value for key, value in record.items() if not isinstance(value, str) and key not in timed}


@pytest.mark.parametrize("name", CASES)
def test_processes_train_what_one_process_trains(trained, tmp_path, name):
    alone = train_alone(name, tmp_path)
    for processes in (2, 3) if name in BY_TWO else (3,):
        main, *others = trained[name, processes]
        assert len(others) == processes - 1
        for parameter, expected in alone.weights.items():
            torch.testing.assert_close(main.weights[parameter], expected, rtol=1e-9, atol=1e-9)
            assert all(torch.equal(other.weights[parameter], main.weights[parameter]) for other in others), parameter
        assert [record["kind"] for record in main.records].count("valid") == 3
        for got, want in zip(main.records, alone.records, strict=True):
            assert figures(got) == pytest.approx(figures(want), rel=1e-9)
