"""Guided attention: its loss against a sum of single terms, and its gradients through both decoder loops."""

import math

import numpy as np
import pytest
import torch
from support.models import ATTENTIONS, sentences, small_model

from nmt.data.batches import Batch
from nmt.settings import TrainSettings
from nmt.training.loss import guided_loss
from nmt.training.update import Updater

pytestmark = pytest.mark.numerical

SIZES = [(4, 6), (7, 3), (1, 1), (5, 5)]


def guide(seed: int = 0) -> torch.Tensor:
    """Guide weights for sentences of these sizes; a target piece has several links, one or none."""
    random = np.random.default_rng(seed)
    guide_BTS = np.zeros((len(SIZES), *(max(side) for side in zip(*(size[::-1] for size in SIZES), strict=True))))
    for guide_TS, (source, target) in zip(guide_BTS, SIZES, strict=True):
        guide_TS[:target, :source] = random.random((target, source)) < 0.4
    return torch.from_numpy(guide_BTS / np.maximum(guide_BTS.sum(2, keepdims=True), 1))


def guided_step(loop: str, weight: float, **changes) -> dict[str, torch.Tensor]:
    """The losses of a batch and their gradients."""
    model = small_model(**changes)
    settings = TrainSettings(loop=loop, label_smoothing=0.0)
    updater = Updater(model, settings, device=torch.device("cpu"), precision=torch.float32)
    source_BS, lengths_B, target_BT = sentences(SIZES)
    targets_B = torch.tensor([target for _, target in SIZES])
    tokens = int(lengths_B.sum()), int(targets_B.sum())
    batch = Batch(source_BS, lengths_B, target_BT, targets_B, *tokens, guide())
    loss, nll, attention, linked, _ = updater.loss(batch, weight)
    loss.backward()
    figures = {"loss": loss.detach(), "nll": nll, "attention": attention, "linked": linked}
    return figures | {f"gradient of {name}": parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("name", [name for name in ATTENTIONS if name != "none"])
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_guided_steps_of_both_loops_are_the_same(name, feeding):
    changes = {"attention": name, "input_feeding": feeding}
    want, got = guided_step("reference", 0.7, **changes), guided_step("fused", 0.7, **changes)
    plain = guided_step("reference", 0.0, **changes)
    for quantity, expected in want.items():
        torch.testing.assert_close(
            got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )
    assert want["nll"] == plain["nll"]
    assert float(want["loss"]) == pytest.approx(float(plain["loss"] + 0.7 * want["attention"]))
    assert float(want["linked"]) == pytest.approx(int((guide().sum(2) > 0).sum()))
    assert plain["attention"] == plain["linked"] == 0
    assert not torch.allclose(want["gradient of source_embedding.weight"], plain["gradient of source_embedding.weight"])


def test_the_loss_is_the_cross_entropy_of_the_links():
    attention_BTS = torch.rand(len(SIZES), 6, 7, dtype=torch.float64).softmax(-1)
    guide_BTS = guide()
    expected = 0.0
    for weights_TS, shares_TS in zip(attention_BTS.tolist(), guide_BTS.tolist(), strict=True):
        for weights, shares in zip(weights_TS, shares_TS, strict=True):
            expected -= sum(share * math.log(weight) for weight, share in zip(weights, shares, strict=True))
    assert float(guided_loss(attention_BTS, guide_BTS)) == pytest.approx(expected)


def test_a_weight_of_zero_on_a_link_has_a_finite_loss_and_gradient():
    scores_BTS = torch.tensor([[[0.0, 60.0, 200.0]]], requires_grad=True)
    for wanted in range(3):
        guide_BTS = torch.eye(3)[wanted].view(1, 1, 3)
        loss = guided_loss(scores_BTS.softmax(-1), guide_BTS)
        (gradient_BTS,) = torch.autograd.grad(loss, scores_BTS)
        assert 0 <= float(loss.detach()) < 70
        assert gradient_BTS.isfinite().all()
    loss = guided_loss(torch.tensor([[[60.0, 0.0]]], requires_grad=True).softmax(-1), torch.eye(2)[1].view(1, 1, 2))
    assert float(loss.detach()) == pytest.approx(60)


def test_the_gradient_by_the_scores_is_attention_minus_the_guide():
    scores_BTS = torch.tensor([[[0.0, 50.0]]], requires_grad=True)
    (gradient_BTS,) = torch.autograd.grad(guided_loss(scores_BTS.softmax(-1), torch.tensor([[[1.0, 0.0]]])), scores_BTS)
    torch.testing.assert_close(gradient_BTS, torch.tensor([[[-1.0, 1.0]]]))
