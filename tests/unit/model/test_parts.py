"""Parts of the network: every parameter is in one, and frozen ones neither change nor take memory in the optimizer."""

import pytest
import torch
from support.models import KINDS, VOCABULARY, sentences, small_model, small_settings

from nmt.data.batches import Batch
from nmt.model.parts import PREFIXES, find_part, freeze_parts
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import TrainSettings
from nmt.training.update import Updater

PARTS = list(PREFIXES.values())
EVERYTHING = {"tie": "none", "layer_norm": True, "encoder_layers": 2, "encoder_heads": 2}


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_part(kind):
    model = Seq2Seq(small_settings(**EVERYTHING | KINDS[kind]), VOCABULARY, VOCABULARY, initialise=False)
    found = {find_part(name) for name, _ in model.named_parameters()}
    assert {"source-embeddings", "target-embeddings", "encoder", "bridge", "decoder", "output"} <= found <= set(PARTS)


@pytest.mark.parametrize("loop", ["fused", "reference"])
@pytest.mark.parametrize("attention", ["bahdanau", "luong-general", "luong-dot"])
@pytest.mark.parametrize("frozen", [[part] for part in PARTS] + [[one for one in PARTS if one != "target-embeddings"]])
def test_frozen_parts_stay_and_others_change_as_they_would(loop, attention, frozen):
    """The gradient of what is trained is that without freezing, in both loops."""
    batch = sentences([(4, 3), (2, 5), (3, 3)], seed=3)
    target_lengths_B = torch.tensor([3, 5, 3])
    gradients = []
    for parts in ([], frozen):
        model = small_model(7, attention=attention, **EVERYTHING)
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        trained = freeze_parts(model, parts)
        settings = TrainSettings(loop=loop, clip=0.0, compile=False)
        updater = Updater(model, settings, device=torch.device("cpu"), precision=torch.float32)
        updater.update([Batch(*batch, target_lengths_B, 9, 11)], 0.01)
        kept = {name for name in before if find_part(name) in parts}
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters() if name not in kept})
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, before[name]) == (name in kept), name
            assert (parameter in updater.optimizer.state) == (name not in kept), name
        assert set(updater.parameter_names) == before.keys() - kept
        assert trained == sum(before[name].numel() for name in before.keys() - kept)
    for name, gradient in gradients[1].items():
        torch.testing.assert_close(gradient, gradients[0][name])
