"""What `auto` stands for in training: chosen by measurement, stored, and never in place of what a person sets."""

import math

import pytest
import torch
from support.models import sentences, small_model

from nmt.data.batches import Batch
from nmt.errors import UsageError
from nmt.settings import TrainSettings
from nmt.training import automatic
from nmt.training.automatic import COMPILED_TOKENS, choose_automatic, choose_threads, is_choice_of, limit_threads
from nmt.training.update import Updater

CPU = torch.device("cpu")


@pytest.fixture
def batch():
    """Three pairs, with lengths and the number of tokens."""
    lengths = [(4, 6), (7, 3), (5, 5)]
    source_BS, source_lengths_B, target_BT = sentences(lengths)
    sources, targets = zip(*lengths, strict=True)
    return Batch(source_BS, source_lengths_B, target_BT, torch.tensor(targets), sum(sources), sum(targets))


@pytest.fixture
def cores(monkeypatch):
    """A function that makes torch have a number of threads, as far as nmt.training.automatic sees."""
    found = [1]

    def have(threads):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(torch, "get_num_threads", lambda: found[-1])
        monkeypatch.setattr(torch, "set_num_threads", found.append)
        found.append(threads)
        return found

    return have


@pytest.fixture
def choose(batch, monkeypatch):
    """choose_automatic for a tiny model, with matrix products that are as fast in every format. -> settings, notes"""
    monkeypatch.setattr("nmt.devices.time_matmul", lambda dtype: 1.0)

    def choose(tokens_in_all=math.inf, **settings):
        notes = []
        given = TrainSettings(**settings)
        chosen = choose_automatic(given, small_model(), batch, CPU, tokens_in_all=tokens_in_all, note=notes.append)
        assert is_choice_of(chosen, given)
        return chosen, notes

    return choose


@pytest.mark.parametrize(
    ("seconds", "fastest"),
    [
        ({8: 0.1, 4: 0.2, 2: 0.3, 1: 0.4}, 8),
        ({8: 0.4, 4: 0.2, 2: 0.1, 1: 0.3}, 2),
        ({8: 0.4, 4: 0.3, 2: 0.2, 1: 0.1}, 1),
        ({8: 0.101, 4: 0.100, 2: 0.2, 1: 0.3}, 8),  # so small a gain may be chance
        ({6: 9.0, 3: 2.0, 1: 3.0}, 3),
        ({1: 5.0}, 1),
    ],
)
def test_the_fastest_number_of_threads_is_chosen(cores, monkeypatch, seconds, fastest):
    most = max(seconds)
    used = cores(most)
    monkeypatch.setattr(automatic, "compute_gradient", lambda updater, batch: seconds[used[-1]])
    assert choose_threads(None, None) == fastest
    assert used[-1] == most


def test_compiling_for_a_number_of_threads_is_not_measured(cores, monkeypatch):
    used = cores(2)
    compiled = set()

    def compute_gradient(updater, batch):
        seconds = {1: 0.3, 2: 1.5}[used[-1]] + 3 * (used[-1] not in compiled)
        compiled.add(used[-1])
        return seconds

    compiled.add(2)  # as it is after the gradient that shows whether compiling works
    monkeypatch.setattr(automatic, "compute_gradient", compute_gradient)
    assert choose_threads(None, None) == 1


def test_a_measurement_without_memory_chooses_all_threads(cores, monkeypatch):
    used = cores(4)

    def compute_gradient(updater, batch):
        if used[-1] == 2:
            raise MemoryError
        return 0.1

    monkeypatch.setattr(automatic, "compute_gradient", compute_gradient)
    assert choose_threads(None, None) == 4
    assert used[-1] == 4


def test_errors_of_a_measurement_are_not_hidden(cores, monkeypatch):
    cores(4)
    monkeypatch.setattr(automatic, "compute_gradient", lambda updater, batch: torch.ones(2) + torch.ones(3))
    with pytest.raises(RuntimeError, match="must match the size"):
        choose_threads(None, None)


def test_what_a_person_sets_stays(choose, cores, monkeypatch):
    cores(4)
    monkeypatch.setattr(automatic, "choose_threads", lambda updater, batch: 3)
    monkeypatch.setattr(automatic, "can_compile", lambda device: True)
    given = {"precision": "bfloat16", "compile": False, "threads": 2}
    chosen, notes = choose(**given)
    assert (chosen.model_dump() | given, notes) == (chosen.model_dump(), [])
    assert choose(compile=False)[0].threads == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert choose(compile=False)[0].threads == 4


@pytest.mark.parametrize(
    ("tokens", "settings", "is_compiled"),
    [
        (math.inf, {}, True),
        (COMPILED_TOKENS["cpu"], {"max_minutes": 2.0}, True),
        (COMPILED_TOKENS["cpu"] - 1, {}, False),
        (math.inf, {"max_minutes": 1.9}, False),
        (math.inf, {"loop": "reference"}, False),
        (0, {"compile": True}, True),
    ],
)
def test_long_trainings_are_compiled(choose, monkeypatch, tokens, settings, is_compiled):
    monkeypatch.delenv("TORCH_COMPILE_DISABLE", raising=False)
    asked = []
    monkeypatch.setattr("nmt.kernels.compiled.require_compiler", asked.append)
    monkeypatch.setattr(automatic, "compute_gradient", lambda updater, batch: 0.1)
    chosen, notes = choose(tokens, **settings)
    assert (chosen.compile, notes) == (is_compiled, [])
    assert bool(asked) == (is_compiled and "compile" not in settings)


def test_without_a_compiler_nothing_is_compiled(choose, monkeypatch):
    def require_compiler(device):
        raise UsageError("none")

    monkeypatch.setattr("nmt.kernels.compiled.require_compiler", require_compiler)
    monkeypatch.delenv("TORCH_COMPILE_DISABLE", raising=False)
    assert choose()[0].compile is False


def test_compiling_can_be_forbidden(choose, monkeypatch):
    monkeypatch.setattr("nmt.kernels.compiled.require_compiler", lambda device: None)
    monkeypatch.setenv("TORCH_COMPILE_DISABLE", "1")
    assert choose()[0].compile is False


def test_a_compiler_that_fails_is_noted_and_not_used(choose, monkeypatch):
    monkeypatch.setattr(automatic, "can_compile", lambda device: True)

    def compute_gradient(updater, batch):
        if updater.settings.compile:
            raise OSError("g++: no space left\nmore")
        return 0.1

    monkeypatch.setattr(automatic, "compute_gradient", compute_gradient)
    chosen, notes = choose()
    assert (chosen.compile, notes) == (False, ["kernels are not compiled: g++: no space left"])


def test_measuring_changes_nothing(batch):
    model = small_model(dropout=0.5)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    random = torch.get_rng_state()
    choose_automatic(TrainSettings(), model, batch, CPU, tokens_in_all=0, note=print)
    with torch.random.fork_rng([]):
        assert (
            automatic.compute_gradient(Updater(model, TrainSettings(), device=CPU, precision=torch.float32), batch) > 0
        )
    assert torch.equal(torch.get_rng_state(), random)
    for name, parameter in model.named_parameters():
        assert parameter.grad is None
        assert torch.equal(parameter, before[name])


def test_threads_are_limited_for_a_time(cores):
    used = cores(4)
    for limit, expected in ((2, 2), (0, 4), (16, 4)):
        with limit_threads(limit):
            assert used[-1] == expected
        assert used[-1] == 4


@pytest.mark.parametrize(
    ("given", "chosen", "is_choice"),
    [
        ({}, {"precision": "float32", "compile": True, "threads": 7}, True),
        ({"threads": 2}, {"precision": "float32", "threads": 7}, False),
        ({"precision": "bfloat16"}, {"precision": "float32"}, False),
        ({"compile": False}, {"compile": True}, False),
        ({"seed": 1}, {"seed": 0}, False),
        ({"patience": 0}, {"patience": 1}, False),
    ],
)
def test_settings_are_compared_with_what_was_chosen(given, chosen, is_choice):
    assert is_choice_of(TrainSettings(**chosen), TrainSettings(**given)) == is_choice
