"""The decoder over a whole target at the hardware's speed: `unroll` with its backward pass written by hand.

It shares parameters and signature with `unroll` and equals it. Under autocast the operands of products have its type;
states, gates, softmax and their gradients stay in float32.

The loop, for states h(0) to h(T):

    q(t), b(t) = W_q h(t), U h(t) + c                     one product with stacked weights: what h(t) is read for
    a(t)       = x(t) + W f(t)                            x: the embedding's share, one product before the loop
    r, z       = sigm(a_r + b_r), sigm(a_z + b_z)         n = tanh(a_n + r * b_n)
    h(t+1)     = n + z * (h(t) - n)
    e(t, s)    = v . tanh(q + k(s))  or  q . k(s)         p(t) = softmax e(t);  m(t) = sum_s p(t, s) values(s)
    Bahdanau:  f(t) = m(t), asked by q(t)                 the readout does not recur and is left to the caller
    Luong:     f(t+1) = o(t) = tanh(V [m; h(t+1)] + d)    m asked by q(t+1), or by h(t+1) itself

Its gradient, from the last position to the first; d_y is the derivative of the loss by y.

    d_pre      = d_o * (1 - o^2)                          Luong only;  [d_m; d_h] = d_pre V
    d_p(s)     = d_m . values(s)  (+ what the caller adds)
    d_e(s)     = p(s) * (d_p(s) - sum_j p(j) d_p(j))      so that sum_s d_e(s) = 0, which the next lines use
    dot:       d_q = sum_s d_e(s) k(s)                    d_k(s) = sum_t d_e(t, s) q(t), one batched product in the end
    additive:  u = tanh(q + k(s)), computed again         d_v = sum d_e u
               d_q = sum_s d_e v (1 - u^2) = -v * sum_s d_e u^2
               d_k(s) = v * (sum_t d_e - sum_t d_e u^2)   (B, S, A) is held for one position, never for T of them
    d_n_a      = d_h (1 - z) (1 - n^2);  d_n_b = d_n_a r
    d_r        = d_n_a b_n r (1 - r);    d_z = d_h (h(t) - n) z (1 - z)
    d_f        = [d_r d_z d_n_a] W;      d_h(t) = d_h z + [d_q d_n_b d_r d_z] [W_q; U]
    weights    = one product each over all (t, sentence), after the loop;  d_values = sum_t p(t) d_m(t) likewise

The gate gradients of a position lie side by side as [q | n_b | r | z | n_a], so that both products above read one
slice: the first four columns, and the last three. U is turned to (n, r, z) for that.

With layer normalisation a and b are normalised before they meet, and the readout before its tanh.

What stands around a score is computed before the loop, see `CompositeAttention.build_fused_inputs`: heads as that many
times the sentences, windows and gates as a bias on e or a factor of the values. For weights other than softmax

    d_e(s)     = g(s) * (d_p(s) - sum_j g(j) d_p(j) / sum_j g(j))          g: see nmt.model.attention.normalizers
"""

# B sentences   T target positions   S source positions   E embedding   M memory   D decoder state   A attention space
# G = 3 * D gates   R readout   F what is fed back (the context's M or the readout's R)
# Q what a state is read for: A + G   X = M + D   L = T, or 1 where all positions meet the same
# H heads   N = H * B rows of attention   E = A / H   U = M / H, where a head is meant

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nmt.kernels.attention_step import AttentionFunction, FusedAttention, build_fused_attention
from nmt.kernels.pointwise import EAGER_KERNELS, Gates, Kernels
from nmt.kernels.scan import LayerNormSteps, bias_gradient, scan
from nmt.model.attention.normalizers import Normalizer
from nmt.model.attention.scores import AdditiveAttention, Attention, FusedInputs, Memory
from nmt.model.cells import AttendThenUpdate, Carry, Cell, UpdateThenAttend
from nmt.model.linear import apply_linear, product_dtype, weight_gradient
from nmt.model.unroll import Unrolled, unroll

tanh_backward = torch.ops.aten.tanh_backward


def unroll_fused(
    cell: Cell, embedded_BTE: Tensor, carry: Carry, memory: Memory, kernels: Kernels = EAGER_KERNELS
) -> Unrolled:
    """Run `cell` along the target. What is not in the loop is done for all positions at once, before or after it.

    Attention that knows no more of a position than its state and number is part of the loop. What else has to be in
    one (coverage, predictive windows, several kinds, gates renormalised over sparse weights) takes `unroll`.
    """
    attention = cell.attention
    if not attention.supports_fused and (cell.from_loop is not None or attention.has_history):
        return unroll(cell, embedded_BTE, carry, memory)
    embedded_TBE = embedded_BTE.transpose(0, 1).contiguous()
    sums_TBG: Tensor = apply_linear(cell.from_embedding, embedded_TBE)
    laid = attention.build_fused_inputs(memory, carry.history_BKP, len(sums_TBG)) if attention.supports_fused else None
    if cell.from_loop is not None:
        assert laid is not None
        out_TBX, weights_TNS = run_recurrence(cell, sums_TBG, carry, laid, kernels)
        weights_BTS = attention.summarise_weights(weights_TNS, memory)
        if isinstance(cell, UpdateThenAttend):
            return Unrolled(out_TBX.transpose(0, 1), weights_BTS)
        mixed_TBX = out_TBX
    else:
        first_BD, weight_GD, bias_G = carry.hidden_BKD[:, 0], cell.from_hidden.weight, cell.from_hidden.bias
        hidden_TBD = scan(
            sums_TBG[:, None], first_BD[None], weight_GD[None], bias_G[None], norm_parameters(cell), kernels
        )[:, 0]
        asking_TBD = hidden_TBD
        if isinstance(cell, AttendThenUpdate):
            asking_TBD = torch.cat((first_BD[None].to(hidden_TBD.dtype), hidden_TBD[:-1]))
        if laid is not None and (isinstance(attention.base_score, AdditiveAttention) or attention.has_history):
            context_TBM, weights_TNS = AttentionFunction.apply(  # type: ignore[no-untyped-call]
                kernels, attention.normalizer, attention.base_score.query(asking_TBD), additive_vector(attention), *laid
            )
            weights_BTS = attention.summarise_weights(weights_TNS, memory)
        else:
            context_BTM, weights_BTS = attention(asking_TBD.transpose(0, 1), memory)
            context_TBM = context_BTM.transpose(0, 1)
        parts = hidden_TBD, context_TBM.to(hidden_TBD.dtype)
        mixed_TBX = torch.cat(parts if isinstance(cell, AttendThenUpdate) else parts[::-1], dim=-1)
    readout_TBR = apply_linear(cell.readout, mixed_TBX)  # type: ignore[arg-type]
    if isinstance(cell, AttendThenUpdate):
        readout_TBR = readout_TBR + apply_linear(cell.readout_embedding, embedded_TBE)
    readout_TBR = torch.tanh(cell.norm_readout(readout_TBR))
    return Unrolled(readout_TBR.transpose(0, 1), weights_BTS)


class LoopInputs(NamedTuple):
    """All that a loop reads. Its gradients have the same names."""

    sums_TBG: Tensor
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


def run_recurrence(
    cell: Cell, sums_TBG: Tensor, carry: Carry, laid: FusedInputs, kernels: Kernels
) -> tuple[Tensor, Tensor]:
    """The part of `cell` that recurs through attention.

    -> readout_TBR (Luong) or mixed_TBX (Bahdanau: state and context); and weights_TNS
    """
    assert cell.from_loop is not None
    inputs: dict[str, Tensor | None] = {
        "sums_TBG": sums_TBG,
        "hidden_BD": carry.hidden_BKD[:, 0],
        "hidden_weight_GD": cell.from_hidden.weight,
        "hidden_bias_G": cell.from_hidden.bias,
        "loop_weight_GF": cell.from_loop.weight,
        "values_NSU": laid.values_NSU,
        "keys_NSE": laid.keys_NSE,
        "bias_LNS": laid.bias_XNS,
        "query_weight_AD": cell.attention.base_score.query_weight_AD,
        "v_HE": additive_vector(cell.attention),
        **norm_parameters(cell),
    }
    if isinstance(cell, UpdateThenAttend):
        inputs |= {
            "fed_BR": carry.fed_BKF[:, 0],
            "readout_weight_RX": cell.readout.weight,
            "readout_bias_R": cell.readout.bias,
            **prefixed_parameters(cell.norm_readout, "norm_readout_{}_R"),
        }
    out, weights_TNS = RecurrenceFunction.apply(  # type: ignore[no-untyped-call]
        kernels,
        cell.attention.normalizer,
        laid.heads,
        product_dtype(sums_TBG),
        *LoopInputs(**inputs),  # type: ignore[arg-type]
    )
    return out, weights_TNS


def additive_vector(attention: Attention) -> Tensor | None:
    """The vector that additive scores are products with, a row for each head. -> v_HE"""
    base_score = attention.base_score
    return base_score.v.weight.view(attention.heads, -1) if isinstance(base_score, AdditiveAttention) else None


def norm_parameters(cell: Cell) -> dict[str, Tensor | None]:
    """Weights and biases of the layer normalisation of both sums, if there is any."""
    return prefixed_parameters(cell.norm_input, "norm_input_{}_G") | prefixed_parameters(
        cell.norm_hidden, "norm_hidden_{}_G"
    )


def prefixed_parameters(norm: nn.Module, name: str) -> dict[str, Tensor | None]:
    """Weight and bias of a layer normalisation, if it is one."""
    return {name.format(key): value for key, value in norm.named_parameters()}


class RecurrenceFunction(torch.autograd.Function):
    """The loop as one differentiable function of everything `LoopInputs`."""

    @staticmethod
    def forward(
        ctx: Any, kernels: Kernels, normalizer: Normalizer, heads: int, operand: torch.dtype, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        with torch.autocast(tensors[0].device.type, enabled=False):
            inputs = LoopInputs(*(value if value is None else value.detach() for value in tensors))
            loop = FusedLoop(inputs, heads, normalizer, operand, kernels)
            ctx.loop = loop
            return loop.forward()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, d_weights_TNS: Tensor | None) -> tuple[Tensor | None, ...]:
        loop: FusedLoop = ctx.loop
        with torch.autocast(loop.inputs.sums_TBG.device.type, enabled=False):
            if d_out is None:
                d_out = torch.zeros_like((loop.fed_TBR if loop.feeds_readout else loop.mixed_TBX)[1:])
            gradients = loop.backward(d_out, d_weights_TNS)
        pairs = zip(gradients, loop.inputs, strict=True)
        matched = (None if d is None or value is None else d.to(value.dtype) for d, value in pairs)
        return (None, None, None, None, *matched)


class FusedLoop:
    """The loop's buffers and its two directions; a name with T holds every position, for the way back.

    Row t of `reads` belongs to state h(t), and so do `hidden` and `mixed`; the latter holds state and context as
    operands of products, [h; m] for Bahdanau and [m; h] for Luong.
    """

    def __init__(
        self, inputs: LoopInputs, heads: int, normalizer: Normalizer, operand: torch.dtype, kernels: Kernels
    ) -> None:
        self.inputs, self.operand, self.kernels = inputs, operand, kernels
        self.heads, self.normalizer = heads, normalizer
        work = torch.promote_types(inputs.hidden_BD.dtype, torch.float32)
        T, B, gates = inputs.sums_TBG.shape
        size = gates // 3
        query_size = 0 if inputs.query_weight_AD is None else len(inputs.query_weight_AD)
        rows, source, share = inputs.values_NSU.shape
        context = heads * share
        self.size, self.query_size = size, query_size
        self.feeds_readout = inputs.readout_weight_RX is not None
        turned_GD = inputs.hidden_weight_GD.to(operand).roll(size, 0)
        turned_G = inputs.hidden_bias_G.to(operand).roll(size)
        self.reads_bias_Q = F.pad(turned_G, (query_size, 0))
        self.reads_weight_QD = turned_GD
        if inputs.query_weight_AD is not None:
            self.reads_weight_QD = torch.cat((inputs.query_weight_AD.to(operand), turned_GD))
        self.loop_weight_GF = inputs.loop_weight_GF.to(operand)
        self.norm_input = LayerNormSteps(inputs.norm_input_weight_G, inputs.norm_input_bias_G)
        self.norm_hidden = LayerNormSteps(inputs.norm_hidden_weight_G, inputs.norm_hidden_bias_G, roll=size)
        self.norm_readout = LayerNormSteps(inputs.norm_readout_weight_R, inputs.norm_readout_bias_R)

        def buffer(*shape: int, dtype: torch.dtype = operand) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=inputs.sums_TBG.device)

        self.projected_TBQ: list[Tensor] = []
        self.gates_T: list[Gates] = []
        self.hidden_TBD = [inputs.hidden_BD.to(work)]
        self.weights_TNS = buffer(T, rows, source, dtype=work)
        self.mixed_TBX = buffer(T + 1, B, size + context)
        states, contexts = slice(0, size), slice(size, size + context)
        if self.feeds_readout:
            assert inputs.readout_weight_RX is not None
            states, contexts = slice(context, context + size), slice(0, context)
            self.readout_weight_RX = inputs.readout_weight_RX.to(operand)
            self.readout_TBR = buffer(T, B, len(self.readout_weight_RX), dtype=work)
            self.fed_TBR = buffer(T + 1, B, len(self.readout_weight_RX))
        self.states, self.contexts = states, contexts
        self.recurrent_TBG: list[Tensor] = []  # U h + c, as the gates met it

    def forward(self) -> tuple[Tensor, Tensor]:
        """-> see `run_recurrence`"""
        inputs, query_size = self.inputs, self.query_size
        T = len(inputs.sums_TBG)
        attention = self.attention()
        states_TBD, contexts_TBM = self.mixed_TBX[..., self.states], self.mixed_TBX[..., self.contexts]
        states_TBD[0] = inputs.hidden_BD
        if self.feeds_readout:
            assert inputs.fed_BR is not None
            self.fed_TBR[0] = inputs.fed_BR
        self.read(states_TBD[0])
        for t in range(T):
            if not self.feeds_readout:
                attention.forward(t, self.query(t), self.weights_TNS[t], contexts_TBM[t + 1])
            fed_BF = self.fed_TBR[t] if self.feeds_readout else contexts_TBM[t + 1]
            sums_BG = torch.addmm(inputs.sums_TBG[t].to(self.operand), fed_BF, self.loop_weight_GF.t())
            states_TBD[t + 1] = self.update(t, sums_BG)
            if t + 1 < T or (self.feeds_readout and query_size):
                self.read(states_TBD[t + 1])
            if self.feeds_readout:
                attention.forward(t, self.query(t + 1), self.weights_TNS[t], contexts_TBM[t + 1])
                assert inputs.readout_bias_R is not None
                out_BR = torch.mm(self.mixed_TBX[t + 1], self.readout_weight_RX.t()) + inputs.readout_bias_R
                torch.tanh(self.norm_readout.forward(out_BR), out=self.readout_TBR[t])
                self.fed_TBR[t + 1] = self.readout_TBR[t]
        # Views, because a graph that holds its own outputs would outlive them.
        return (self.fed_TBR if self.feeds_readout else self.mixed_TBX)[1:], self.weights_TNS[:]

    def attention(self, positions: int = 0) -> FusedAttention:
        """Attention, with room for the gradients of so many positions."""
        inputs = self.inputs
        laid = FusedInputs(inputs.values_NSU, inputs.keys_NSE, inputs.bias_LNS, self.heads)
        return build_fused_attention(laid, inputs.v_HE, self.normalizer, self.kernels, positions)

    def read(self, state_BD: Tensor) -> None:
        """What a state is read for: a query and the gates of the next update."""
        self.projected_TBQ.append(torch.addmm(self.reads_bias_Q, state_BD, self.reads_weight_QD.t()))

    def query(self, t: int) -> Tensor:
        """What h(t) asks attention. -> query_BA"""
        return self.projected_TBQ[t][:, : self.query_size] if self.query_size else self.hidden_TBD[t]

    def update(self, t: int, sums_BG: Tensor) -> Tensor:
        """The GRU's equations, from h(t) to h(t + 1). -> hidden_BD"""
        recurrent_BG = self.norm_hidden.forward(self.projected_TBQ[t][:, self.query_size :])
        gates, hidden_BD = self.kernels.gru(self.norm_input.forward(sums_BG), recurrent_BG, self.hidden_TBD[t])
        self.recurrent_TBG.append(recurrent_BG)
        self.gates_T.append(gates)
        self.hidden_TBD.append(hidden_BD)
        return self.hidden_TBD[-1]

    def backward(self, d_out: Tensor, d_weights_TNS: Tensor | None) -> LoopInputs:
        """Gradients of everything given, from those of what `forward` yielded."""
        inputs, query_size, D = self.inputs, self.query_size, self.size
        T, B, gates = inputs.sums_TBG.shape
        attention = self.attention(positions=T)
        # [q | n_b | r | z | n_a]: what h(t) was read for is all but the last; what the inputs made is the last three.
        d_TBC = self.mixed_TBX.new_empty(T + 1, B, query_size + 4 * D)
        d_reads_TBQ, d_sums_TBG = d_TBC[..., : query_size + gates], d_TBC[:T, :, query_size + D :]
        if self.norm_input:
            d_reads_TBQ, d_sums_TBG = torch.empty_like(d_reads_TBQ), torch.empty_like(d_sums_TBG)
        rows = T
        d_mixed_TBX, d_fed_BF = d_out, None
        if self.feeds_readout:
            d_mixed_TBX = torch.empty_like(self.mixed_TBX[1:])
            d_out_TBR, d_normed_TBR = torch.empty_like(self.fed_TBR[1:]), torch.empty_like(self.readout_TBR)
            if query_size:  # h(T) is read for its query only, h(0) for its gates only
                rows = T + 1
                d_reads_TBQ[T, :, query_size:] = 0
                d_reads_TBQ[0, :, :query_size] = 0
        d_hidden_BD = torch.zeros_like(self.hidden_TBD[0])
        d_read_BD = d_hidden_BD.to(self.operand, copy=True)
        for t in reversed(range(T)):
            d_look_NS = None if d_weights_TNS is None else d_weights_TNS[t]
            if self.feeds_readout:
                d_readout_BR = d_out[t] if d_fed_BF is None else d_out[t] + d_fed_BF
                tanh_backward.grad_input(d_readout_BR, self.readout_TBR[t], grad_input=d_normed_TBR[t])
                d_out_TBR[t] = self.norm_readout.backward(t, d_normed_TBR[t])
                torch.mm(d_out_TBR[t], self.readout_weight_RX, out=d_mixed_TBX[t])
                d_context_BM = d_mixed_TBX[t, :, self.contexts]
                d_query_BA = attention.backward(t, self.query(t + 1), self.weights_TNS[t], d_context_BM, d_look_NS)
                if query_size:
                    d_reads_TBQ[t + 1, :, :query_size] = d_query_BA
                else:
                    d_hidden_BD += d_query_BA
            if t + 1 < rows:
                d_read_BD = torch.mm(d_reads_TBQ[t + 1], self.reads_weight_QD)
            d_hidden_BD += d_mixed_TBX[t, :, self.states]
            d_hidden_BD, *d_gates = self.kernels.gru_backward(
                d_hidden_BD, d_read_BD, self.hidden_TBD[t], self.gates_T[t], self.recurrent_TBG[t][:, :D]
            )
            torch.cat(d_gates, -1, out=d_TBC[t, :, query_size:])
            if self.norm_input:
                d_sums_TBG[t] = self.norm_input.backward(t, d_TBC[t, :, query_size + D :])
                d_reads_TBQ[t, :, query_size:] = self.norm_hidden.backward(
                    t, d_TBC[t, :, query_size : query_size + gates]
                )
            d_fed_BF = torch.mm(d_sums_TBG[t], self.loop_weight_GF)
            if not self.feeds_readout:
                d_context_BM = d_mixed_TBX[t, :, self.contexts] + d_fed_BF
                d_query_BA = attention.backward(t, self.query(t), self.weights_TNS[t], d_context_BM, d_look_NS)
                if query_size:
                    d_reads_TBQ[t, :, :query_size] = d_query_BA
                else:
                    d_hidden_BD += d_query_BA
        d_hidden_BD += torch.mm(d_reads_TBQ[0], self.reads_weight_QD)

        d_weight_QD = weight_gradient(d_reads_TBQ[:rows], self.mixed_TBX[:rows, :, self.states])
        d_bias_Q = bias_gradient(d_reads_TBQ[:rows])
        fed_TBF = self.fed_TBR[:-1] if self.feeds_readout else self.mixed_TBX[1:, :, self.contexts]
        first = 1 if self.feeds_readout else 0
        d_keys_NSE, d_v_HE = attention.keys_gradient(torch.stack([self.query(t) for t in range(first, first + T)]))
        gradients: dict[str, Tensor | None] = {
            "sums_TBG": d_sums_TBG,
            "hidden_BD": d_hidden_BD,
            "hidden_weight_GD": d_weight_QD[query_size:].roll(-D, 0),
            "hidden_bias_G": d_bias_Q[query_size:].roll(-D),
            "loop_weight_GF": weight_gradient(d_sums_TBG, fed_TBF),
            "values_NSU": attention.values_gradient(self.weights_TNS),
            "keys_NSE": d_keys_NSE,
            "bias_LNS": attention.bias_gradient(),
            "query_weight_AD": d_weight_QD[:query_size] if query_size else None,
            "v_HE": d_v_HE,
        }
        norms = {
            "norm_input_{}_G": self.norm_input.gradients(d_TBC[:T, :, query_size + D :]),
            "norm_hidden_{}_G": self.norm_hidden.gradients(d_TBC[:T, :, query_size : query_size + gates]),
        }
        if self.feeds_readout:
            gradients["fed_BR"] = d_fed_BF
            gradients["readout_weight_RX"] = weight_gradient(d_out_TBR, self.mixed_TBX[1:])
            gradients["readout_bias_R"] = bias_gradient(d_out_TBR)
            norms["norm_readout_{}_R"] = self.norm_readout.gradients(d_normed_TBR)
        for name, (d_weight, d_bias) in norms.items():
            gradients |= {name.format("weight"): d_weight, name.format("bias"): d_bias}
        return LoopInputs(**gradients)  # type: ignore[arg-type]
