"""A registered kind of attention, computed once on random numbers before a run is trained with it.

It finds shapes that do not fit, scores that differ from call to call, and a `fused_form` that is not the score of the
class.
"""

# B sentences   T target positions   S source positions   E embedding   M memory   D decoder state
# H heads, of which there is one here

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nmt.errors import RegistrationError
from nmt.kernels.unroll_fused import unroll_fused
from nmt.model.attention.base import Attention, Memory
from nmt.model.attention.registry import REGISTERED_ATTENTIONS, full_name, is_built_in
from nmt.model.cells import Carry, Cell, build_cell
from nmt.model.initialise import draw_parameters
from nmt.model.unroll import unroll
from nmt.settings import ModelSettings

SENTENCES, TARGETS, SOURCES = 2, 3, 5
TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-3}  # largest difference of the loops; values are of size one


def check_registered_attention(settings: ModelSettings, loop: str) -> None:
    """Compute each kind in `settings` that is not of this package; `loop` is train.loop.

    Raises RegistrationError, which names the class, for a shape that does not fit, for a score that is another each
    time, and for a `fused_form` that computes something else than the class's own score.
    """
    names = dict.fromkeys((settings.attention, *settings.mix))
    kinds = [kind for kind in (REGISTERED_ATTENTIONS[name].kind for name in names) if not is_built_in(kind)]
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(0)
        for kind in kinds:
            check_shapes(kind, settings)
        if kinds and loop != "reference":
            compare_loops(kinds, settings)


def check_shapes(kind: type[Attention], settings: ModelSettings) -> None:
    """Raise RegistrationError unless every method of a kind accepts and returns what the decoder does."""
    B, T, S = SENTENCES, TARGETS, SOURCES
    sizes = {
        "decoder_size": settings.decoder_size,
        "memory_size": 2 * settings.encoder_size,
        "attention_size": settings.attention_size,
    }
    try:
        attention: Any = kind(*sizes.values()).eval()
    except Exception as error:
        given = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise RegistrationError(f"{full_name(kind)} cannot be made with {given}\n  {first_line(error)}") from error
    state_BTD, values_BSM = torch.rand(B, T, sizes["decoder_size"]), torch.rand(B, S, sizes["memory_size"])
    if kind.forward is Attention.forward and kind.build_memory is Attention.build_memory:
        query_BTA = call(attention.project_query, state_BTD, axes=(B, T))
        keys_BSA = call(attention.project_keys, values_BSM, axes=(B, S))
        inputs = query_BTA[:, :, None, None], keys_BSA[:, None, :, None]
        scores_BTS1, again_BTS1 = (call(attention.score, *inputs, axes=(B, T, S, 1)) for _ in range(2))
        if scores_BTS1.dim() > 4:
            raise RegistrationError(
                f"{full_name(kind)}.score returns one of shape {tuple(scores_BTS1.shape)}, which has to be "
                f"{B}, {T}, {S}, 1\n  A score is one number: sum over the last axis of queries and keys, as by .sum(-1)"
            )
        if not torch.equal(scores_BTS1.nan_to_num(), again_BTS1.nan_to_num()):
            raise RegistrationError(
                f"{full_name(kind)}.score computes another score each time\n  It may depend on nothing but its "
                "arguments and parameters; dropout needs F.dropout(…, training=self.training)"
            )
        return
    memory = call(attention.build_memory, values_BSM, torch.ones(B, S, dtype=torch.bool))
    output = call(attention.forward, state_BTD, memory, state_BTD[..., :0])
    forward = f"{full_name(kind)}.forward"
    check_axes(f"{forward} returns a context", output.context_BKM, (B, T, attention.memory_size))
    check_axes(f"{forward} returns weights", output.weights_BKS, (B, T, S))


def call(method: Callable[..., Any], *inputs: Any, axes: tuple[int, ...] = ()) -> Any:
    """What a method returns, whose shape begins with `axes`. Raises RegistrationError if not, or if it fails."""
    name = f"{full_name(type(method.__self__))}.{method.__name__}"  # type: ignore[attr-defined]
    shapes = " and ".join(str(tuple(one.shape)) for one in inputs if isinstance(one, Tensor))
    try:
        output = method(*inputs)
    except Exception as error:
        raise RegistrationError(f"{name} fails on tensors of shape {shapes}\n  {first_line(error)}") from error
    if axes:
        check_axes(f"{name} returns, for tensors of shape {shapes}, one", output, axes)
    return output


def check_axes(what: str, output: Tensor, axes: tuple[int, ...]) -> None:
    """Raise RegistrationError, which begins with `what`, unless the shape of `output` begins with `axes`."""
    if tuple(output.shape[: len(axes)]) != axes:
        needed = ", ".join(map(str, axes))
        raise RegistrationError(
            f"{what} of shape {tuple(output.shape)}, which has to begin with {needed}\n"
            f"  The batch has {SENTENCES} sentences, {TARGETS} target positions and {SOURCES} source positions"
        )


def first_line(error: Exception) -> str:
    """The kind of an error and the first line of its message."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def compare_loops(kinds: list[type[Attention]], settings: ModelSettings) -> None:
    """Raise RegistrationError unless the fused loop computes what the readable loop does, in float64.

    A kind that cannot compute in float64 is compared in float32.
    """
    names = " and ".join(map(full_name, kinds))
    cell = build_cell(settings).eval()
    draw_parameters(cell)
    for parameter in cell.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter) / max(parameter.shape[-1:], default=1) ** 0.5)
    for dtype in TOLERANCES:
        try:
            inputs = draw_inputs(cell.to(dtype), settings, dtype)
            want = unroll(*inputs)
            break
        except Exception as error:
            failure = error
    else:
        raise RegistrationError(f"{names} cannot be computed with these settings\n  {first_line(failure)}") from failure
    remedy = (
        "  The fused loop calls neither project_query nor score: it reads query_weight_AD, project_keys and, for\n"
        '  "additive", v_HE. Define them so that they give the same score, or leave out fused_form'
    )
    form = f'{names} has the fused_form "{cell.attention.fused_form}", and the fused loop'
    try:
        got = unroll_fused(*inputs)
    except Exception as error:
        raise RegistrationError(f"{form} fails\n  {first_line(error)}\n{remedy}") from error
    difference = max(float((one - other).abs().max()) for one, other in zip(want, got, strict=True))
    if not difference <= TOLERANCES[dtype]:
        raise RegistrationError(
            f"{form} computes another score than the class: they differ by {difference:.2g}\n{remedy}"
        )


def draw_inputs(cell: Cell, settings: ModelSettings, dtype: torch.dtype) -> tuple[Cell, Tensor, Carry, Memory]:
    """Random inputs of a loop, with padding in the last sentence."""
    embedded_BTE = torch.randn(SENTENCES, TARGETS, settings.embedding_size, dtype=dtype)
    values_BSM = 2 * torch.rand(SENTENCES, SOURCES, 2 * settings.encoder_size, dtype=dtype) - 1
    hidden_BD = 2 * torch.rand(SENTENCES, settings.decoder_size, dtype=dtype) - 1
    real_BS = torch.ones(SENTENCES, SOURCES, dtype=torch.bool)
    real_BS[-1, -2:] = False
    return cell, embedded_BTE, cell.initial_carry(hidden_BD), cell.attention.build_memory(values_BSM, real_BS)
