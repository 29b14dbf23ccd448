"""The tools as modules. They are scripts, and each imports what stands beside it in its folder."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[2] / "tools"


def load_tool(path: str) -> ModuleType:
    """Import a script with its folder on the path, as when it is run: `load_tool("benchmarks/benchmark_train")`."""
    folder, _, name = path.rpartition("/")
    if str(TOOLS / folder) not in sys.path:
        sys.path.append(str(TOOLS / folder))
    return import_module(name)
