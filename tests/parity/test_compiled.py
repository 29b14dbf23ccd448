"""Compiled kernels and the CPU that they are for. The test hides instructions itself, so tools/test.sh runs it once."""

import os
import subprocess
import sys

from support.fixtures import COMPILER_KNOWS_ALL
from support.machine import skip_without_compiler


def test_compiled_kernels_of_a_cpu_with_wider_vectors_are_not_taken(tmp_path):
    """Machines with different CPUs may share the folder of compiled code. Here one CPU has fewer instructions later."""
    skip_without_compiler()
    program = (
        "import torch; from nmt.kernels.compiled import compile_function\n"
        "function, x = lambda x: (x + x.sigmoid()).sum(-1), torch.linspace(-4, 4, 67)[None]\n"
        "torch.testing.assert_close(compile_function(function)(x), function(x))"
    )
    hidden = "ATEN_CPU_CAPABILITY", "TORCH_COMPILE_DISABLE"
    widest = {name: value for name, value in os.environ.items() if name not in hidden}
    for capability in {}, {"ATEN_CPU_CAPABILITY": "default"}:
        environment = widest | capability | {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path)} | COMPILER_KNOWS_ALL
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)
