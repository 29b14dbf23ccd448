"""training_cost.py: matrix products counted by hand, and as torch counts them; their time over several rounds."""

import pytest
import torch
from support.models import ATTENTIONS, VOCABULARY, small_model
from support.tools import load_tool
from torch.utils.flop_counter import FlopCounterMode

from nmt.model.attention.scores import AdditiveAttention
from nmt.settings import ModelSettings
from nmt.training.loss import smoothed_loss

tool = load_tool("benchmarks/training_cost")


def flops_by_part(settings: ModelSettings, shape: tuple[int, ...]) -> dict[str, int]:
    products = tool.list_products(settings, VOCABULARY, tool.Shape(*shape))
    return {part: sum(one.flops for one in products if one.part == part) for part in {one.part for one in products}}


def test_operations_are_those_counted_by_hand():
    """One sentence of two source and three target tokens; each figure is inputs * outputs * positions, summed."""
    sizes = {"embedding_size": 2, "encoder_size": 1, "decoder_size": 2, "attention_size": 7, "readout_size": 4}
    settings = ModelSettings(attention="luong-dot", input_feeding=False, tie="none", **sizes)
    each_way = 6  # a multiplication and an addition, forward and for two gradients
    assert flops_by_part(settings, (1, 2, 3, 3)) == {
        "encoder": each_way * (2 * (2 * 3 * 2 + 1 * 3 * 2) + 2 * 2),  # two directions: input, state; then the bridge
        "recurrence": each_way * (2 * 6 * 3 + 2 * 6 * 3),  # input, state
        "attention": each_way * (2 * 2 * 3 + 2 * 2 * 3),  # every target position: scores of, and mixture of, two
        "readout": each_way * 4 * 4 * 3,
        "loss": each_way * 4 * VOCABULARY * 3,
    }
    minimal = settings.model_copy(update={"encoder_cell": "mingru"})
    assert flops_by_part(minimal, (1, 2, 3, 3))["encoder"] == each_way * (2 * 2 * 2 * 2 + 2 * 2)
    lightweight = settings.model_copy(update={"encoder_cell": "lrn"})
    assert flops_by_part(lightweight, (1, 2, 3, 3))["encoder"] == each_way * (2 * 2 * 3 * 2 + 2 * 2)


@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize(("name", "layers"), [*((name, 1) for name in ATTENTIONS), ("bahdanau", 3), ("luong-dot", 2)])
def test_operations_are_those_that_the_readable_loop_does(name, layers, feeding, monkeypatch):
    """The counter knows products. So v . tanh(q + k) is one here, as in the fused loop, and not a sum."""

    def score(attention, query_BT1HE, keys_BXSHE):
        return torch.einsum("btshe,he->btsh", torch.tanh(query_BT1HE + keys_BXSHE), attention.v_HE)

    monkeypatch.setattr(AdditiveAttention, "score", score)
    sentences, source, target = 3, 8, 9
    model = small_model(
        attention=name,
        input_feeding=feeding,
        encoder_layers=2,
        decoder_layers=layers,
        decoder_transitions=layers - 1,
        encoder_transitions=layers - 1,
        tie="none",
        lexical=layers == 3,
    )
    source_BS, target_BT = torch.full((sentences, source), 5), torch.full((sentences, target), 5)
    with FlopCounterMode(display=False) as forward:
        readout_BTR, _ = model(source_BS, torch.full((sentences,), source), target_BT)
        vectors_VR, bias_V = model.output_vectors, model.output_bias
        loss, _ = smoothed_loss(readout_BTR.flatten(0, 1), vectors_VR, bias_V, target_BT.flatten(), 0.0)
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    counted = sum(flops_by_part(model.settings, (sentences, source, target, sentences * target)).values())
    assert forward.get_total_flops() == counted // 3
    # The first states are zeros that need no gradient.
    assert 0.9 * counted * 2 / 3 < backward.get_total_flops() <= counted * 2 / 3
