"""The encoder: from embedded source tokens to memory, and to a summary for the decoder's first state."""

# B sentences   S source positions   E embedding   H encoder state, one direction   M = 2 * H memory
# N = B * S positions   P directions   F features   A heads   D = M / A   G = 3 * H gates

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nmt.model.dropout import Dropout, WeightDropout
from nmt.model.gru import GRU
from nmt.model.minimal import LightweightNetwork, MinimalGRU

Layer = Callable[[Sequence[Any], Tensor, Sequence[Sequence[Tensor]]], Tensor]


def run_layer(cells: Sequence[Any], inputs_PSBE: Tensor, recurrent_weights: Sequence[Sequence[Tensor]]) -> Tensor:
    """Run each cell over its own inputs, with these weights for its `recurrent_weights`. -> states_PSBH

    The cells are of one class, which is a value of CELLS.
    """
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # TF32 has ten bits of float32's mantissa
        layers = zip(cells, inputs_PSBE, recurrent_weights, strict=True)
        return torch.stack([cell(inputs_SBE, weights) for cell, inputs_SBE, weights in layers])


CELLS: dict[str, Callable[[int, int], nn.Module]] = {"gru": GRU, "mingru": MinimalGRU, "lrn": LightweightNetwork}


class Encoder(nn.Module):
    """Bidirectional GRU layers                    Bahdanau et al. 2015, arXiv:1409.0473, A.2.1

    The memory of a word is a concatenation: the forward state after it and the backward state before it. The paper has
    one layer; here any number are stacked, with dropout between them and optional layer normalisation after each.
    `residual` adds what a layer reads to its states, before the norm, from the second layer on (Wu et al. 2016,
    arXiv:1609.08144, 3.1; unlike theirs, every layer is bidirectional).

    The backward direction is a forward GRU over reversed sentences, each within its own length. Padding is last in both
    directions and never read, so no packed sequences are needed, and lengths stay on the device.

    `cell` is "gru", "mingru" or "lrn"; the last two have no weights of a recurrence. `transitions` is the number of
    those after each update of a GRU, in every layer and direction.

    With `heads` the states of the top layer then attend to each other. Without layers the memory of a word is its
    embedding, which has 2 * `size` dimensions and does not depend on the word's neighbours or position.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        layers: int,
        dropout: Dropout,
        layer_norm: bool,
        heads: int = 0,
        weight_dropout: float = 0.0,
        residual: bool = False,
        cell: str = "gru",
        transitions: int = 0,
    ) -> None:
        super().__init__()
        widths = [2 * size if depth else input_size for depth in range(layers)]
        kind = partial(GRU, transitions=transitions) if transitions else CELLS[cell]
        self.forwards = nn.ModuleList(kind(width, size) for width in widths)
        self.backwards = nn.ModuleList(kind(width, size) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(2 * size) if layer_norm else nn.Identity() for _ in widths)
        self.weight_dropout = WeightDropout(weight_dropout)
        self.dropout = dropout
        self.residual = residual
        self.self_attention = SelfAttention(2 * size, heads, dropout) if heads else None

    def forward(self, embedded_BSE: Tensor, lengths_B: Tensor, layer: Layer = run_layer) -> tuple[Tensor, Tensor]:
        """Memory, zero on padding, and the last state of each direction of the top layer. -> values_BSM, final_BM

        Without layers `final_BM` is half of the last embedding and half of the first. `lengths_B` counts real
        positions, at least one in each sentence. `layer` is `run_layer`, or `scan_layer`, which computes the same.
        """
        B, S, _ = embedded_BSE.shape
        positions_S = torch.arange(S, device=embedded_BSE.device)
        real_BS1 = (positions_S < lengths_B[:, None])[..., None]
        reversed_BS = (lengths_B[:, None] - 1 - positions_S) % S
        rows_PSB, back_PBS = index_directions(reversed_BS)
        values_BSM = embedded_BSE if self.norms else embedded_BSE * real_BS1
        for depth, (ahead, back, norm) in enumerate(zip(self.forwards, self.backwards, self.norms, strict=True)):
            below_BSM = values_BSM
            if depth:
                values_BSM = self.dropout(values_BSM)
            inputs_PSBE = gather_rows(values_BSM.flatten(0, 1), rows_PSB, back_PBS).view(2, S, B, -1)
            cells: Any = (ahead, back)
            weights = [[self.weight_dropout(weight) for weight in cell.recurrent_weights] for cell in cells]
            states_PSBH = layer(cells, inputs_PSBE, weights)
            pairs_NP = back_PBS.flatten(1).t()  # both directions of a source position, one after the other
            unpair_PSB = torch.stack((2 * rows_PSB[0], 2 * rows_PSB[1] + 1))
            values_BSM = gather_rows(states_PSBH.flatten(0, 2), pairs_NP, unpair_PSB).view(B, S, -1)
            if depth and self.residual:
                values_BSM = values_BSM + below_BSM
            values_BSM = norm(values_BSM) * real_BS1
        last_BM = values_BSM.gather(1, (lengths_B - 1)[:, None, None].expand(-1, 1, values_BSM.shape[-1]))[:, 0]
        size = last_BM.shape[-1] // 2
        final_BM = torch.cat((last_BM[:, :size], values_BSM[:, 0, size:]), dim=-1)
        if self.self_attention is not None:
            values_BSM = self.self_attention(values_BSM, real_BS1[..., 0]) * real_BS1
        return values_BSM, final_BM


class SelfAttention(nn.Module):
    """y = norm(x + W_o [head_1; ...; head_A])    Vaswani et al. 2017, arXiv:1706.03762, 3.1 and 3.2.2

    head_a(i) = sum over j of softmax over j of (Q_a x_i . K_a x_j / sqrt(D)) V_a x_j, over real positions j.
    """

    def __init__(self, size: int, heads: int, dropout: Dropout) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query_weight = nn.Linear(size, size, bias=False)
        self.key_weight = nn.Linear(size, size, bias=False)
        self.value_weight = nn.Linear(size, size, bias=False)
        self.out_weight = nn.Linear(size, size, bias=False)
        self.norm = nn.LayerNorm(size)

    def forward(self, values_BSM: Tensor, real_BS: Tensor) -> Tensor:
        """-> values_BSM"""
        query_BASD, key_BASD, value_BASD = (
            weight(values_BSM).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for weight in (self.query_weight, self.key_weight, self.value_weight)
        )
        real_B11S = real_BS[:, None, None]
        mixed_BASD = F.scaled_dot_product_attention(query_BASD, key_BASD, value_BASD, attn_mask=real_B11S)
        attended_BSM = self.out_weight(mixed_BASD.transpose(1, 2).flatten(2))
        normed_BSM: Tensor = self.norm(values_BSM + self.dropout(attended_BSM))
        return normed_BSM


def index_directions(reversed_BS: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of each direction's inputs in a flattened (B, S), and of the states of (B, S) in a flattened (P, S, B).

    -> rows_PSB, back_PBS
    """
    B, S = reversed_BS.shape
    sentences_B = torch.arange(B, device=reversed_BS.device)
    order_PBS = torch.stack((torch.arange(S, device=reversed_BS.device).expand(B, S), reversed_BS))
    rows_PSB = (sentences_B[:, None] * S + order_PBS).transpose(1, 2)
    starts_P = torch.arange(2, device=reversed_BS.device) * (B * S)
    return rows_PSB, order_PBS * B + sentences_B[:, None] + starts_P[
        :, None, None
    ]  # a sentence reversed twice is itself


def gather_rows(values_NF: Tensor, rows: Tensor, back: Tensor) -> Tensor:
    """`values_NF[rows]`, where every row is picked equally often; `back` holds the indices of the copies of each row.

    -> picked_NF, in the order of `rows`
    """
    picked_NF: Tensor = GatherRows.apply(values_NF, rows.flatten(), back.flatten())  # type: ignore[no-untyped-call]
    return picked_NF


class GatherRows(torch.autograd.Function):
    """Indexing whose gradient is computed by indexing too; torch's would add row by row."""

    @staticmethod
    def forward(ctx: Any, values_NF: Tensor, rows_N: Tensor, back_N: Tensor) -> Tensor:
        ctx.save_for_backward(back_N)
        ctx.rows = len(values_NF)
        return values_NF.index_select(0, rows_N)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_picked_NF: Tensor) -> tuple[Tensor, None, None]:
        (back_N,) = ctx.saved_tensors
        copies = len(back_N) // ctx.rows
        d_NF = d_picked_NF.index_select(0, back_N)
        return (d_NF if copies == 1 else d_NF.view(copies, ctx.rows, -1).sum(0)), None, None
