"""Losses over two passes of a batch: in blocks against the plain ones, and whole steps through both loops."""

import math

import pytest
import torch
from support.models import sentences, small_model

from nmt.data.batches import Batch, split_batch
from nmt.ids import EOS, PAD
from nmt.kernels import loss_fused
from nmt.kernels.consistency_fused import Consistency, fused_consistent_loss
from nmt.settings import TrainSettings
from nmt.training.consistency import KINDS, double_batch
from nmt.training.loss import consistent_loss
from nmt.training.update import Updater

pytestmark = pytest.mark.numerical

SIZES = [(4, 6), (7, 3), (1, 1), (5, 5)]
# the two kinds, and weights that leave no term out and are all different
WEIGHTS = {name: Consistency(*kind, 1.7) for name, kind in KINDS.items()} | {
    "all terms": Consistency(0.8, 0.2, 0.6, 0.9, 2.5)
}


def figures_and_gradients(
    loss_of, consistency, N, smoothing, *, V=11, operand=None, dtype=torch.float64, padding=False
):
    torch.manual_seed(N)
    inputs = {
        "readout": torch.randn(2, N, 5, dtype=dtype).tanh(),
        "vectors": torch.randn(V, 5, dtype=dtype),
        "bias": torch.randn(V, dtype=dtype),
    }
    inputs = {name: value.requires_grad_() for name, value in inputs.items()}
    with torch.autocast("cpu", operand, enabled=operand is not None):
        loss, nll, divergence = loss_of(
            *inputs.values(), torch.randint(PAD + 1 - padding, V, (N,)), smoothing, consistency
        )
    assert not nll.requires_grad
    assert not divergence.requires_grad
    (loss * 0.3).backward()
    figures = {"loss": loss.detach(), "nll": nll, "divergence": divergence}
    return figures | {f"gradient of {name}": value.grad for name, value in inputs.items()}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("N", [1, 64, 150])
def test_the_fused_loss_equals_the_plain_one(name, N, smoothing, monkeypatch):
    monkeypatch.setattr(loss_fused, "HELD", 2 * 64 * 11)  # blocks of 64 positions: fewer, as many, and more
    monkeypatch.setattr(loss_fused, "CACHED_SCORES", 4 * 5 * 11)  # of them, five at a time
    want, got = (
        figures_and_gradients(loss_of, WEIGHTS[name], N, smoothing)
        for loss_of in (consistent_loss, fused_consistent_loss)
    )
    assert want.keys() == got.keys()
    for quantity, expected in want.items():
        torch.testing.assert_close(
            got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )


@pytest.mark.parametrize("name", WEIGHTS)
def test_bfloat16_stays_close_to_float32(name):
    """Errors are norms as fractions of the quantity's own norm; eps of bfloat16 is 0.008."""
    words = WEIGHTS[name], 200, 0.1
    want = figures_and_gradients(consistent_loss, *words, V=300, dtype=torch.float32)
    got = figures_and_gradients(fused_consistent_loss, *words, V=300, dtype=torch.float32, operand=torch.bfloat16)
    for quantity, expected in want.items():
        error = float((got[quantity] - expected).norm() / expected.norm())
        assert error < 0.01, f"{quantity}: {error}"


@pytest.mark.parametrize("loss_of", [consistent_loss, fused_consistent_loss])
@pytest.mark.parametrize(
    ("name", "cross_entropy", "divergence"),
    [
        # p = (1/2, 1/2), q = (1/4, 3/4), and the second word is right
        ("simcut", -math.log(1 / 2), math.log(2) / 2 + math.log(2 / 3) / 2),
        (
            "r-drop",
            -(math.log(1 / 2) + math.log(3 / 4)) / 2,
            (math.log(2) / 2 + math.log(2 / 3) / 2) / 2 + (math.log(1 / 2) / 4 + math.log(3 / 2) * 3 / 4) / 2,
        ),
    ],
)
def test_the_terms_of_the_papers(loss_of, name, cross_entropy, divergence):
    readout_PNR, vectors_VR, bias_V = (
        torch.tensor([[[0.0]], [[math.log(3)]]]),
        torch.tensor([[0.0], [1.0]]),
        torch.zeros(2),
    )
    loss, nll, found = loss_of(readout_PNR, vectors_VR, bias_V, torch.tensor([1]), 0.0, Consistency(*KINDS[name], 3.0))
    assert float(found) == pytest.approx(divergence, rel=1e-5)
    assert float(nll) == pytest.approx(cross_entropy, rel=1e-5)
    assert float(loss) == pytest.approx(cross_entropy + 3 * divergence, rel=1e-5)


@pytest.mark.parametrize("loss_of", [consistent_loss, fused_consistent_loss])
def test_a_word_that_one_pass_excludes_has_a_finite_divergence(loss_of):
    readout_PNR, vectors_VR = torch.tensor([[[0.0]], [[1000.0]]], requires_grad=True), torch.tensor([[1.0], [0.0]])
    loss, _, divergence = loss_of(readout_PNR, vectors_VR, torch.zeros(2), torch.tensor([1]), 0.0, WEIGHTS["all terms"])
    assert loss.isfinite()
    assert divergence.isfinite()
    loss.backward()
    assert readout_PNR.grad.isfinite().all()


@pytest.mark.parametrize("name", WEIGHTS)
def test_padding_counts_nothing(name):
    """With five words every fifth position is padding on average. The plain loss of the others is what is wanted."""

    def loss_of_others(readout_PNR, vectors_VR, bias_V, target_N, *words):
        real_N = target_N != PAD
        assert 0 < real_N.sum() < len(real_N)
        return consistent_loss(readout_PNR[:, real_N], vectors_VR, bias_V, target_N[real_N], *words)

    words = WEIGHTS[name], 12, 0.1
    want = figures_and_gradients(loss_of_others, *words, V=5, padding=True)
    for loss_of in (consistent_loss, fused_consistent_loss):
        got = figures_and_gradients(loss_of, *words, V=5, padding=True)
        for quantity, expected in want.items():
            torch.testing.assert_close(got[quantity], expected, rtol=1e-9, atol=1e-11)


def make_batch():
    source_BS, lengths_B, target_BT = sentences(SIZES)
    targets_B = torch.tensor([target for _, target in SIZES])
    return Batch(source_BS, lengths_B, target_BT, targets_B, int(lengths_B.sum()), int(targets_B.sum()))


def make_updater(model, **settings):
    return Updater(model.train(), TrainSettings(**settings), device=torch.device("cpu"), precision=torch.float32)


def step(loop, model, **settings):
    updater = make_updater(small_model(**model), loop=loop, consistency_weight=1.3, **settings)
    torch.manual_seed(1)
    loss, nll, *_, divergence = updater.loss(make_batch())
    loss.backward()
    figures = {"loss": loss.detach(), "nll": nll, "divergence": divergence, "next": torch.rand(3)}
    return figures | {f"gradient of {name}": one.grad for name, one in updater.model.named_parameters()}


DROPOUT = {"dropout": 0.4, "word_dropout": 0.3, "encoder_layers": 2}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attention", ["bahdanau", "luong-general", "none"])
def test_a_fused_step_is_the_reference_step(kind, attention):
    words = DROPOUT | {"attention": attention}
    want, got = (step(loop, words, consistency=kind, cut=0.3) for loop in ("reference", "fused"))
    assert float(want["divergence"]) > 0.01
    for quantity, expected in want.items():
        torch.testing.assert_close(
            got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )


@pytest.mark.parametrize("loop", ["reference", "fused"])
def test_passes_without_dropout_are_one_pass(loop):
    plain, twice = step(loop, {}), step(loop, {}, consistency="r-drop")
    assert plain.keys() == twice.keys()
    assert float(twice["divergence"]) == pytest.approx(0, abs=1e-12)
    for quantity, expected in plain.items():
        torch.testing.assert_close(
            twice[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )


def test_the_first_pass_of_simcut_is_whole():
    plain, cut = step("fused", {}), step("fused", {}, consistency="simcut", cut=0.5)
    torch.testing.assert_close(cut["nll"], plain["nll"])
    torch.testing.assert_close(cut["loss"], plain["loss"] + 1.3 * cut["divergence"])
    assert float(cut["divergence"]) > 0.01


def test_parts_of_a_batch_have_its_loss():
    updater = make_updater(small_model(), consistency="simcut", cut=1 - 1e-9)  # all is cut, whatever is drawn
    whole, parts = updater.loss(make_batch()), [updater.loss(part) for part in split_batch(make_batch())]
    for one, (first, second) in zip(whole, zip(*parts, strict=True), strict=True):
        torch.testing.assert_close(first + second, one)


def test_validation_has_one_pass():
    updater = make_updater(small_model(dropout=0.4), consistency="r-drop")
    updater.model.eval()
    *_, divergence = updater.loss(make_batch())
    assert divergence == 0
    assert updater.measure(make_batch()) == pytest.approx(float(step("reference", {})["nll"]))


def test_ends_and_beginnings_are_never_cut():
    source_BS, lengths_B, target_BT = sentences([(30, 30)] * 100)
    batch = Batch(source_BS, lengths_B, target_BT, lengths_B, 3000, 3000)
    torch.manual_seed(0)
    sides, kept = double_batch(batch, TrainSettings(consistency="simcut", cut=0.2))
    assert [len(side) for side in sides] == [200, 200, 200]
    assert all(torch.equal(side[:100], side[100:]) for side in sides)
    for kept_BT in kept:
        assert kept_BT[:100].all()
    assert kept.source_BS[sides[0] == EOS].all()
    assert kept.target_BT[:, 0].all()
    shares = 1 - kept.source_BS[100:, :-1].double().mean(), 1 - kept.target_BT[100:, 1:].double().mean()
    assert [float(share) for share in shares] == pytest.approx([0.2, 0.2], abs=0.03)
