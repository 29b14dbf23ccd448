import ctypes
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import Mock

import pytest

from nmt.errors import UsageError
from nmt.translation import places
from nmt.translation.places import choose_translation_device, choose_translation_precision, may_have_gpu

CPU, GPU = "cpu", "cuda"


def test_auto_is_int8_on_a_cpu_and_float32_on_a_gpu():
    assert choose_translation_precision("auto", CPU) == "int8"
    assert choose_translation_precision("auto", GPU) == "float32"


@pytest.mark.parametrize(
    ("name", "device"), [("float32", CPU), ("int8", CPU), ("float32", GPU), ("bfloat16", GPU)], ids=str
)
def test_a_precision_that_the_device_has_is_used(name, device):
    assert choose_translation_precision(name, device) == name


def test_a_precision_that_the_device_lacks_raises_an_error():
    with pytest.raises(UsageError, match=r"^precision='bfloat16' is for GPUs\n  A CPU can use auto, float32 and int8$"):
        choose_translation_precision("bfloat16", CPU)
    with pytest.raises(UsageError, match=r"^precision='int8' is for CPUs\n  A GPU can use auto, float32 and bfloat16$"):
        choose_translation_precision("int8", GPU)


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
def test_an_unknown_precision_raises_an_error(device):
    with pytest.raises(
        UsageError, match=r'^there is no precision "fp16"\n  It is one of auto, float32, bfloat16, int8$'
    ):
        choose_translation_precision("fp16", device)


@pytest.fixture
def build(monkeypatch, tmp_path):
    """`build(cuda, hip)`: torch was built for versions of these."""

    def set_versions(cuda, hip):
        (tmp_path / "version.py").write_text(f"cuda, hip = {cuda!r}, {hip!r}\n")
        found = Mock(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(places, "find_spec", lambda name: found if name == "torch" else find_spec(name))

    return set_versions


@pytest.mark.parametrize(("driver", "is_likely"), [(OSError("no such library"), False), (None, True)])
def test_a_gpu_is_looked_for_where_its_driver_is(build, monkeypatch, driver, is_likely):
    opened = Mock(side_effect=driver)
    monkeypatch.setattr(ctypes, "CDLL", opened)
    build("12.8", None)
    assert may_have_gpu() is is_likely
    opened.assert_called_once_with("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")


@pytest.mark.parametrize("device", ["/no/such/file", __file__])
def test_a_gpu_of_amd_has_a_device_file(build, monkeypatch, device):
    monkeypatch.setattr(places, "AMD_DEVICE", Path(device))
    build(None, "6.3")
    assert may_have_gpu() is (device == __file__)
    build(None, None)
    assert not may_have_gpu()


def test_auto_asks_torch_only_where_there_may_be_a_gpu(monkeypatch):
    asked = Mock(return_value="cuda:0")
    monkeypatch.setattr("nmt.devices.choose_device", asked)
    monkeypatch.setattr(places, "may_have_gpu", lambda: False)
    assert (choose_translation_device("auto"), choose_translation_device("cpu")) == ("cpu", "cpu")
    asked.assert_not_called()
    monkeypatch.setattr(places, "may_have_gpu", lambda: True)
    assert (choose_translation_device("auto"), choose_translation_device("cpu")) == ("cuda:0", "cpu")
    asked.assert_called_once_with("auto")


def test_another_device_is_torch_s():
    with pytest.raises(UsageError, match=r"^device='cuda:99' cannot be used here"):
        choose_translation_device("cuda:99")
