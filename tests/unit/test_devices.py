import os
import subprocess
import sys

import pytest
import torch

from nmt import devices
from nmt.devices import choose_translation_precision, has_amx, has_int8
from nmt.errors import UsageError

pytestmark = pytest.mark.numerical

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("amx", "int8", "chosen"),
    [(True, True, "int8"), (False, True, "float32"), (True, False, "float32")],
)
def test_auto_is_the_fastest_that_a_cpu_has(monkeypatch, amx, int8, chosen):
    monkeypatch.setattr(devices, "has_amx", lambda: amx)
    monkeypatch.setattr(devices, "has_int8", lambda: int8)
    assert choose_translation_precision("auto", CPU) == chosen


@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
@pytest.mark.parametrize(
    ("cpu", "limit", "amx"),
    [
        (True, "", True),
        (True, "DEFAULT", True),
        (True, "all", True),
        (True, "AVX512_CORE_AMX", True),
        (True, "avx10_1_512_amx_fp16", True),
        (True, "AVX512_CORE_FP16", False),
        (True, "AVX512_CORE_BF16", False),
        (True, "AVX2", False),
        (True, "sse41", False),
        (False, "", False),
        (False, "AVX512_CORE_AMX", False),
    ],
)
def test_amx_is_used_unless_the_environment_forbids_it(monkeypatch, variable, cpu, limit, amx):
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cpu, "_init_amx", lambda: cpu)
    monkeypatch.setenv(variable, limit)
    assert has_amx() == amx


def test_a_named_precision_is_used_or_raises_an_error(monkeypatch):
    for name in ("float32", "bfloat16"):
        assert choose_translation_precision(name, CPU) == name
    assert choose_translation_precision("float32", GPU) == "float32"
    monkeypatch.setattr(devices, "has_int8", lambda: False)
    with pytest.raises(
        UsageError, match=r"precision='int8' cannot be used here: .*\n  This machine can use auto, float32"
    ):
        choose_translation_precision("int8", CPU)
    for device in (CPU, GPU):
        with pytest.raises(
            UsageError, match=r'^there is no precision "fp16"\n  It is one of auto, float32, bfloat16, int8$'
        ):
            choose_translation_precision("fp16", device)


class Saturating:
    """Products in 8 bits as without VNNI: x is shifted to be unsigned, and sums of two are kept in 16 bits."""

    def __init__(self, weight_OI, bias_O, is_bounded):
        self.pairs_OPK = (127 * weight_OI).unflatten(1, (-1, 2))

    def __call__(self, x_NI):
        pairs_NPK = (127 * x_NI + 128).unflatten(1, (-1, 2))
        sums_NOP = torch.einsum("npk,opk->nop", pairs_NPK, self.pairs_OPK).clamp(-(2**15), 2**15 - 1)
        return (sums_NOP.sum(-1) - 128 * self.pairs_OPK.sum((1, 2))) / 127**2


@pytest.mark.parametrize(
    "product",
    [
        lambda weight_OI, bias_O, is_bounded: lambda x_NI: torch.zeros(8, 256),
        lambda weight_OI, bias_O, is_bounded: lambda x_NI: torch.ops.onednn.none_such(x_NI),
        Saturating,
    ],
)
def test_wrong_or_missing_products_of_8_bit_integers_are_detected(monkeypatch, product):
    monkeypatch.setattr(devices, "Int8Product", product)
    assert not has_int8()


def test_correct_products_of_8_bit_integers_are_used(monkeypatch):
    monkeypatch.setattr(devices, "Int8Product", lambda weight_OI, bias_O, is_bounded: lambda x_NI: x_NI @ weight_OI.T)
    assert has_int8()


def test_int8_is_for_cpus_only(monkeypatch):
    with pytest.raises(UsageError, match="precision='int8' is for CPUs\n  A GPU can use auto, float32 and bfloat16"):
        choose_translation_precision("int8", GPU)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert choose_translation_precision("auto", GPU) == "bfloat16"


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
    ids=str,
)
def test_waiting_threads_of_openmp_sleep_soon_unless_the_environment_decides(given, found):
    """It is set when nmt is imported, before torch loads OpenMP."""
    code = "import nmt, os, sys; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    kept = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, check=True)
    assert done.stdout == f"{found} False\n"
