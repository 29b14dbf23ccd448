"""Compilation by torch.compile of functions that are called often: one serves every size, and later runs."""

import os
import platform
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nmt.errors import Option, UsageError
from nmt.kernels.pointwise import Kernels, additive_keys, attend, attend_backward, gru, gru_backward

# Widths of vectors. torch's cache would give a CPU the code that was made for wider ones, which skips numbers or cannot
# be compiled: where machines share a home folder, or $ATEN_CPU_CAPABILITY changes. It does not where options differ.
VECTOR_BITS = {"AVX512": 512, "AVX2": 256, "DEFAULT": 0}


def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, compiled at its first call and kept on disk for later runs. On a CPU this needs a C++ compiler.

    On a CPU tanh is computed with exp, within 1e-7 of torch's tanh and three times as fast; torch 2.6 cannot do so.
    """
    set_cache()
    import torch._dynamo.config as dynamo  # the import takes a second or more, so only those who compile wait for it
    import torch.fx.experimental._config as shapes
    from torch._inductor.config import cpp

    # advice to the authors of torch, which compiling a softmax for a GPU gives
    warnings.filterwarnings("ignore", r"\s*Online softmax is disabled", UserWarning)
    shapes.use_duck_shape = False  # two sizes that are equal once may differ later
    limit = "recompile_limit" if hasattr(dynamo, "recompile_limit") else "cache_size_limit"  # its name in torch 2.6
    setattr(dynamo, limit, 64)
    options: dict[str, Any] = {"cpp.use_decompose_tanh": True} if hasattr(cpp, "use_decompose_tanh") else {}
    if platform.machine() in ("x86_64", "AMD64"):
        options["cpp.simdlen"] = VECTOR_BITS.get(torch.backends.cpu.get_cpu_capability())
    result: Callable[..., Any] = torch.compile(function, dynamic=True, fullgraph=True, options=options)
    return result


def set_cache() -> None:
    """Let torch keep compiled functions in a folder by the XDG base directory specification, if it has no other yet.

    torch's own is in the folder of temporary files, and torch settles on it when it first looks for a compiler.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(caches / "nmt" / "compiled"))


def compile_kernels() -> Kernels:
    """The element-wise functions of the fused loop, compiled."""
    return Kernels(
        *(compile_function(kernel) for kernel in (gru, gru_backward, attend, attend_backward, additive_keys))
    )


def require_compiler(device: torch.device) -> None:
    """Raise UsageError where nothing can be compiled for `device`."""
    set_cache()
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch.utils._triton import has_triton

    if device.type == "cpu":
        try:
            get_cpp_compiler()
        except RuntimeError as error:
            raise UsageError(
                "train.compile needs a C++ compiler, and there is no g++ or $CXX that works\n"
                "  Install one (Debian: apt install g++), or train without ",
                Option("compile"),
            ) from error
        header = Path(sysconfig.get_path("include")) / "Python.h"
        if not header.is_file():
            raise UsageError(
                f"train.compile needs Python's headers, and {header} is not there\n"
                "  Install them (Debian: apt install python3-dev), or train without ",
                Option("compile"),
            )
    elif not has_triton():
        raise UsageError(
            "train.compile needs Triton on a GPU, and it is not there\n"
            "  Install it (pip install triton), or train without ",
            Option("compile"),
        )
