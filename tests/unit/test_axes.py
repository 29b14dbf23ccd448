"""Training, search and forced scoring with every public function of `model` and `search` held to its axis letters."""

import numpy as np
import pytest
import torch
from support.axes import AxisError, checked, hold_axes
from support.models import KINDS, sentences, small_model

from nmt.search import beam, forced_decoding


@pytest.mark.parametrize("kind", [*KINDS, "encoder heads"])
@pytest.mark.parametrize("feeding", [True, False])
def test_tensors_are_shaped_as_they_are_named(monkeypatch, kind, feeding):
    from nmt.kernels import scan, unroll_fused

    assert hold_axes(monkeypatch, "nmt.model", "nmt.kernels", "nmt.inference", "nmt.search") > 100
    settings = KINDS.get(kind, {"encoder_heads": 2})
    model = small_model(**{"encoder_layers": 2} | settings, input_feeding=feeding, layer_norm=True)
    batch = sentences([(4, 3), (2, 5), (6, 2)])
    model(*batch, scan.scan_layer, unroll_fused.unroll_fused).readout_BTR.sum().backward()
    model(*batch).readout_BTR.sum().backward()
    arrays = batch.to_arrays()
    found = beam.beam_search(
        model,
        *arrays[:2],
        beam=3,
        n_best=2,
        normalization="wu",
        alpha=1.0,
        max_length_ratio=2.0,
        max_length_extra=2,
    )
    assert len(found) == 3
    assert len(forced_decoding.force_decode(model, *arrays, np.array([3, 5, 2]))) == 3


def test_a_wrong_shape_is_noticed():
    @checked
    def mix(weights_NS, memory_NSM):
        """-> context_NM"""
        return torch.einsum("ns,nsm->nm", weights_NS, memory_NSM)

    @checked
    def forget(values_BSM):
        """-> values_BS"""
        return values_BSM

    mix(torch.ones(2, 3), torch.ones(2, 3, 4))
    with pytest.raises(AxisError, match="memory_NSM has the shape"):
        mix(torch.ones(2, 3), torch.ones(3, 2, 4))
    with pytest.raises(AxisError, match="memory_NSM has the shape"):
        mix(torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(AxisError, match="values_BS has the shape"):
        forget(torch.ones(2, 3, 4))
