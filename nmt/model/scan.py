"""GRUs side by side over whole sequences at the hardware's speed, their backward pass written by hand.

For the encoder's two directions, and for a decoder that attends afterwards. The derivation stands at the top of
nmt.model.unroll_fused.
"""

# P GRUs side by side   T positions   B sentences   E input   D state   G = 3 * D gates   F features
# C = 4 * D gradients of gates

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nmt.model.pieces import EAGER, Pieces

EPSILON = 1e-5  # of torch.nn.LayerNorm


def operand_of(value: Tensor) -> torch.dtype:
    """What products read: autocast's type where it is on."""
    device = value.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else value.dtype


def scan_layer(grus: Sequence[nn.GRU], inputs_PTBE: Tensor, pieces: Pieces = EAGER) -> Tensor:
    """Each GRU over its own inputs, from zeros. -> states_PTBD"""
    weights, biases, recurrent_weights, recurrent_biases = (
        torch.stack([getattr(one, name) for one in grus])
        for name in ("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0")
    )
    P, T, B, _ = inputs_PTBE.shape
    sums_PNG = torch.baddbmm(biases[:, None], inputs_PTBE.flatten(1, 2), weights.transpose(1, 2))
    hidden_PBD = sums_PNG.new_zeros(P, B, recurrent_weights.shape[-1], dtype=biases.dtype)
    return scan(sums_PNG.view(P, T, B, -1), hidden_PBD, recurrent_weights, recurrent_biases, {}, pieces)


def scan(
    sums_PTBG: Tensor,
    hidden_PBD: Tensor,
    weight_PGD: Tensor,
    bias_PG: Tensor,
    norms: dict[str, Tensor | None],
    pieces: Pieces = EAGER,
) -> Tensor:
    """Run GRUs whose inputs' share of the gates is `sums`. `norms` may hold weight and bias of both sums' layer norms.

    -> states_PTBD, as operands of products
    """
    given = [norms.get(f"norm_{side}_{key}_G") for side in ("input", "hidden") for key in ("weight", "bias")]
    states_PTBD: Tensor = Scan.apply(  # type: ignore[no-untyped-call]
        pieces, operand_of(sums_PTBG), sums_PTBG, hidden_PBD, weight_PGD, bias_PG, *given
    )
    return states_PTBD


class Scan(torch.autograd.Function):
    """The loop as one differentiable function."""

    @staticmethod
    def forward(
        ctx: Any,
        pieces: Pieces,
        operand: torch.dtype,
        sums_PTBG: Tensor,
        hidden_PBD: Tensor,
        weight_PGD: Tensor,
        bias_PG: Tensor,
        *norms: Tensor | None,
    ) -> Tensor:
        P, T, B, G = sums_PTBG.shape
        D = G // 3
        with torch.autocast(sums_PTBG.device.type, enabled=False):
            weight_PGD = weight_PGD.to(operand).roll(D, 1)
            weight_PDG = weight_PGD.transpose(1, 2)
            bias_P1G = bias_PG.to(operand).roll(D, 1)[:, None]
            norm_input, norm_hidden = Norm(norms[0], norms[1]), Norm(norms[2], norms[3], turn=D)
            gates = tuple(hidden_PBD.new_empty(P, T, B, D) for _ in range(3))
            hidden_PTBD = hidden_PBD.new_empty(P, T + 1, B, D)
            states_PTBD = hidden_PBD.new_empty(P, T + 1, B, D, dtype=operand)
            reads_PTBG = torch.empty_like(sums_PTBG, dtype=operand)
            hidden_PTBD[:, 0] = hidden_PBD
            states_PTBD[:, 0] = hidden_PBD
            turned = []
            steps = zip(
                sums_PTBG.unbind(1), hidden_PTBD.unbind(1), hidden_PTBD[:, 1:].unbind(1),
                states_PTBD.unbind(1), states_PTBD[:, 1:].unbind(1), reads_PTBG.unbind(1),
                *(gate.unbind(1) for gate in gates), strict=False,
            )  # fmt: skip
            for sums_PBG, before_PBD, after_PBD, state_PBD, next_PBD, reads_PBG, *gates_t in steps:
                torch.baddbmm(bias_P1G, state_PBD, weight_PDG, out=reads_PBG)
                turned_PBG = norm_hidden.forward(reads_PBG)
                turned.append(turned_PBG[..., :D])
                sums_PBG = norm_input.forward(sums_PBG)
                pieces.gru(
                    sums_PBG.chunk(3, -1), turned_PBG.chunk(3, -1), before_PBD, tuple(gates_t), after_PBD, next_PBD
                )
        ctx.kept = pieces, weight_PGD, norm_input, norm_hidden, gates, hidden_PTBD, states_PTBD, turned
        return states_PTBD[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states_PTBD: Tensor) -> tuple[Tensor | None, ...]:
        pieces, weight_PGD, norm_input, norm_hidden, gates, hidden_PTBD, states_PTBD, turned = ctx.kept
        P, T, B, D = d_states_PTBD.shape
        G = 3 * D
        with torch.autocast(d_states_PTBD.device.type, enabled=False):
            # [n_b | r | z | n_a]: the state was read for the first three, and what the inputs made is the last three.
            d_PTBC = states_PTBD.new_empty(P, T, B, 4 * D)
            d_reads_PTBG, d_sums_PTBG = d_PTBC[..., :G], d_PTBC[..., D:]
            if norm_input:
                d_reads_PTBG, d_sums_PTBG = torch.empty_like(d_reads_PTBG), torch.empty_like(d_sums_PTBG)
            d_hidden_PBD = torch.zeros_like(hidden_PTBD[:, 0])
            d_more: tuple[Tensor, ...] = ()
            for t in reversed(range(T)):
                gates_t = tuple(gate[:, t] for gate in gates)
                d_gates_t = d_PTBC[:, t].chunk(4, -1)
                d_more = (*d_more, d_states_PTBD[:, t])
                pieces.gru_backward(d_hidden_PBD, d_more, hidden_PTBD[:, t], gates_t, turned[t], d_gates_t)
                if norm_input:
                    d_sums_PTBG[:, t] = norm_input.backward(t, d_PTBC[:, t, :, D:])
                    d_reads_PTBG[:, t] = norm_hidden.backward(t, d_PTBC[:, t, :, :G])
                d_more = (torch.bmm(d_reads_PTBG[:, t], weight_PGD),)
            d_hidden_PBD += d_more[0]
            d_weight_PGD = d_reads_PTBG.flatten(1, 2).transpose(1, 2) @ states_PTBD[:, :-1].flatten(1, 2)
            d_norms = (
                *norm_input.gradients(d_PTBC[..., D:].transpose(0, 1)),
                *norm_hidden.gradients(d_PTBC[..., :G].transpose(0, 1)),
            )
        d_bias_PG = d_reads_PTBG.sum((1, 2), dtype=d_hidden_PBD.dtype)
        d_weight_PGD = d_weight_PGD.to(d_hidden_PBD.dtype)
        return None, None, d_sums_PTBG, d_hidden_PBD, d_weight_PGD.roll(-D, 1), d_bias_PG.roll(-D, 1), *d_norms


class Norm:
    """Layer normalisation of every position in its turn, or nothing where there are no weights.

    `turn` is by how much features were turned round against the weights.
    """

    def __init__(self, weight_F: Tensor | None, bias_F: Tensor | None, turn: int = 0) -> None:
        self.turn = turn
        self.weight_F = None if weight_F is None else weight_F.roll(turn)
        self.bias_F = None if bias_F is None else bias_F.roll(turn)
        self.kept_T: list[tuple[Tensor, Tensor, Tensor]] = []

    def __bool__(self) -> bool:
        return self.weight_F is not None

    def forward(self, values_BF: Tensor) -> Tensor:
        """-> normed_BF"""
        if self.weight_F is None:
            return values_BF
        values_BF = values_BF.to(self.weight_F.dtype)
        normed_BF, mean_B1, scale_B1 = torch.native_layer_norm(
            values_BF, self.weight_F.shape, self.weight_F, self.bias_F, EPSILON
        )
        self.kept_T.append((values_BF, mean_B1, scale_B1))
        return normed_BF

    def backward(self, t: int, d_normed_BF: Tensor) -> Tensor:
        """-> d_values_BF"""
        return self._gradients(d_normed_BF, self.kept_T[t], [True, False, False])[0] if self else d_normed_BF

    def gradients(self, d_normed_TBF: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Of weight and bias, over all positions."""
        if not self:
            return None, None
        kept = tuple(torch.stack(part) for part in zip(*self.kept_T, strict=True))
        _, d_weight_F, d_bias_F = self._gradients(d_normed_TBF, kept, [False, True, True])
        return d_weight_F.roll(-self.turn), d_bias_F.roll(-self.turn)

    def _gradients(self, d_normed: Tensor, kept: tuple[Tensor, ...], wanted: list[bool]) -> tuple[Tensor, ...]:
        assert self.weight_F is not None
        values, mean, scale = kept
        d_normed = d_normed.to(values.dtype)
        gradients: tuple[Tensor, ...] = torch.ops.aten.native_layer_norm_backward(
            d_normed, values, self.weight_F.shape, mean, scale, self.weight_F, self.bias_F, wanted
        )
        return gradients
