"""Batches padded to the shapes of CUDA graphs, and updates with graphs against updates without."""

import pytest
import torch
from support.machine import needs_gpu
from support.models import KINDS, sentences, small_model
from torch import nn

from nmt.data.batches import Batch
from nmt.settings import TrainSettings
from nmt.training import cuda_graphs
from nmt.training.cuda_graphs import allocate, fill_padded, pad_shape
from nmt.training.update import Updater

pytestmark = pytest.mark.numerical
PAIRS = [[(4, 6), (7, 3), (1, 1)], [(2, 2), (5, 4)], [(11, 10), (9, 14), (3, 3), (1, 8), (6, 2)]]  # (source, target)
RATE = 1e-3


def make_batch(pairs, device, *, is_guided: bool) -> Batch:
    source_BS, lengths_B, target_BT = sentences(pairs)
    target_lengths_B = (target_BT != 0).sum(1)
    guide_BTS = torch.zeros(*target_BT.shape, source_BS.shape[1])
    guide_BTS[:, 0, 0] = 1
    tokens = int(lengths_B.sum()), int(target_lengths_B.sum())
    return Batch(source_BS, lengths_B, target_BT, target_lengths_B, *tokens, guide_BTS if is_guided else None).to(
        device
    )


def make_updater(device="cpu", *, dtype=torch.float64, precision=torch.float32, train=None, notes=None, **changes):
    torch.manual_seed(1)
    model = small_model(**changes).to(dtype)
    settings = TrainSettings(**{"loop": "fused", "compile": False} | (train or {}))
    note = (lambda text: None) if notes is None else notes.append
    return Updater(model, settings, device=torch.device(device), precision=precision, note=note)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_padded_batch_is_that_of_the_batch(kind):
    found = []
    for is_padded in False, True:
        updater = make_updater(**KINDS[kind] | {"dropout": 0.0})
        batch = make_batch(PAIRS[2], "cpu", is_guided=kind != "none")
        if is_padded:
            shape = pad_shape(batch)
            assert shape[:3] == (8, 12, 16)
            padded = allocate(batch, shape)
            fill_padded(padded, batch)
            batch = padded._replace(target_tokens=batch.target_tokens)
        loss, *others = updater.loss(batch, 0.5)
        loss.backward()
        gradients = [parameter.grad for parameter in updater.model.parameters()]
        found.append([loss.detach(), *(other.to(loss.dtype) for other in others), *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@needs_gpu
@pytest.mark.parametrize("kind", KINDS)
def test_updates_with_graphs_equal_those_without(kind, monkeypatch):
    """Each shape comes three times: it is computed, recorded and repeated."""
    replays = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda graph: (replays.append(graph), replay(graph))[1])
    found = []
    for graphs in False, True:
        notes = []
        updater = make_updater(
            "cuda", train={"cuda_graphs": graphs}, notes=notes, **KINDS[kind] | {"dropout": 0.0, "word_dropout": 0.0}
        )
        sums = []
        for number in range(9):
            batch = make_batch(PAIRS[number % 3], "cuda", is_guided=kind != "none")
            sums.append(updater.update([batch], RATE, 0.5 + number))
        assert notes == []
        found.append([*(figure for one in sums for figure in one[:5]), *updater.model.parameters()])
    assert len(replays) == 6
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(torch.as_tensor(other), torch.as_tensor(one), rtol=1e-8, atol=1e-10)


@needs_gpu
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("consistency", ["none", "simcut", "r-drop"])
def test_a_recorded_update_has_the_bits_and_random_numbers_of_one_that_is_not(precision, consistency):
    found = []
    dropouts = {"dropout": 0.3, "word_dropout": 0.1, "weight_dropout": 0.2}
    for can_record in False, True:
        train = {"consistency": consistency}
        updater = make_updater("cuda", dtype=torch.float32, precision=precision, train=train, **dropouts)
        assert updater.graphed is not None
        updater.graphed.can_record = can_record
        torch.manual_seed(7)
        for number in range(9):
            updater.update([make_batch(PAIRS[number % 3], "cuda", is_guided=False)], RATE)
        found.append([*updater.model.parameters(), torch.rand(3, device="cuda")])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@needs_gpu
def test_the_shape_that_was_used_longest_ago_is_forgotten(monkeypatch):
    monkeypatch.setattr(cuda_graphs, "MOST_SHAPES", 2)
    updater = make_updater("cuda")
    assert updater.graphed is not None
    for number in 0, 2, 0, 2, 1:
        pairs = PAIRS[number] if number != 1 else [(40, 40)]
        updater.update([make_batch(pairs, "cuda", is_guided=False)], RATE)
    assert [shape[1] for shape in updater.graphed.recordings] == [12, 40]


class Waits(nn.Module):
    """Reads a number from the GPU, which no graph can."""

    def forward(self, values):
        return values * (float(values.detach().sum()) != 1e30)


@needs_gpu
def test_what_cannot_be_recorded_is_computed_without_graphs():
    found = []
    for graphs in False, True:
        notes = []
        updater = make_updater("cuda", train={"cuda_graphs": graphs}, notes=notes, dropout=0.0)
        updater.model.cell.norm_readout = Waits()
        for _ in range(4):
            updater.update([make_batch(PAIRS[0], "cuda", is_guided=False)], RATE)
        found.append([*updater.model.parameters(), torch.rand(3, device="cuda").new_zeros(1)])
    [note] = notes
    assert note.startswith("CUDA graphs are not used from now on: recording one failed: ")
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-8, atol=1e-10)
