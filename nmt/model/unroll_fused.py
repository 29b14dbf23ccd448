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
"""

# B sentences   T target positions   S source positions   E embedding   M memory   D decoder state   A attention space
# G = 3 * D gates   R readout   F what is fed back (the context's M or the readout's R)
# Q what a state is read for: A + G   X = M + D

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from nmt.model.attention import AdditiveAttention, Memory
from nmt.model.cells import AttendThenUpdate, Carry, Cell, UpdateThenAttend
from nmt.model.unroll import Unrolled

EPSILON = 1e-5  # of torch.nn.LayerNorm
CACHED = 1 << 17  # numbers that additive attention works on at once per thread: half a megabyte stays in a core's cache

sigmoid_backward = torch.ops.aten.sigmoid_backward
tanh_backward = torch.ops.aten.tanh_backward


def unroll_fused(cell: Cell, embedded_BTE: Tensor, carry: Carry, memory: Memory) -> Unrolled:
    """Run `cell` along the target. What is not in the loop is done for all positions at once, before or after it."""
    embedded_TBE = embedded_BTE.transpose(0, 1).contiguous()
    sums_TBG: Tensor = cell.from_embedding(embedded_TBE)
    attention = cell.attention
    if isinstance(cell, UpdateThenAttend) and cell.fed_size:
        readout_TBR, weights_TBS = recur(cell, sums_TBG, carry, memory)
        return Unrolled(readout_TBR.transpose(0, 1), weights_TBS.transpose(0, 1))
    if cell.from_loop is not None:
        mixed_TBX, weights_TBS = recur(cell, sums_TBG, carry, memory)
        weights_BTS = weights_TBS.transpose(0, 1)
    else:
        hidden_TBD, _ = recur(cell, sums_TBG, carry, None)
        asking_TBD = hidden_TBD
        if isinstance(cell, AttendThenUpdate):
            first_1BD = carry.hidden_BKD.transpose(0, 1).to(hidden_TBD.dtype)
            asking_TBD = torch.cat((first_1BD, hidden_TBD[:-1]))
        if isinstance(attention, AdditiveAttention):
            context_TBM, weights_TBS = Attend.apply(  # type: ignore[no-untyped-call]
                attention.query(asking_TBD), memory.values_BSM, memory.keys_BSA, memory.real_BS, attention.v.weight[0]
            )
            weights_BTS = weights_TBS.transpose(0, 1)
        else:
            context_BTM, weights_BTS = attention(asking_TBD.transpose(0, 1), memory)
            context_TBM = context_BTM.transpose(0, 1)
        parts = hidden_TBD, context_TBM.to(hidden_TBD.dtype)
        mixed_TBX = torch.cat(parts if isinstance(cell, AttendThenUpdate) else parts[::-1], dim=-1)
    readout_TBR = cell.readout(mixed_TBX)  # type: ignore[operator]
    if isinstance(cell, AttendThenUpdate):
        readout_TBR = readout_TBR + cell.readout_embedding(embedded_TBE)
    readout_TBR = torch.tanh(cell.norm_readout(readout_TBR))
    return Unrolled(readout_TBR.transpose(0, 1), weights_BTS)


class Given(NamedTuple):
    """All that a loop reads. Its gradients have the same names."""

    sums_TBG: Tensor
    hidden_BD: Tensor
    hidden_weight_GD: Tensor
    hidden_bias_G: Tensor
    fed_BR: Tensor | None = None
    values_BSM: Tensor | None = None
    keys_BSA: Tensor | None = None
    real_BS: Tensor | None = None
    loop_weight_GF: Tensor | None = None
    query_weight_AD: Tensor | None = None
    v_A: Tensor | None = None
    readout_weight_RX: Tensor | None = None
    readout_bias_R: Tensor | None = None
    norm_input_weight_G: Tensor | None = None
    norm_input_bias_G: Tensor | None = None
    norm_hidden_weight_G: Tensor | None = None
    norm_hidden_bias_G: Tensor | None = None
    norm_readout_weight_R: Tensor | None = None
    norm_readout_bias_R: Tensor | None = None


def recur(cell: Cell, sums_TBG: Tensor, carry: Carry, memory: Memory | None) -> tuple[Tensor, Tensor]:
    """The part of `cell` that recurs, with attention if there is memory.

    -> readout_TBR (Luong), mixed_TBX (Bahdanau: state and context) or hidden_TBD (no memory); and weights_TBS
    """
    given: dict[str, Tensor | None] = {
        "sums_TBG": sums_TBG,
        "hidden_BD": carry.hidden_BKD[:, 0],
        "hidden_weight_GD": cell.from_hidden.weight,
        "hidden_bias_G": cell.from_hidden.bias,
    }
    if memory is not None:
        assert cell.from_loop is not None
        given |= {**memory._asdict(), "loop_weight_GF": cell.from_loop.weight}
        if isinstance(cell.attention, AdditiveAttention):
            given |= {"query_weight_AD": cell.attention.query_weight.weight, "v_A": cell.attention.v.weight[0]}
        if isinstance(cell, UpdateThenAttend):
            given |= {
                "fed_BR": carry.fed_BKF[:, 0],
                "readout_weight_RX": cell.readout.weight,
                "readout_bias_R": cell.readout.bias,
                **parameters(cell.norm_readout, "norm_readout_{}_R"),
            }
    given |= parameters(cell.norm_input, "norm_input_{}_G") | parameters(cell.norm_hidden, "norm_hidden_{}_G")
    device = sums_TBG.device.type
    operand = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else sums_TBG.dtype
    out, weights_TBS = Recurrence.apply(operand, *Given(**given))  # type: ignore[no-untyped-call, arg-type]
    return out, weights_TBS


def parameters(norm: nn.Module, name: str) -> dict[str, Tensor | None]:
    """Weight and bias of a layer normalisation, if it is one."""
    return {name.format(key): value for key, value in norm.named_parameters()}


class Recurrence(torch.autograd.Function):
    """The loop as one differentiable function of everything `Given`."""

    @staticmethod
    def forward(ctx: Any, operand: torch.dtype, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        with torch.autocast(tensors[0].device.type, enabled=False):
            loop = Loop(Given(*tensors), operand)
            ctx.loop = loop
            return loop.forward()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, d_weights_TBS: Tensor | None) -> tuple[Tensor | None, ...]:
        loop: Loop = ctx.loop
        with torch.autocast(loop.given.sums_TBG.device.type, enabled=False):
            if d_out is None:
                d_out = torch.zeros_like((loop.fed_TBR if loop.feeds_readout else loop.mixed_TBX)[1:])
            gradients = loop.backward(d_out, d_weights_TBS)
        pairs = zip(gradients, loop.given, strict=True)
        matched = (None if d is None or value is None else d.to(value.dtype) for d, value in pairs)
        return (None, *matched)


class Loop:
    """The loop's buffers and its two directions; a name with T holds every position, for the way back.

    Row t of `reads` belongs to state h(t), and so do `hidden` and `mixed`; the latter holds state and context as
    operands of products, [h; m] for Bahdanau and [m; h] for Luong.
    """

    def __init__(self, given: Given, operand: torch.dtype) -> None:
        self.given, self.operand = given, operand
        self.work = torch.promote_types(given.hidden_BD.dtype, torch.float32)
        T, B, gates = given.sums_TBG.shape
        size = gates // 3
        asks = 0 if given.query_weight_AD is None else len(given.query_weight_AD)
        context = 0 if given.values_BSM is None else given.values_BSM.shape[-1]
        source = 0 if given.values_BSM is None else given.values_BSM.shape[1]
        self.feeds_readout = given.readout_weight_RX is not None
        self.size, self.asks = size, asks
        turned_GD = given.hidden_weight_GD.to(operand).roll(size, 0)
        turned_G = given.hidden_bias_G.to(operand).roll(size)
        self.reads_bias_Q = F.pad(turned_G, (asks, 0))
        self.reads_weight_QD = turned_GD
        if given.query_weight_AD is not None:
            self.reads_weight_QD = torch.cat((given.query_weight_AD.to(operand), turned_GD))
        self.loop_weight_GF = None if given.loop_weight_GF is None else given.loop_weight_GF.to(operand)
        self.norm_input = Norm(given.norm_input_weight_G, given.norm_input_bias_G)
        self.norm_hidden = Norm(given.norm_hidden_weight_G, given.norm_hidden_bias_G, turn=size)
        self.norm_readout = Norm(given.norm_readout_weight_R, given.norm_readout_bias_R)

        def buffer(*shape: int, dtype: torch.dtype = operand) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=given.sums_TBG.device)

        self.reads_TBQ = buffer(T + 1, B, asks + gates)
        self.gates_TBG = buffer(T, B, gates, dtype=self.work)
        self.hidden_TBD = buffer(T + 1, B, size, dtype=self.work)
        self.weights_TBS = buffer(T, B, source, dtype=self.work)
        self.mixed_TBX = buffer(T + 1, B, size + context)
        states, contexts = slice(0, size), slice(size, size + context)
        if self.feeds_readout:
            assert given.readout_weight_RX is not None
            states, contexts = slice(context, context + size), slice(0, context)
            self.readout_weight_RX = given.readout_weight_RX.to(operand)
            self.readout_TBR = buffer(T, B, len(self.readout_weight_RX), dtype=self.work)
            self.fed_TBR = buffer(T + 1, B, len(self.readout_weight_RX))
        self.states, self.contexts = states, contexts
        self.turned_TBG: list[Tensor] = []  # U h + c, as the gates met it

    def forward(self) -> tuple[Tensor, Tensor]:
        """-> see `recur`"""
        given, asks = self.given, self.asks
        T = len(given.sums_TBG)
        look = self.look()
        states_TBD, contexts_TBM = self.mixed_TBX[..., self.states], self.mixed_TBX[..., self.contexts]
        self.hidden_TBD[0] = given.hidden_BD
        states_TBD[0] = given.hidden_BD
        if self.feeds_readout:
            assert given.fed_BR is not None
            self.fed_TBR[0] = given.fed_BR
        self.read(0)
        for t in range(T):
            sums_BG = given.sums_TBG[t]
            if look is not None and not self.feeds_readout:
                contexts_TBM[t + 1] = look.forward(self.reads_TBQ[t, :, :asks], self.weights_TBS[t])
            if self.loop_weight_GF is not None:
                fed_BF = self.fed_TBR[t] if self.feeds_readout else contexts_TBM[t + 1]
                sums_BG = torch.addmm(sums_BG.to(self.operand), fed_BF, self.loop_weight_GF.t())
            self.update(t, sums_BG)
            states_TBD[t + 1] = self.hidden_TBD[t + 1]
            if t + 1 < T or (self.feeds_readout and asks):
                self.read(t + 1)
            if self.feeds_readout:
                assert look is not None
                contexts_TBM[t + 1] = look.forward(self.query(t + 1), self.weights_TBS[t])
                assert given.readout_bias_R is not None
                out_BR = torch.mm(self.mixed_TBX[t + 1], self.readout_weight_RX.t()) + given.readout_bias_R
                torch.tanh(self.norm_readout.forward(out_BR), out=self.readout_TBR[t])
                self.fed_TBR[t + 1] = self.readout_TBR[t]
        # Views, because a graph that holds its own outputs would outlive them.
        return (self.fed_TBR if self.feeds_readout else self.mixed_TBX)[1:], self.weights_TBS[:]

    def look(self, positions: int = 0) -> "Look | None":
        """Attention, if there is any in the loop; with room for the gradients of so many positions."""
        given = self.given
        if given.values_BSM is None:
            return None
        assert given.keys_BSA is not None
        assert given.real_BS is not None
        return build_look(given.values_BSM, given.keys_BSA, given.real_BS, given.v_A, positions)

    def read(self, t: int) -> None:
        """What state h(t) is read for: a query and the gates of the next update."""
        torch.addmm(
            self.reads_bias_Q, self.mixed_TBX[t, :, self.states], self.reads_weight_QD.t(), out=self.reads_TBQ[t]
        )

    def query(self, t: int) -> Tensor:
        """What h(t) asks attention. -> query_BA"""
        return self.reads_TBQ[t, :, : self.asks] if self.asks else self.hidden_TBD[t]

    def update(self, t: int, sums_BG: Tensor) -> None:
        """The GRU's equations, from h(t) to h(t + 1)."""
        D = self.size
        gates_BG = self.gates_TBG[t]
        gates_BG.copy_(self.norm_input.forward(sums_BG))
        turned_BG = self.norm_hidden.forward(self.reads_TBQ[t, :, self.asks :])
        self.turned_TBG.append(turned_BG)
        switches_B2D, new_BD = gates_BG[:, : 2 * D], gates_BG[:, 2 * D :]
        switches_B2D.add_(turned_BG[:, D:]).sigmoid_()
        new_BD.addcmul_(switches_B2D[:, :D], turned_BG[:, :D]).tanh_()
        torch.lerp(new_BD, self.hidden_TBD[t], switches_B2D[:, D:], out=self.hidden_TBD[t + 1])

    def backward(self, d_out: Tensor, d_weights_TBS: Tensor | None) -> Given:
        """Gradients of everything given, from those of what `forward` yielded."""
        given, asks, D = self.given, self.asks, self.size
        T, B, gates = given.sums_TBG.shape
        look = self.look(positions=T)
        # [q | n_b | r | z | n_a]: what h(t) was read for is all but the last; what the inputs made is the last three.
        d_TBC = self.mixed_TBX.new_empty(T + 1, B, asks + 4 * D)
        d_reads_TBQ, d_sums_TBG = d_TBC[..., : asks + gates], d_TBC[:T, :, asks + D :]
        if self.norm_input:
            d_reads_TBQ, d_sums_TBG = torch.empty_like(self.reads_TBQ), torch.empty_like(d_sums_TBG)
        rows = T
        d_mixed_TBX, d_fed_BF = d_out, None
        if self.feeds_readout:
            d_mixed_TBX = torch.empty_like(self.mixed_TBX[1:])
            d_out_TBR, d_normed_TBR = torch.empty_like(self.fed_TBR[1:]), torch.empty_like(self.readout_TBR)
            if asks:  # h(T) is read for its query only, h(0) for its gates only
                rows = T + 1
                d_reads_TBQ[T, :, asks:] = 0
                d_reads_TBQ[0, :, :asks] = 0
        d_hidden_BD = torch.zeros_like(self.hidden_TBD[0])
        for t in reversed(range(T)):
            d_look_BS = None if d_weights_TBS is None else d_weights_TBS[t]
            if self.feeds_readout:
                assert look is not None
                d_readout_BR = d_out[t] if d_fed_BF is None else d_out[t] + d_fed_BF
                tanh_backward.grad_input(d_readout_BR, self.readout_TBR[t], grad_input=d_normed_TBR[t])
                d_out_TBR[t] = self.norm_readout.backward(t, d_normed_TBR[t])
                torch.mm(d_out_TBR[t], self.readout_weight_RX, out=d_mixed_TBX[t])
                d_context_BM = d_mixed_TBX[t, :, self.contexts]
                d_query_BA = look.backward(t, self.query(t + 1), self.weights_TBS[t], d_context_BM, d_look_BS)
                if asks:
                    d_reads_TBQ[t + 1, :, :asks] = d_query_BA
                else:
                    d_hidden_BD += d_query_BA
            if t + 1 < rows:
                d_hidden_BD += torch.mm(d_reads_TBQ[t + 1], self.reads_weight_QD)
            d_hidden_BD += d_mixed_TBX[t, :, self.states]
            d_hidden_BD = self.update_backward(t, d_hidden_BD, d_TBC[t, :, asks:])
            if self.norm_input:
                d_sums_TBG[t] = self.norm_input.backward(t, d_TBC[t, :, asks + D :])
                d_reads_TBQ[t, :, asks:] = self.norm_hidden.backward(t, d_TBC[t, :, asks : asks + gates])
            if self.loop_weight_GF is not None:
                d_fed_BF = torch.mm(d_sums_TBG[t], self.loop_weight_GF)
            if look is not None and not self.feeds_readout:
                assert d_fed_BF is not None
                d_context_BM = d_mixed_TBX[t, :, self.contexts] + d_fed_BF
                d_reads_TBQ[t, :, :asks] = look.backward(t, self.query(t), self.weights_TBS[t], d_context_BM, d_look_BS)
        d_hidden_BD += torch.mm(d_reads_TBQ[0], self.reads_weight_QD)

        gradients: dict[str, Tensor | None] = {"sums_TBG": d_sums_TBG, "hidden_BD": d_hidden_BD}
        d_weight_QD = product(d_reads_TBQ[:rows], self.mixed_TBX[:rows, :, self.states])
        d_bias_Q = total(d_reads_TBQ[:rows])
        gradients["hidden_weight_GD"] = d_weight_QD[asks:].roll(-D, 0)
        gradients["hidden_bias_G"] = d_bias_Q[asks:].roll(-D)
        if self.norm_input:
            gradients |= self.norm_input.gradients("norm_input_{}_G", d_TBC[:T, :, asks + D :])
            gradients |= self.norm_hidden.gradients("norm_hidden_{}_G", d_TBC[:T, :, asks : asks + gates])
        if look is not None:
            fed_TBF = self.fed_TBR[:-1] if self.feeds_readout else self.mixed_TBX[1:, :, self.contexts]
            gradients["loop_weight_GF"] = product(d_sums_TBG, fed_TBF)
            gradients["values_BSM"] = look.values_gradient(self.weights_TBS)
            if asks:
                gradients["query_weight_AD"] = d_weight_QD[:asks]
                gradients["keys_BSA"], gradients["v_A"] = look.keys_gradient()
            else:
                gradients["keys_BSA"], _ = look.keys_gradient(self.hidden_TBD[1:])
        if self.feeds_readout:
            gradients["fed_BR"] = d_fed_BF
            gradients["readout_weight_RX"] = product(d_out_TBR, self.mixed_TBX[1:])
            gradients["readout_bias_R"] = total(d_out_TBR)
            gradients |= self.norm_readout.gradients("norm_readout_{}_R", d_normed_TBR)
        return Given(**gradients)  # type: ignore[arg-type]

    def update_backward(self, t: int, d_hidden_BD: Tensor, d_gates_B4D: Tensor) -> Tensor:
        """Through the GRU's equations, from h(t + 1) to h(t) along z; the way along U is the caller's. -> d_hidden_BD

        `d_gates_B4D` is filled with [n_b | r | z | n_a].
        """
        D = self.size
        reset_BD, keep_BD, new_BD = self.gates_TBG[t].chunk(3, -1)
        d_keep_BD = sigmoid_backward(d_hidden_BD * (self.hidden_TBD[t] - new_BD), keep_BD)
        d_kept_BD = d_hidden_BD * keep_BD
        d_new_BD = tanh_backward(d_hidden_BD - d_kept_BD, new_BD)
        d_reset_BD = sigmoid_backward(d_new_BD * self.turned_TBG[t][:, :D], reset_BD)
        torch.cat((d_new_BD * reset_BD, d_reset_BD, d_keep_BD, d_new_BD), -1, out=d_gates_B4D)
        return d_kept_BD


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

    def gradients(self, name: str, d_normed_TBF: Tensor) -> dict[str, Tensor | None]:
        """Of weight and bias, over all positions."""
        if not self:
            return {}
        kept = tuple(torch.stack(part) for part in zip(*self.kept_T, strict=True))
        _, d_weight_F, d_bias_F = self._gradients(d_normed_TBF, kept, [False, True, True])
        return {name.format("weight"): d_weight_F.roll(-self.turn), name.format("bias"): d_bias_F.roll(-self.turn)}

    def _gradients(self, d_normed: Tensor, kept: tuple[Tensor, ...], wanted: list[bool]) -> tuple[Tensor, ...]:
        assert self.weight_F is not None
        values, mean, scale = kept
        d_normed = d_normed.to(values.dtype)
        gradients: tuple[Tensor, ...] = torch.ops.aten.native_layer_norm_backward(
            d_normed, values, self.weight_F.shape, mean, scale, self.weight_F, self.bias_F, wanted
        )
        return gradients


class Look:
    """Attention by dot product for one target position of every sentence at a time, and its gradients."""

    def __init__(self, values_BSM: Tensor, keys_BSA: Tensor, real_BS: Tensor, positions: int) -> None:
        work = torch.promote_types(values_BSM.dtype, torch.float32)
        self.values_BSM, self.keys_BSA = values_BSM.to(work), keys_BSA.to(work)
        self.padding_BS = self.values_BSM.new_zeros(real_BS.shape).masked_fill_(~real_BS, -math.inf)
        self.d_context_TBM = self.values_BSM.new_empty(positions, len(values_BSM), values_BSM.shape[-1])
        self.d_scores_TBS = self.values_BSM.new_empty(positions, *real_BS.shape)

    def forward(self, query_BA: Tensor, weights_BS: Tensor) -> Tensor:
        """Fills `weights_BS`. -> context_BM"""
        scores_BS = self.score(query_BA.to(self.keys_BSA.dtype))
        torch.softmax(scores_BS.add_(self.padding_BS), -1, out=weights_BS)
        return torch.bmm(weights_BS[:, None], self.values_BSM)[:, 0]

    def backward(
        self, t: int, query_BA: Tensor, weights_BS: Tensor, d_context_BM: Tensor, d_weights_BS: Tensor | None
    ) -> Tensor:
        """-> d_query_BA"""
        self.d_context_TBM[t] = d_context_BM
        d_total_BS = torch.bmm(self.d_context_TBM[t][:, None], self.values_BSM.transpose(1, 2))[:, 0]
        if d_weights_BS is not None:
            d_total_BS += d_weights_BS
        d_total_BS *= weights_BS
        torch.addcmul(d_total_BS, weights_BS, d_total_BS.sum(-1, True), value=-1, out=self.d_scores_TBS[t])
        return self.query_gradient(query_BA.to(self.keys_BSA.dtype), self.d_scores_TBS[t])

    def values_gradient(self, weights_TBS: Tensor) -> Tensor:
        """-> d_values_BSM"""
        return torch.bmm(weights_TBS.permute(1, 2, 0), self.d_context_TBM.transpose(0, 1))

    def score(self, query_BA: Tensor) -> Tensor:
        """-> scores_BS"""
        return torch.bmm(query_BA[:, None], self.keys_BSA.transpose(1, 2))[:, 0]

    def query_gradient(self, query_BA: Tensor, d_scores_BS: Tensor) -> Tensor:
        """-> d_query_BA"""
        return torch.bmm(d_scores_BS[:, None], self.keys_BSA)[:, 0]

    def keys_gradient(self, query_TBA: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """-> d_keys_BSA and no d_v"""
        assert query_TBA is not None
        return torch.bmm(self.d_scores_TBS.permute(1, 2, 0), query_TBA.transpose(0, 1)), None


class AdditiveLook(Look):
    """The same with additive scores, a few sentences at a time so that their (S, A) numbers stay in the cache."""

    def __init__(self, values_BSM: Tensor, keys_BSA: Tensor, real_BS: Tensor, v_A: Tensor, positions: int) -> None:
        super().__init__(values_BSM, keys_BSA, real_BS, positions)
        sentences, length, size = keys_BSA.shape
        block = (
            max(1, CACHED * torch.get_num_threads() // (length * size)) if keys_BSA.device.type == "cpu" else sentences
        )
        self.blocks = [slice(start, start + block) for start in range(0, sentences, block)]
        self.inside_BSA = self.keys_BSA.new_empty(min(block, sentences), length, size)
        self.v_A = v_A.to(self.keys_BSA.dtype)
        if positions:
            self.squares_BSA, self.d_v_A = torch.zeros_like(self.keys_BSA), torch.zeros_like(self.v_A)

    def inside(self, query_BA: Tensor, block: slice) -> Tensor:
        """tanh(q + k) of some sentences. -> inside_BSA, overwritten by the next"""
        keys_BSA = self.keys_BSA[block]
        inside_BSA = self.inside_BSA[: len(keys_BSA)]
        return torch.add(keys_BSA, query_BA[block, None], out=inside_BSA).tanh_()

    def score(self, query_BA: Tensor) -> Tensor:
        scores_BS = torch.empty_like(self.padding_BS)
        for block in self.blocks:
            torch.mv(self.inside(query_BA, block).flatten(0, 1), self.v_A, out=scores_BS[block].view(-1))
        return scores_BS

    def query_gradient(self, query_BA: Tensor, d_scores_BS: Tensor) -> Tensor:
        d_query_BA = torch.empty_like(query_BA)
        for block in self.blocks:
            inside_BSA, d_some_BS = self.inside(query_BA, block), d_scores_BS[block]
            self.d_v_A.addmv_(inside_BSA.flatten(0, 1).t(), d_some_BS.view(-1))
            inside_BSA.mul_(inside_BSA)
            torch.bmm(d_some_BS[:, None], inside_BSA, out=d_query_BA[block, None])
            self.squares_BSA[block].addcmul_(d_some_BS[..., None], inside_BSA)
        return d_query_BA.mul_(self.v_A).neg_()

    def keys_gradient(self, query_TBA: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """-> d_keys_BSA, d_v_A"""
        return (self.d_scores_TBS.sum(0)[..., None] - self.squares_BSA).mul_(self.v_A), self.d_v_A


def build_look(values_BSM: Tensor, keys_BSA: Tensor, real_BS: Tensor, v_A: Tensor | None, positions: int = 0) -> Look:
    """Attention that adds where there is a `v`, and multiplies where there is none."""
    if v_A is None:
        return Look(values_BSM, keys_BSA, real_BS, positions)
    return AdditiveLook(values_BSM, keys_BSA, real_BS, v_A, positions)


class Attend(torch.autograd.Function):
    """Additive attention of queries that are all known, one position after the other."""

    @staticmethod
    def forward(
        ctx: Any, query_TBA: Tensor, values_BSM: Tensor, keys_BSA: Tensor, real_BS: Tensor, v_A: Tensor
    ) -> tuple[Tensor, Tensor]:
        """-> context_TBM, weights_TBS"""
        ctx.set_materialize_grads(False)
        with torch.autocast(query_TBA.device.type, enabled=False):
            look = build_look(values_BSM, keys_BSA, real_BS, v_A)
            weights_TBS = look.values_BSM.new_empty(len(query_TBA), *real_BS.shape)
            contexts = [look.forward(*pair) for pair in zip(query_TBA, weights_TBS, strict=True)]
        ctx.save_for_backward(query_TBA, values_BSM, keys_BSA, real_BS, v_A, weights_TBS)
        return torch.stack(contexts), weights_TBS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_context_TBM: Tensor | None, d_weights_TBS: Tensor | None) -> tuple[Tensor | None, ...]:
        query_TBA, values_BSM, keys_BSA, real_BS, v_A, weights_TBS = ctx.saved_tensors
        if d_context_TBM is None:
            d_context_TBM = values_BSM.new_zeros(*query_TBA.shape[:2], values_BSM.shape[-1])
        with torch.autocast(query_TBA.device.type, enabled=False):
            look = build_look(values_BSM, keys_BSA, real_BS, v_A, len(query_TBA))
            d_query_TBA = torch.empty_like(query_TBA)
            for t, (query_BA, weights_BS) in enumerate(zip(query_TBA, weights_TBS, strict=True)):
                d_look_BS = None if d_weights_TBS is None else d_weights_TBS[t]
                d_query_TBA[t] = look.backward(t, query_BA, weights_BS, d_context_TBM[t], d_look_BS)
            d_keys_BSA, d_v_A = look.keys_gradient()
            d_values_BSM = look.values_gradient(weights_TBS)
        return d_query_TBA, d_values_BSM.to(values_BSM.dtype), d_keys_BSA.to(keys_BSA.dtype), None, d_v_A


def product(d_out_TBO: Tensor, in_TBI: Tensor) -> Tensor:
    """The gradient of a weight that turned each `in` into `out`: one product over all positions. -> d_weight_OI"""
    return d_out_TBO.flatten(0, 1).t() @ in_TBI.flatten(0, 1)


def total(d_out_TBO: Tensor) -> Tensor:
    """The gradient of a bias. -> d_bias_O"""
    return d_out_TBO.sum((0, 1))
