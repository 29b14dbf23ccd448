"""The decoder's GRU against torch's cell, the encoder against torch's packed layers, gradients against finite
differences."""

import pytest
import torch
from support.models import ATTENTIONS, sentences, small_model, small_settings
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmt.model.cells import build_cell
from nmt.model.dropout import Dropout
from nmt.model.encoder import Encoder

pytestmark = pytest.mark.numerical


@pytest.mark.parametrize("name", ["bahdanau", "luong-dot", "none"])
def test_the_cell_updates_as_a_torch_gru_cell(name):
    torch.manual_seed(0)
    cell = build_cell(small_settings(attention=name)).double()
    loop_size = 0 if cell.from_loop is None else cell.from_loop.in_features
    twin = nn.GRUCell(6 + loop_size, 8).double()
    with torch.no_grad():
        parts = [cell.from_embedding.weight] + ([] if cell.from_loop is None else [cell.from_loop.weight])
        twin.weight_ih.copy_(torch.cat(parts, dim=1))
        twin.bias_ih.copy_(cell.from_embedding.bias)
        twin.weight_hh.copy_(cell.from_hidden.weight)
        twin.bias_hh.copy_(cell.from_hidden.bias)
    embedded_BKE, hidden_BKD = torch.randn(2, 3, 6).double(), torch.randn(2, 3, 8).double()
    looped_BKF = torch.randn(2, 3, loop_size).double()
    found = cell.update(cell.from_embedding(embedded_BKE), looped_BKF, hidden_BKD)
    expected = twin(torch.cat((embedded_BKE, looped_BKF), -1).flatten(0, 1), hidden_BKD.flatten(0, 1))
    torch.testing.assert_close(found.flatten(0, 1), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_encoder_equals_packed_bidirectional_layers(layers):
    torch.manual_seed(0)
    encoder = Encoder(6, 4, layers, Dropout(0.0, False), layer_norm=False).double()
    twin = nn.GRU(6, 4, layers, batch_first=True, bidirectional=True).double()
    with torch.no_grad():
        for depth in range(layers):
            for suffix, gru in (("", encoder.forwards[depth]), ("_reverse", encoder.backwards[depth])):
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(twin, f"{kind}_l{depth}{suffix}").copy_(getattr(gru, f"{kind}_l0"))
    embedded_BSE, lengths_B = torch.randn(4, 5, 6).double(), torch.tensor([2, 5, 1, 4])
    values_BSM, final_BM = encoder(embedded_BSE, lengths_B)
    packed, last_LBH = twin(pack_padded_sequence(embedded_BSE, lengths_B, batch_first=True, enforce_sorted=False))
    expected_BSM, _ = pad_packed_sequence(packed, batch_first=True)
    torch.testing.assert_close(values_BSM, expected_BSM, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(final_BM, torch.cat((last_LBH[-2], last_LBH[-1]), -1), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("settings", [*({"attention": name} for name in ATTENTIONS), {"encoder_heads": 2}], ids=str)
def test_gradients_are_those_of_finite_differences(settings, layer_norm):
    model = small_model(**settings, layer_norm=layer_norm, embedding_size=2, encoder_size=1, decoder_size=2)
    source_BS, lengths_B, target_BT = sentences([(2, 2), (3, 1)])
    parameters = [parameter for key, parameter in model.named_parameters() if "embedding" not in key]

    def outputs(*_):
        readout_BTR, attention_BTS = model(source_BS, lengths_B, target_BT)
        return readout_BTR, attention_BTS

    assert torch.autograd.gradcheck(outputs, parameters, fast_mode=True)
