"""What is computed with a small model: one training step through the readable or the fused loops, steps of a search."""

import numpy as np
import torch

from nmt.ids import BOS, EOS, PAD
from nmt.step import Array
from nmt.training.update import LOOPS, Loops
from support.models import sentences, small_model

REGULARISED = {"dropout": 0.4, "word_dropout": 0.3, "weight_dropout": 0.2, "layer_norm": True, "encoder_layers": 2}


def figures_and_gradients(loops: str | Loops, device: str = "cpu", **changes) -> dict[str, torch.Tensor]:
    """All that a training step computes, and the random numbers that follow it."""
    layer, decode, word_loss, _ = LOOPS[loops] if isinstance(loops, str) else loops
    model = small_model(**(REGULARISED | changes)).train().to(device)
    batch = sentences([(4, 6), (7, 3), (1, 1), (5, 5)])
    source_BS, lengths_B, target_BT = (tensor.to(device) for tensor in batch)
    torch.manual_seed(1)
    readout_BTR, attention_BTS = model(source_BS, lengths_B, target_BT, layer, decode)
    real_BT = target_BT != PAD
    loss, nll = word_loss(readout_BTR[real_BT], model.output_vectors, model.output_bias, target_BT[real_BT], 0.1)
    loss.backward()
    figures = {
        "loss": loss.detach(),
        "nll": nll,
        "attention": attention_BTS.detach(),
        "next": torch.rand(3, device=device),
    }
    return figures | {f"gradient of {name}": parameter.grad for name, parameter in model.named_parameters()}


def assert_same_step(device: str = "cpu", **changes) -> None:
    """Compare a step through the fused loops with one through the readable loops."""
    want, got = (figures_and_gradients(loop, device, **changes) for loop in ("reference", "fused"))
    assert_same_figures(got, want)


def assert_same_figures(got: dict[str, torch.Tensor], want: dict[str, torch.Tensor]) -> None:
    """Compare what two steps in float64 computed, by name; they may have run on two devices."""
    assert want.keys() == got.keys()
    for quantity, expected in want.items():
        if expected is None:
            assert got[quantity] is None, quantity
            continue
        torch.testing.assert_close(
            got[quantity].to(expected.device),
            expected,
            rtol=1e-9,
            atol=1e-11,
            msg=lambda text, quantity=quantity: f"{quantity}: {text}",
        )


def run_steps(model) -> list[Array]:
    """Log-probabilities, attention and its parts at four steps, while rows are repeated, rearranged and dropped."""
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)]).to_arrays()
    state = model.start(source_BS, lengths_B)
    generator = torch.Generator().manual_seed(1)
    previous_N, found = np.full(3, BOS), []
    for rows in ([[0, 0], [1, 1], [2, 2]], [[1, 0], [5, 4]], [[0], [3]], [[0], [1]]):
        out = model.step(previous_N, state)
        parts = [] if out.parts_NHS is None else [out.parts_NHS]
        found += [out.expand_to_vocabulary(model.vocabulary).log_probs_NV, out.attention_NS, *parts]
        rows_BK = np.array(rows)
        state = model.select(out.state, rows_BK)
        previous_N = torch.randint(EOS + 1, model.vocabulary, (rows_BK.size,), generator=generator).numpy()
    return found


def assert_steps_give_what_teacher_forcing_gives(model, stepping=None, *, atol):
    """Compare three steps of a network, or of another model that computes the same, with the whole target at once."""
    stepping = stepping or model
    batch = sentences([(4, 3), (2, 3)])
    readout_BTR, attention_BTS = model(*batch)
    expected_BTV = model.score_words(readout_BTR).log_softmax(-1).detach().numpy()
    source_BS, lengths_B, target_BT = batch.to_arrays()
    state, previous_N = stepping.start(source_BS, lengths_B), np.full(2, BOS)
    for t in range(3):
        out = stepping.step(previous_N, state)
        np.testing.assert_allclose(out.log_probs_NV, expected_BTV[:, t], rtol=0, atol=atol)
        np.testing.assert_allclose(out.attention_NS, attention_BTS[:, t].detach(), rtol=0, atol=atol)
        assert (0 if out.parts_NHS is None else out.parts_NHS.shape[1]) == len(model.part_names)
        previous_N, state = target_BT[:, t], out.state
