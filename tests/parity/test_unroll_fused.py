"""The fused loop against the readable loop: every output and every gradient, by name."""

import copy
import gc
import weakref
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

import pytest
import torch
from support.machine import skip_without_compiler
from torch import Tensor

from nmt.kernels.compiled import compile_kernels
from nmt.kernels.pointwise import EAGER_KERNELS, Kernels, additive_keys, attend, attend_backward, gru, gru_backward
from nmt.kernels.unroll_fused import unroll_fused
from nmt.model.attention.registry import REGISTERED_ATTENTIONS
from nmt.model.cells import WIRINGS, Carry, Cell, build_cell
from nmt.model.unroll import unroll
from nmt.settings import ModelSettings

# Kinds that run in the fused loops; without attention the decoder's GRU does.
FUSED = [name for name, (kind, _) in REGISTERED_ATTENTIONS.items() if kind.fused_form or name == "none"]
pytestmark = pytest.mark.numerical


class Case(NamedTuple):
    """A decoder and its inputs; the cell's attention projects `values_BSM` to keys, as in training."""

    cell: Cell
    embedded_BTE: Tensor
    hidden_BD: Tensor
    fed_BF: Tensor
    values_BSM: Tensor
    real_BS: Tensor
    d_readout_BTR: Tensor
    d_attention_BTS: Tensor


def decoder_case(
    name: str, B: int, S: int, T: int, *, feeding: bool = True, norm: bool = False, dtype: torch.dtype = torch.float64,
    size: int = 6, wiring: str = "auto", **around: Any,
) -> Case:  # fmt: skip
    torch.manual_seed(B * 100 + S * 10 + T)
    settings = ModelSettings(**{
        "attention": name, "input_feeding": feeding, "layer_norm": norm, "tie": "none", "decoder_size": size,
        "encoder_size": size // 2, "embedding_size": 5, "attention_size": size - 2, "readout_size": size + 1,
        "wiring": wiring, "dropout": 0.0, **around,
    })  # fmt: skip
    cell = build_cell(settings).to(dtype)
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=2 * size**-0.5)
    lengths_B = torch.randint(1, S + 1, (B,)).index_fill_(0, torch.tensor(0), S)
    draw = torch.randn
    return Case(
        cell,
        draw(B, T, settings.embedding_size, dtype=dtype),
        draw(B, size, dtype=dtype).tanh(),
        draw(B, cell.fed_size, dtype=dtype).tanh(),
        draw(B, S, size, dtype=dtype),
        torch.arange(S) < lengths_B[:, None],
        draw(B, T, settings.readout_size, dtype=dtype),
        draw(B, T, S if cell.attention.memory_size else 0, dtype=dtype),
    )


def in_float64(case: Case) -> Case:
    """The same numbers, none of them rounded."""
    numbers = {key: value.double() for key, value in case._asdict().items() if key not in ("cell", "real_BS")}
    return case._replace(cell=copy.deepcopy(case.cell).double(), **numbers)


def outputs_and_gradients(loop, case: Case, operand: torch.dtype | None = None) -> dict[str, Tensor]:
    """All outputs of a loop and, through a random linear loss, all gradients."""
    inputs = {key: getattr(case, key).clone().requires_grad_() for key in case._fields[1:5]}
    case.cell.zero_grad()
    with torch.autocast("cpu", operand, enabled=operand is not None):
        memory = case.cell.attention.build_memory(inputs["values_BSM"], case.real_BS)
        for part in (memory.values_BSM, memory.keys_BSA):
            part.retain_grad()
        carry = Carry(inputs["hidden_BD"][:, None], inputs["fed_BF"][:, None])
        readout_BTR, attention_BTS = loop(case.cell, inputs["embedded_BTE"], carry, memory)
    loss = (readout_BTR * case.d_readout_BTR).sum() + (attention_BTS * case.d_attention_BTS).sum()
    loss.backward()
    found = {"readout": readout_BTR.detach(), "attention": attention_BTS.detach()}
    found |= {f"gradient of {key}": value.grad for key, value in inputs.items() if value.grad is not None}
    found |= {f"gradient of memory.{key}": getattr(memory, key).grad for key in ("values_BSM", "keys_BSA")}
    return found | {f"gradient of {key}": value.grad for key, value in case.cell.named_parameters()}


@pytest.mark.parametrize("name", REGISTERED_ATTENTIONS)
@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
@pytest.mark.parametrize("norm", [True, False], ids=["norm", "no norm"])
@pytest.mark.parametrize(("B", "S", "T"), [(1, 1, 1), (3, 5, 4), (2, 7, 1)])
def test_fused_unroll_equals_reference(name, wiring, feeding, norm, B, S, T):
    case = decoder_case(name, B, S, T, feeding=feeding, norm=norm, wiring=wiring)
    want, got = outputs_and_gradients(unroll, case), outputs_and_gradients(unroll_fused, case)
    assert want.keys() == got.keys()
    for quantity, expected in want.items():
        found = got[quantity]
        if expected is None:
            assert found is None, quantity
            continue
        assert found is not None, quantity
        torch.testing.assert_close(
            found, expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
@pytest.mark.parametrize("norm", [True, False], ids=["norm", "no norm"])
def test_a_deep_decoder_equals_the_reference(name, wiring, feeding, norm):
    """Layers alone, and layers with transitions; coverage takes the readable loop."""
    deepest = {"decoder_layers": 3, "residual": norm, "decoder_transitions": 2}
    cases = [{"decoder_layers": 2}, deepest]
    if name == "bahdanau":
        cases.append({"decoder_layers": 2, "decoder_transitions": 1, "coverage": "linguistic"})
    for changes in cases:
        case = decoder_case(name, 3, 5, 4, feeding=feeding, norm=norm, wiring=wiring, **changes)
        want, got = outputs_and_gradients(unroll, case), outputs_and_gradients(unroll_fused, case)
        assert want.keys() == got.keys()
        for quantity, expected in want.items():
            torch.testing.assert_close(
                got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda t, q=quantity: f"{q}: {t}"
            )


# Parts that the fused loop combines with a score, each alone and then several together.
PARTS: dict[str, dict[str, Any]] = {
    "heads": {"heads": 2},
    "local-m": {"window": "monotonic", "window_width": 1},
    "sparsemax": {"normalizer": "sparsemax"},
    "entmax": {"normalizer": "entmax"},
    "plain gate": {"content_gate": "plain"},
    "renormalised gate": {"content_gate": "renormalised"},
    "most": {"heads": 2, "window": "monotonic", "window_width": 2, "normalizer": "entmax", "content_gate": "plain"},
    "others": {"heads": 2, "window": "monotonic", "window_width": 2, "content_gate": "renormalised"},
}


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("name", [name for name in FUSED if name != "none"])
@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
@pytest.mark.parametrize("compiled", [True, False], ids=["kernels", "blocks"])
def test_the_fused_loop_combines_scores_with_parts(name, wiring, feeding, parts, compiled, monkeypatch):
    case = decoder_case(name, 3, 5, 4, feeding=feeding, norm=True, wiring=wiring, attention_size=8, **PARTS[parts])
    want = outputs_and_gradients(unroll, case)
    monkeypatch.setattr("nmt.kernels.unroll_fused.unroll", None)  # so that it cannot take the place of the fused loop
    monkeypatch.setattr("nmt.kernels.attention_step.TRAINING_BLOCK", 60)  # several blocks a head
    kernels = Kernels(gru, gru_backward, attend, attend_backward, additive_keys) if compiled else EAGER_KERNELS
    got = outputs_and_gradients(partial(unroll_fused, kernels=kernels), case)
    assert want.keys() == got.keys()
    for quantity, expected in want.items():
        assert (got[quantity] is None) == (expected is None), quantity
        if expected is not None:
            torch.testing.assert_close(
                got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda t, q=quantity: f"{q}: {t}"
            )


@pytest.mark.parametrize("normalizer", ["sparsemax", "entmax"])
@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_gates_renormalised_over_sparse_weights_take_the_readable_loop(normalizer, wiring, feeding):
    parts = {"content_gate": "renormalised", "normalizer": normalizer}
    case = decoder_case("bahdanau", 3, 5, 4, feeding=feeding, wiring=wiring, **parts)
    want, got = outputs_and_gradients(unroll, case), outputs_and_gradients(unroll_fused, case)
    for quantity, expected in want.items():
        torch.testing.assert_close(got[quantity], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_gradients_are_those_of_finite_differences(name, feeding):
    case = decoder_case(name, 2, 2, 2, feeding=feeding, norm=True, size=4)

    def run(embedded_BTE, hidden_BD, values_BSM, *weights):
        memory = case.cell.attention.build_memory(values_BSM, case.real_BS)
        return tuple(unroll_fused(case.cell, embedded_BTE, case.cell.initial_carry(hidden_BD), memory))

    inputs = [value.clone().requires_grad_() for value in (case.embedded_BTE, case.hidden_BD, case.values_BSM)]
    assert torch.autograd.gradcheck(run, (*inputs, *case.cell.parameters()), fast_mode=True)


@pytest.mark.parametrize(
    ("name", "parts"),
    [*((name, {}) for name in FUSED), *(("scaled-dot", parts) for parts in PARTS.values())],
)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_bfloat16_stays_close_to_float32(name, parts, feeding):
    """Errors are norms as fractions of the quantity's own norm; eps of bfloat16 is 0.008. Measured at most 0.017 in the
    fused loop, and 0.037 in the readable loop, whose states and sums of gradients are in bfloat16 too. The gradient of
    a gate's bias is left out, because its terms nearly cancel.
    """
    case = decoder_case(name, 4, 6, 8, feeding=feeding, dtype=torch.float32, size=32, attention_size=32, **parts)
    for parameter in case.cell.parameters():
        parameter.data *= 0.5  # the scale of initial weights
    want, got = outputs_and_gradients(unroll, case), outputs_and_gradients(unroll_fused, case, torch.bfloat16)
    for quantity, expected in want.items():
        if expected is not None and expected.numel() and "gate.bias" not in quantity:
            error = float((got[quantity].float() - expected).norm() / expected.norm())
            assert error < 0.03, f"{quantity}: {error}"


def peak_bytes(loop, case: Case) -> int:
    """The most that `outputs_and_gradients` allocates at any time."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        outputs_and_gradients(loop, case)
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    return max(accumulate(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())))


@pytest.mark.parametrize("name", ["bahdanau", "luong-concat"])
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_additive_scores_are_never_held_for_all_positions(name, feeding):
    B, S, T, size = 1, 160, 160, 64
    case = decoder_case(name, B, S, T, feeding=feeding, dtype=torch.float32, size=size)
    held = 4 * B * S * T * (size - 2)
    assert peak_bytes(unroll_fused, case) < held / 2
    assert peak_bytes(unroll, case) > held


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_buffers_are_freed_with_the_outputs(name, feeding):
    states = []

    def watched_gru(*arguments):
        gates, hidden_BD = gru(*arguments)
        states.append(weakref.ref(hidden_BD))
        return gates, hidden_BD

    kernels = EAGER_KERNELS._replace(gru=watched_gru)
    case = decoder_case(name, 2, 3, 4, feeding=feeding)
    memory = case.cell.attention.build_memory(case.values_BSM, case.real_BS)
    gc.disable()  # a cycle would wait for it, and memory would grow
    try:
        carry = case.cell.initial_carry(case.hidden_BD)
        outputs = unroll_fused(case.cell, case.embedded_BTE, carry, memory, kernels=kernels)
        assert [state() is not None for state in states] == [True] * 4
        del outputs
        assert [state() is not None for state in states] == [False] * 4
    finally:
        gc.enable()


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_kernels_for_a_compiler_equal_the_blocks(name, feeding):
    kernels = Kernels(gru, gru_backward, attend, attend_backward, additive_keys)
    case = decoder_case(name, 3, 5, 4, feeding=feeding, norm=True)
    want = outputs_and_gradients(unroll, case)
    got = outputs_and_gradients(partial(unroll_fused, kernels=kernels), case)
    for quantity, expected in want.items():
        torch.testing.assert_close(
            got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda t, q=quantity: f"{q}: {t}"
        )


@pytest.fixture(scope="module")
def compiled_code(tmp_path_factory):
    """A folder that is empty at first, so that compilation is part of the tests. What one compiles, the next loads."""
    return tmp_path_factory.mktemp("compiled")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", ["bahdanau", "luong-general"])
def test_compiled_kernels_equal_the_reference(name, monkeypatch, compiled_code, compiling):
    """They are compiled for float32, so both loops are compared with the reference in float64.

    A float32 sum of n terms errs by at most n eps times the sum of their sizes; here n is 16 in most products. Errors
    grow along the chain of steps, by as much in one float32 loop as in the other, so the error of the uncompiled loop
    counts twice. Errors and sizes are root sums of squares over a quantity: one element may nearly cancel. Over 60
    random cases either loop errs by at most 11 eps of a quantity's size; a kernel that errs by 1e-5 of it is noticed.
    """
    skip_without_compiler()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(compiled_code))
    kernels = compile_kernels()
    size = 16
    for sizes in ((3, 5, 4), (2, 7, 1)):  # one compilation serves both
        case = decoder_case(name, *sizes, dtype=torch.float32, size=size)
        for parameter in case.cell.parameters():
            parameter.data *= 0.5  # the scale that weights start at; the larger one makes errors grow twentyfold
        rounded = outputs_and_gradients(unroll, case)
        compiled = outputs_and_gradients(partial(unroll_fused, kernels=kernels), case)
        for quantity, exact in outputs_and_gradients(unroll, in_float64(case)).items():
            if exact is None:
                assert compiled[quantity] is None, quantity
                continue
            unavoidable = size * torch.finfo(torch.float32).eps * exact.norm()
            error, allowed = (compiled[quantity] - exact).norm(), 2 * (rounded[quantity] - exact).norm() + unavoidable
            assert error <= allowed, f"{quantity}: {error} of {exact.norm()}, allowed {allowed}"
