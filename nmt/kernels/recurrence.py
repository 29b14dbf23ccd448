"""The decoder's loop over a target with attention inside, and its backward pass written by hand.

The loop, for states h(0) to h(T):

    q(t), b(t) = W_q h(t), U h(t) + c                     one product with stacked weights: the projection of h(t)
    a(t)       = x(t) + W f(t)                            x: from the embedding, one product before the loop
    r, z       = sigm(a_r + b_r), sigm(a_z + b_z)         n = tanh(a_n + r * b_n)
    h(t+1)     = n + z * (h(t) - n)
    e(t, s)    = v . tanh(q + k(s))  or  q . k(s)         p(t) = softmax e(t);  m(t) = sum_s p(t, s) values(s)
    Bahdanau:  f(t) = m(t), from q(t)                     the readout does not recur and is left to the caller
    Luong:     f(t+1) = o(t) = tanh(V [m; h(t+1)] + d)    m from q(t+1), or from h(t+1) itself

Its gradient, from the last position to the first; d_y is the derivative of the loss by y.

    d_pre      = d_o * (1 - o^2)                          Luong only;  [d_m; d_h] = d_pre V
    d_p(s)     = d_m . values(s)  (+ what the caller adds)
    d_e(s)     = p(s) * (d_p(s) - sum_j p(j) d_p(j))      so sum_s d_e(s) = 0, which the next lines use
    dot:       d_q = sum_s d_e(s) k(s)                    d_k(s) = sum_t d_e(t, s) q(t), one batched product at the end
    additive:  u = tanh(q + k(s)), computed again         d_v = sum d_e u
               d_q = sum_s d_e v (1 - u^2) = -v * sum_s d_e u^2
               d_k(s) = v * (sum_t d_e - sum_t d_e u^2)   (B, S, A) is held for one position, never for T of them
    d_n_a      = d_h (1 - z) (1 - n^2);  d_n_b = d_n_a r
    d_r        = d_n_a b_n r (1 - r);    d_z = d_h (h(t) - n) z (1 - z)
    d_f        = [d_r d_z d_n_a] W;      d_h(t) = d_h z + [d_q d_n_b d_r d_z] [W_q; U]
    weights    = one product each over all (t, sentence), after the loop;  d_values = sum_t p(t) d_m(t) likewise

The gate gradients of a position are concatenated as [q | n_b | r | z | n_a], so that each product above reads one
slice: the first four columns, or the last three. For that U is rolled to the order (n, r, z).

Layer norms, where there are any, apply to a and b before they are added, and to the readout before its tanh.

Transitions lead from the state after n + z * (h(t) - n) to h(t+1): see nmt.kernels.transitions.

Heads, windows and gates are prepared before the loop, see `CompositeAttention.build_fused_inputs`: heads are more rows,
windows and gates are a bias of e or a factor of the values. For weights other than softmax

    d_e(s)     = g(s) * (d_p(s) - sum_j g(j) d_p(j) / sum_j g(j))          g: see nmt.model.attention.normalizers
"""

# B sentences   T target positions   S source positions   M memory   D decoder state   A attention space
# G = 3 * D gates   R readout   F fed vector (the context's M or the readout's R)   Q projection of a state: A + G
# X = M + D   L = T, or 1 where the bias is the same at all positions
# H heads   N = H * B rows of attention   E = A / H   U = M / H

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nmt.kernels.attention_step import FusedAttention, build_fused_attention
from nmt.kernels.layer_norm import LayerNormSteps
from nmt.kernels.pointwise import Gates, Kernels
from nmt.kernels.transitions import TransitionInputs, TransitionSteps
from nmt.model.attention.base import Attention, FusedInputs
from nmt.model.attention.normalizers import Normalizer
from nmt.model.cells import Carry, Cell, UpdateThenAttend
from nmt.model.linear import bias_gradient, product_dtype, weight_gradient

tanh_backward = torch.ops.aten.tanh_backward


class LoopInputs(NamedTuple):
    """All inputs of the loop. The gradients have the same names."""

    input_gates_TBG: Tensor
    hidden_BD: Tensor
    hidden_weight_GD: Tensor
    hidden_bias_G: Tensor
    values_NSU: Tensor
    keys_NSE: Tensor
    bias_LNS: Tensor
    loop_weight_GF: Tensor
    query_weight_AD: Tensor | None = None
    v_HE: Tensor | None = None
    fed_BR: Tensor | None = None
    readout_weight_RX: Tensor | None = None
    readout_bias_R: Tensor | None = None
    norm_input_weight_G: Tensor | None = None
    norm_input_bias_G: Tensor | None = None
    norm_hidden_weight_G: Tensor | None = None
    norm_hidden_bias_G: Tensor | None = None
    norm_readout_weight_R: Tensor | None = None
    norm_readout_bias_R: Tensor | None = None
    transition_weight_KPGD: Tensor | None = None
    transition_bias_KPG: Tensor | None = None
    norm_transition_weight_KG: Tensor | None = None
    norm_transition_bias_KG: Tensor | None = None


def run_recurrence(
    cell: Cell,
    input_gates_TBG: Tensor,
    carry: Carry,
    fused_inputs: FusedInputs,
    weights: Sequence[Tensor],
    kernels: Kernels,
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Run the part of `cell` that recurs through attention, with `weights` as its `recurrent_weights`.

    Returns fed_TBR, which is None for AttendThenUpdate; joined_TBX, which is state and context for AttendThenUpdate and
    context and state for UpdateThenAttend; and weights_TNS.
    """
    assert cell.from_loop is not None
    inputs: dict[str, Tensor | None] = {
        "input_gates_TBG": input_gates_TBG,
        "hidden_BD": carry.hidden_BKD[:, 0],
        "hidden_weight_GD": weights[0],
        "hidden_bias_G": cell.from_hidden.bias,
        "loop_weight_GF": cell.from_loop.weight,
        "values_NSU": fused_inputs.values_NSU,
        "keys_NSE": fused_inputs.keys_NSE,
        "bias_LNS": fused_inputs.bias_XNS,
        "query_weight_AD": cell.attention.base_score.query_weight_AD,
        "v_HE": additive_vector(cell.attention),
        **more_parameters(cell, weights),
    }
    if isinstance(cell, UpdateThenAttend):
        inputs |= {
            "fed_BR": carry.fed_BKF[:, 0],
            "readout_weight_RX": cell.readout.weight,
            "readout_bias_R": cell.readout.bias,
            **prefixed_parameters(cell.norm_readout, "norm_readout_{}_R"),
        }
    outputs: tuple[Tensor | None, Tensor, Tensor] = RecurrenceFunction.apply(  # type: ignore[no-untyped-call]
        kernels,
        cell.attention.normalizer,
        fused_inputs.heads,
        product_dtype(input_gates_TBG),
        *LoopInputs(**inputs),  # type: ignore[arg-type]
    )
    return outputs


def additive_vector(attention: Attention) -> Tensor | None:
    """The vector v of an additive score; None for a dot score. -> v_HE"""
    return attention.base_score.v_HE if attention.fused_form == "additive" else None


def more_parameters(cell: Cell, weights: Sequence[Tensor]) -> dict[str, Tensor | None]:
    """Parameters of the layer norms of W x + b and of U h + c, and of transitions, if there are any."""
    found = prefixed_parameters(cell.norm_input, "norm_input_{}_G")
    found |= prefixed_parameters(cell.norm_hidden, "norm_hidden_{}_G")
    if cell.transitions:
        found["transition_weight_KPGD"] = torch.stack(list(weights[1:]))[:, None]
        found["transition_bias_KPG"] = torch.stack([one.from_hidden.bias for one in cell.transitions])[:, None]
        norms = [dict(one.norm_hidden.named_parameters()) for one in cell.transitions]
        found |= {f"norm_transition_{key}_KG": torch.stack([norm[key] for norm in norms]) for key in norms[0]}
    return found


def prefixed_parameters(norm: nn.Module, name: str) -> dict[str, Tensor | None]:
    """Weight and bias of a layer norm, if it is one, by their names in `LoopInputs`."""
    return {name.format(key): value for key, value in norm.named_parameters()}


class RecurrenceFunction(torch.autograd.Function):
    """The loop as one differentiable function of `LoopInputs`."""

    @staticmethod
    def forward(
        ctx: Any, kernels: Kernels, normalizer: Normalizer, heads: int, operand: torch.dtype, *tensors: Tensor
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        with torch.autocast(tensors[0].device.type, enabled=False):
            inputs = LoopInputs(*(value if value is None else value.detach() for value in tensors))
            loop = FusedLoop(inputs, heads, normalizer, operand, kernels)
            ctx.loop = loop
            return loop.forward()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_fed_TBR: Tensor | None, d_joined_TBX: Tensor | None, d_weights_TNS: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        loop: FusedLoop = ctx.loop
        with torch.autocast(loop.inputs.input_gates_TBG.device.type, enabled=False):
            gradients = loop.backward(d_fed_TBR, d_joined_TBX, d_weights_TNS)
        pairs = zip(gradients, loop.inputs, strict=True)
        matched = (None if d is None or value is None else d.to(value.dtype) for d, value in pairs)
        return (None, None, None, None, *matched)


class FusedLoop:
    """The loop forward and backward, and its buffers. A name with T holds all positions, for the backward pass.

    Row t of `projected`, `hidden` and `joined` belongs to state h(t). `joined` holds state and context as operands of
    products: [h; m] for AttendThenUpdate and [m; h] for UpdateThenAttend.
    """

    def __init__(
        self, inputs: LoopInputs, heads: int, normalizer: Normalizer, operand: torch.dtype, kernels: Kernels
    ) -> None:
        self.inputs, self.operand, self.kernels = inputs, operand, kernels
        self.heads, self.normalizer = heads, normalizer
        work = torch.promote_types(inputs.hidden_BD.dtype, torch.float32)
        T, B, gates = inputs.input_gates_TBG.shape
        size = gates // 3
        query_size = 0 if inputs.query_weight_AD is None else len(inputs.query_weight_AD)
        rows, source, share = inputs.values_NSU.shape
        context = heads * share
        self.size, self.query_size = size, query_size
        self.feeds_readout = inputs.readout_weight_RX is not None
        rolled_GD = inputs.hidden_weight_GD.to(operand).roll(size, 0)
        rolled_G = inputs.hidden_bias_G.to(operand).roll(size)
        self.stacked_bias_Q = F.pad(rolled_G, (query_size, 0))
        self.stacked_weight_QD = rolled_GD
        if inputs.query_weight_AD is not None:
            self.stacked_weight_QD = torch.cat((inputs.query_weight_AD.to(operand), rolled_GD))
        self.loop_weight_GF = inputs.loop_weight_GF.to(operand)
        self.norm_input = LayerNormSteps(inputs.norm_input_weight_G, inputs.norm_input_bias_G)
        self.norm_hidden = LayerNormSteps(inputs.norm_hidden_weight_G, inputs.norm_hidden_bias_G, roll=size)
        self.transitions = TransitionSteps(
            TransitionInputs(*(getattr(inputs, name) for name in TransitionInputs._fields)), operand, kernels
        )
        self.norm_readout = LayerNormSteps(inputs.norm_readout_weight_R, inputs.norm_readout_bias_R)

        def buffer(*shape: int, dtype: torch.dtype = operand) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=inputs.input_gates_TBG.device)

        self.projected_TBQ: list[Tensor] = []
        self.gates_T: list[Gates] = []
        self.hidden_TBD = [inputs.hidden_BD.to(work)]
        self.weights_TNS = buffer(T, rows, source, dtype=work)
        self.joined_TBX = buffer(T + 1, B, size + context)
        states, contexts = slice(0, size), slice(size, size + context)
        if self.feeds_readout:
            assert inputs.readout_weight_RX is not None
            states, contexts = slice(context, context + size), slice(0, context)
            self.readout_weight_RX = inputs.readout_weight_RX.to(operand)
            self.readout_TBR = buffer(T, B, len(self.readout_weight_RX), dtype=work)
            self.fed_TBR = buffer(T + 1, B, len(self.readout_weight_RX))
        self.states, self.contexts = states, contexts
        self.hidden_gates_TBG: list[Tensor] = []  # U h + c, after layer normalisation

    def forward(self) -> tuple[Tensor | None, Tensor, Tensor]:
        """Run all positions; see `run_recurrence` for what is returned."""
        inputs, query_size = self.inputs, self.query_size
        T = len(inputs.input_gates_TBG)
        attention = self.build_fused_attention()
        states_TBD, contexts_TBM = self.joined_TBX[..., self.states], self.joined_TBX[..., self.contexts]
        states_TBD[0] = inputs.hidden_BD
        if self.feeds_readout:
            assert inputs.fed_BR is not None
            self.fed_TBR[0] = inputs.fed_BR
        self.project_hidden(states_TBD[0])
        for t in range(T):
            if not self.feeds_readout:
                attention.forward(t, self.query_at(t), self.weights_TNS[t], contexts_TBM[t + 1])
            fed_BF = self.fed_TBR[t] if self.feeds_readout else contexts_TBM[t + 1]
            input_gates_BG = torch.addmm(inputs.input_gates_TBG[t].to(self.operand), fed_BF, self.loop_weight_GF.t())
            states_TBD[t + 1] = self.update(t, input_gates_BG)
            if t + 1 < T or (self.feeds_readout and query_size):
                self.project_hidden(states_TBD[t + 1])
            if self.feeds_readout:
                attention.forward(t, self.query_at(t + 1), self.weights_TNS[t], contexts_TBM[t + 1])
                assert inputs.readout_bias_R is not None
                out_BR = torch.mm(self.joined_TBX[t + 1], self.readout_weight_RX.t()) + inputs.readout_bias_R
                torch.tanh(self.norm_readout.forward(out_BR), out=self.readout_TBR[t])
                self.fed_TBR[t + 1] = self.readout_TBR[t]
        # Views, because a graph that holds its own outputs is never freed.
        return self.fed_TBR[1:] if self.feeds_readout else None, self.joined_TBX[1:], self.weights_TNS[:]

    def build_fused_attention(self, positions: int = 0) -> FusedAttention:
        """The attention of the loop, with buffers for the gradients of a number of positions."""
        inputs = self.inputs
        fused_inputs = FusedInputs(inputs.values_NSU, inputs.keys_NSE, inputs.bias_LNS, self.heads)
        return build_fused_attention(fused_inputs, inputs.v_HE, self.normalizer, self.kernels, positions)

    def project_hidden(self, state_BD: Tensor) -> None:
        """Project a state to its query and to U h + c, in one product."""
        self.projected_TBQ.append(torch.addmm(self.stacked_bias_Q, state_BD, self.stacked_weight_QD.t()))

    def query_at(self, t: int) -> Tensor:
        """The query of h(t). -> query_BA"""
        return self.projected_TBQ[t][:, : self.query_size] if self.query_size else self.hidden_TBD[t]

    def update(self, t: int, input_gates_BG: Tensor) -> Tensor:
        """The GRU's equations, from h(t) to h(t + 1). -> hidden_BD"""
        hidden_gates_BG = self.norm_hidden.forward(self.projected_TBQ[t][:, self.query_size :])
        gates, hidden_BD = self.kernels.gru(
            self.norm_input.forward(input_gates_BG), hidden_gates_BG, self.hidden_TBD[t]
        )
        self.hidden_gates_TBG.append(hidden_gates_BG)
        self.gates_T.append(gates)
        self.hidden_TBD.append(self.transitions.forward(hidden_BD))
        return self.hidden_TBD[-1]

    def backward(self, d_fed_TBR: Tensor | None, d_read_TBX: Tensor | None, d_weights_TNS: Tensor | None) -> LoopInputs:
        """The gradients of the inputs, from those of what `forward` returned."""
        inputs, query_size, D = self.inputs, self.query_size, self.size
        T, B, gates = inputs.input_gates_TBG.shape
        attention = self.build_fused_attention(positions=T)
        # [q | n_b | r | z | n_a]: all but the last belong to the projection of h(t), the last three to W x + b.
        d_TBC = self.joined_TBX.new_empty(T + 1, B, query_size + 4 * D)
        d_projected_TBQ, d_input_gates_TBG = d_TBC[..., : query_size + gates], d_TBC[:T, :, query_size + D :]
        if self.norm_input:
            d_projected_TBQ, d_input_gates_TBG = torch.empty_like(d_projected_TBQ), torch.empty_like(d_input_gates_TBG)
        rows = T
        d_fed_BF = None
        if not self.feeds_readout:
            d_joined_TBX = torch.zeros_like(self.joined_TBX[1:]) if d_read_TBX is None else d_read_TBX
        else:
            d_joined_TBX = torch.empty_like(self.joined_TBX[1:])
            d_fed_TBR = torch.zeros_like(self.fed_TBR[1:]) if d_fed_TBR is None else d_fed_TBR
            d_out_TBR, d_normed_TBR = torch.empty_like(self.fed_TBR[1:]), torch.empty_like(self.readout_TBR)
            if query_size:  # of h(T) only the query is used, of h(0) only U h + c
                rows = T + 1
                d_projected_TBQ[T, :, query_size:] = 0
                d_projected_TBQ[0, :, :query_size] = 0
        d_hidden_BD = torch.zeros_like(self.hidden_TBD[0])
        d_product_BD = d_hidden_BD.to(self.operand, copy=True)
        self.transitions.allocate(d_hidden_BD)
        for t in reversed(range(T)):
            d_weights_NS = None if d_weights_TNS is None else d_weights_TNS[t]
            if self.feeds_readout:
                assert d_fed_TBR is not None
                d_readout_BR = d_fed_TBR[t] if d_fed_BF is None else d_fed_TBR[t] + d_fed_BF
                tanh_backward.grad_input(d_readout_BR, self.readout_TBR[t], grad_input=d_normed_TBR[t])
                d_out_TBR[t] = self.norm_readout.backward(t, d_normed_TBR[t])
                torch.mm(d_out_TBR[t], self.readout_weight_RX, out=d_joined_TBX[t])
                if d_read_TBX is not None:
                    d_joined_TBX[t] += d_read_TBX[t]
                d_context_BM = d_joined_TBX[t, :, self.contexts]
                d_query_BA = attention.backward(
                    t, self.query_at(t + 1), self.weights_TNS[t], d_context_BM, d_weights_NS
                )
                if query_size:
                    d_projected_TBQ[t + 1, :, :query_size] = d_query_BA
                else:
                    d_hidden_BD += d_query_BA
            if t + 1 < rows:
                d_product_BD = torch.mm(d_projected_TBQ[t + 1], self.stacked_weight_QD)
            d_hidden_BD += d_joined_TBX[t, :, self.states]
            d_hidden_BD, d_product_BD = self.transitions.backward(t, d_hidden_BD, d_product_BD)
            d_hidden_BD, *d_gates = self.kernels.gru_backward(
                d_hidden_BD, d_product_BD, self.hidden_TBD[t], self.gates_T[t], self.hidden_gates_TBG[t][:, :D]
            )
            torch.cat(d_gates, -1, out=d_TBC[t, :, query_size:])
            if self.norm_input:
                d_input_gates_TBG[t] = self.norm_input.backward(t, d_TBC[t, :, query_size + D :])
                d_projected_TBQ[t, :, query_size:] = self.norm_hidden.backward(
                    t, d_TBC[t, :, query_size : query_size + gates]
                )
            d_fed_BF = torch.mm(d_input_gates_TBG[t], self.loop_weight_GF)
            if not self.feeds_readout:
                d_context_BM = d_joined_TBX[t, :, self.contexts] + d_fed_BF
                d_query_BA = attention.backward(t, self.query_at(t), self.weights_TNS[t], d_context_BM, d_weights_NS)
                if query_size:
                    d_projected_TBQ[t, :, :query_size] = d_query_BA
                else:
                    d_hidden_BD += d_query_BA
        d_hidden_BD += torch.mm(d_projected_TBQ[0], self.stacked_weight_QD)

        d_weight_QD = weight_gradient(d_projected_TBQ[:rows], self.joined_TBX[:rows, :, self.states])
        d_bias_Q = bias_gradient(d_projected_TBQ[:rows])
        fed_TBF = self.fed_TBR[:-1] if self.feeds_readout else self.joined_TBX[1:, :, self.contexts]
        first = 1 if self.feeds_readout else 0
        d_keys_NSE, d_v_HE = attention.keys_gradient(torch.stack([self.query_at(t) for t in range(first, first + T)]))
        gradients: dict[str, Tensor | None] = {
            "input_gates_TBG": d_input_gates_TBG,
            "hidden_BD": d_hidden_BD,
            "hidden_weight_GD": d_weight_QD[query_size:].roll(-D, 0),
            "hidden_bias_G": d_bias_Q[query_size:].roll(-D),
            "loop_weight_GF": weight_gradient(d_input_gates_TBG, fed_TBF),
            "values_NSU": attention.values_gradient(self.weights_TNS),
            "keys_NSE": d_keys_NSE,
            "bias_LNS": attention.score_bias_gradient(),
            "query_weight_AD": d_weight_QD[:query_size] if query_size else None,
            "v_HE": d_v_HE,
        }
        norms = {
            "norm_input_{}_G": self.norm_input.gradients(d_TBC[:T, :, query_size + D :]),
            "norm_hidden_{}_G": self.norm_hidden.gradients(d_TBC[:T, :, query_size : query_size + gates]),
        }
        if self.feeds_readout:
            gradients["fed_BR"] = d_fed_BF
            gradients["readout_weight_RX"] = weight_gradient(d_out_TBR, self.joined_TBX[1:])
            gradients["readout_bias_R"] = bias_gradient(d_out_TBR)
            norms["norm_readout_{}_R"] = self.norm_readout.gradients(d_normed_TBR)
        for name, (d_weight, d_bias) in norms.items():
            gradients |= {name.format("weight"): d_weight, name.format("bias"): d_bias}
        return LoopInputs(**gradients, **self.transitions.gradients()._asdict())  # type: ignore[arg-type]
