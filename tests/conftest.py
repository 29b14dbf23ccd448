"""Fixtures that every test may ask for; what they are made of lives in tests/support."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")  # which takes seconds; the tests of compiled kernels enable it

from support.fixtures import *  # noqa: F403
from support.processes import let_sigint_end_programs
from support.skipped import pytest_terminal_summary  # noqa: F401

let_sigint_end_programs()
