import os
import subprocess
import sys

import pytest
import torch

from nmt.devices import choose_precision, compute_deterministically, time_matmul
from nmt.errors import UsageError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
    ids=str,
)
def test_waiting_threads_of_openmp_sleep_soon_unless_the_environment_decides(given, found):
    """It is set when nmt is imported, before torch loads OpenMP."""
    code = "import nmt, os, sys; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    kept = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, check=True)
    assert done.stdout == f"{found} False\n"


@pytest.mark.parametrize("faster", [0.1, 10.0])
def test_a_precision_that_repeats_is_not_measured(monkeypatch, faster):
    monkeypatch.setattr("nmt.devices.time_matmul", lambda dtype: 1.0 if dtype == torch.float32 else 1 / faster)
    assert choose_precision("auto", CPU) == (torch.bfloat16 if faster > 1 else torch.float32)
    assert choose_precision("auto", CPU, measure=False) == torch.float32
    assert choose_precision("bfloat16", CPU, measure=False) == torch.bfloat16


@pytest.mark.parametrize(("seconds", "products"), [(0.2, 3), (0.004, 5), (1e-5, 15)])
def test_products_are_measured_on_one_thread_and_slow_ones_three_times(monkeypatch, seconds, products):
    readings = []

    def read_clock():
        readings.append(torch.get_num_threads())
        return (len(readings) // 2) * seconds

    monkeypatch.setattr("nmt.devices.time.perf_counter", read_clock)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert time_matmul(torch.float32) == pytest.approx(seconds)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert readings == [1] * 2 * products


def test_algorithms_that_may_not_repeat_are_refused():
    with compute_deterministically(CPU):
        assert torch.are_deterministic_algorithms_enabled()
    message = r"repeats to the bit: put_ .*\n  Leave out deterministic=True"
    with pytest.raises(UsageError, match=message), compute_deterministically(CPU):
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2), accumulate=False)
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="another"), compute_deterministically(CPU):
        raise RuntimeError("another error")


@pytest.mark.parametrize(("given", "found"), [(None, ":4096:8"), (":4096:2", ":4096:8"), (":16:8", ":16:8")])
def test_cublas_gets_a_workspace_that_repeats(monkeypatch, given, found):
    if given is None:
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    else:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", given)
    with compute_deterministically(GPU):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == found
