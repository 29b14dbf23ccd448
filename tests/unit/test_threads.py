import os
import subprocess
import sys
from types import ModuleType

import pytest
import torch

from nmt import threads

PROGRAM = """
import sys
from types import ModuleType
from nmt.threads import choose_threads, count_threads
counts = [count_threads()]
choose_threads(1)
counts.append(count_threads())
assert "torch" not in sys.modules
if sys.argv[1] == "torch":
    import torch
    counts.append(torch.get_num_threads())
print(*counts, count_threads())
"""


@pytest.mark.parametrize(
    ("given", "loaded"), [("", ""), ("2", ""), ("7,2", "torch"), ("7,2", ""), ("0", ""), ("many", "")]
)
def test_the_number_holds_without_torch_and_when_it_is_loaded(given, loaded):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"OMP_NUM_THREADS": given} if given else {}
    command = [sys.executable, "-c", PROGRAM, loaded]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200)
    first = given[:1] if given[:1] in ("2", "7") else str(threads.count_cores())
    assert done.stdout.split() == [first, "1", "1", *["1"] * bool(loaded)], done.stderr


def test_torch_s_number_counts_once_it_is_loaded(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    assert threads.count_threads() == 5


def test_while_another_thread_loads_torch_the_number_is_that_without_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    monkeypatch.setattr(threads, "CHOSEN", [3])
    assert threads.count_threads() == 3
