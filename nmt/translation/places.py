"""Where translation computes, and in which number format. torch is loaded only where there may be a GPU."""

import ctypes
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from nmt.arguments import check_string
from nmt.errors import Option, UsageError, did_you_mean

DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
AMD_DEVICE = Path("/dev/kfd")


def choose_translation_device(name: str) -> str:
    """The name of the device with a name. `auto` is the first GPU, or the CPU if there is none.

    Raises UsageError as nmt.devices.choose_device does.
    """
    if name == "cpu" or (name == "auto" and not may_have_gpu()):
        return "cpu"
    from nmt.devices import choose_device

    return str(choose_device(name))


def may_have_gpu() -> bool:
    """Whether torch could use a GPU: it was built for one, and this machine has the driver of one."""
    torch = find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    found = spec_from_file_location("built_for", Path(torch.origin).with_name("version.py"))
    assert found is not None
    assert found.loader is not None
    built_for = module_from_spec(found)
    found.loader.exec_module(built_for)
    if built_for.cuda is None:
        return built_for.hip is not None and AMD_DEVICE.exists()
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True


def choose_translation_precision(name: str, device: str) -> str:
    """The number format of translation. `auto` is int8 on a CPU, and float32 on a GPU, where it is as fast as bfloat16.

    Nothing is measured, so that the same command always gives the same translations. Raises UsageError for an unknown
    name and for a format that the device does not have.
    """
    check_string("precision", name)
    names = ("auto", "float32", "bfloat16", "int8")
    if name not in names:
        raise UsageError(
            f'there is no precision "{name}"{did_you_mean(name, names)}\n  It is one of {", ".join(names)}'
        )
    if device == "cpu":
        if name == "bfloat16":
            raise UsageError(Option("precision", name), " is for GPUs\n  A CPU can use auto, float32 and int8")
        return "int8" if name == "auto" else name
    if name == "int8":
        raise UsageError(Option("precision", name), " is for CPUs\n  A GPU can use auto, float32 and bfloat16")
    return "float32" if name == "auto" else name
