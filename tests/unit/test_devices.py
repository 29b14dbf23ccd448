import pytest
import torch

from nmt import devices
from nmt.devices import choose_translation_precision, has_int8
from nmt.errors import UsageError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("vnni", "int8", "chosen"),
    [(True, True, "int8"), (False, True, "float32"), (True, False, "float32")],
)
def test_auto_is_the_fastest_that_a_cpu_has(monkeypatch, vnni, int8, chosen):
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: vnni)
    monkeypatch.setattr(devices, "has_int8", lambda: int8)
    assert choose_translation_precision("auto", CPU) == chosen


def test_what_is_named_is_taken_or_refused(monkeypatch):
    for name in ("float32", "bfloat16"):
        assert choose_translation_precision(name, CPU) == name
    assert choose_translation_precision("float32", GPU) == "float32"
    monkeypatch.setattr(devices, "has_int8", lambda: False)
    with pytest.raises(UsageError, match=r"precision='int8' cannot be used here: .*\n  There are: auto, float32, bfl"):
        choose_translation_precision("int8", CPU)


@pytest.mark.parametrize("product", [lambda x_NI: torch.zeros(8, 256), lambda x_NI: torch.ops.onednn.none_such(x_NI)])
def test_a_product_that_is_wrong_or_missing_is_noticed(monkeypatch, product):
    monkeypatch.setattr(devices, "Int8Product", lambda weight_OI, bias_O, is_bounded: product)
    assert not has_int8()


def test_int8_is_for_a_cpu(monkeypatch):
    with pytest.raises(
        UsageError, match="precision='int8' is for a CPU\n  On a GPU there are: auto, float32, bfloat16"
    ):
        choose_translation_precision("int8", GPU)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert choose_translation_precision("auto", GPU) == "bfloat16"
