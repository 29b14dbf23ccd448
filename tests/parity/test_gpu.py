"""A GPU against the CPU in float64: training steps, steps of a search, and translations."""

import numpy as np
import pytest
import torch
from support.machine import needs_gpu
from support.models import ATTENTIONS, KINDS, sentences, small_model
from support.steps import assert_same_figures, assert_same_step, figures_and_gradients, run_steps

from nmt.data.batches import Batch
from nmt.kernels.consistency_fused import Consistency, fused_consistent_loss
from nmt.search.beam import MOST_PROBABLE, beam_search
from nmt.search.choices import Diverse
from nmt.search.ensemble import Ensemble
from nmt.search.restrictions import NoRepeat
from nmt.settings import TrainSettings
from nmt.training.consistency import KINDS as CONSISTENCIES
from nmt.training.loss import consistent_loss
from nmt.training.update import Updater, build_loops

pytestmark = [pytest.mark.numerical, needs_gpu]
# two devices draw different random numbers
WITHOUT_DROPOUT = {"dropout": 0.0, "word_dropout": 0.0, "weight_dropout": 0.0}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_a_step_on_the_gpu_is_the_reference_step_on_the_cpu(kind, feeding):
    changes = KINDS[kind] | WITHOUT_DROPOUT | {"input_feeding": feeding}
    want = figures_and_gradients("reference", **changes)
    for loop in ("reference", "fused"):
        got = figures_and_gradients(loop, "cuda", **changes)
        assert_same_figures(got | {"next": want["next"]}, want)


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("variational", [True, False], ids=["sentence masks", "position masks"])
def test_both_loops_drop_the_same_numbers_on_a_gpu(name, variational):
    assert_same_step("cuda", attention=name, variational=variational)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", ["bahdanau", "luong-general", "luong-dot"])
def test_compiled_kernels_compute_the_same_on_a_gpu(name, compiling):
    compiled = build_loops(TrainSettings(loop="fused", compile=True), torch.device("cuda"))
    assert_same_figures(
        figures_and_gradients(compiled, "cuda", attention=name),
        figures_and_gradients("reference", "cuda", attention=name),
    )


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_steps_of_a_search_on_the_gpu_are_those_on_the_cpu(kind):
    model = small_model(**KINDS[kind])
    want = run_steps(model)
    for one, twin in zip(want, run_steps(model.cuda()), strict=True):
        np.testing.assert_allclose(twin, one, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("choice", [MOST_PROBABLE, Diverse(2, 0.5)], ids=["beam", "groups"])
def test_a_search_on_the_gpu_finds_what_one_on_the_cpu_finds(choice):
    model = small_model()
    how = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.5, "max_length_extra": 2, "beam": 4}
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)]).to_arrays()

    def search(model):
        found = beam_search(model, source_BS, lengths_B, n_best=4, choice=choice, **how)
        return [[(one.tokens, pytest.approx(one.log_prob, abs=1e-10)) for one in hypotheses] for hypotheses in found]

    for wrap in (lambda model: model, lambda model: NoRepeat(model, 1), lambda model: Ensemble([model, model])):
        want = search(wrap(model.cpu()))
        assert search(wrap(model.cuda())) == want


def test_a_batch_that_exceeds_the_memory_of_a_gpu_is_split():
    """The update is the same, and the GPU holds less afterwards than the whole batch would have needed."""

    def update(limit: int | None) -> dict[str, torch.Tensor]:
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        updater = Updater(
            small_model(**WITHOUT_DROPOUT),
            TrainSettings(loop="fused"),
            device=torch.device("cuda"),
            precision=torch.float32,
        )
        sides = sentences([(40, 40)] * 512)
        batch = Batch(
            *(side.cuda() for side in (sides.source_BS, sides.lengths_B, sides.target_BT, sides.lengths_B)),
            20480,
            20480,
        )
        torch.cuda.reset_peak_memory_stats()
        if limit:
            torch.cuda.set_per_process_memory_fraction(limit / total)
        try:
            updater.update([batch], 1e-3)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        peaks.append(torch.cuda.max_memory_reserved())
        return {name: parameter.detach() for name, parameter in updater.model.named_parameters()}

    peaks: list[int] = []
    want = update(None)
    got = update(peaks[0] * 2 // 3)
    assert peaks[1] < peaks[0]
    for name, parameter in want.items():
        torch.testing.assert_close(got[name], parameter, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", CONSISTENCIES)
def test_a_consistent_loss_on_the_gpu_is_that_on_the_cpu(kind):
    consistency = Consistency(*CONSISTENCIES[kind], 1.7)
    generator = torch.Generator().manual_seed(0)
    readout, vectors, bias = (
        torch.randn(shape, generator=generator).double() for shape in ((2, 70, 5), (11, 5), (11,))
    )
    target_N = torch.randint(11, (70,), generator=generator)
    found = []
    for device, loss_of in (("cpu", consistent_loss), ("cuda", fused_consistent_loss)):
        inputs = [one.to(device, copy=True).requires_grad_() for one in (readout, vectors, bias)]
        figures = loss_of(*inputs, target_N.to(device), 0.1, consistency)
        figures[0].backward()
        found.append([one.detach().cpu() for one in (*figures, *(one.grad for one in inputs))])
    for got, want in zip(*found, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-11)
