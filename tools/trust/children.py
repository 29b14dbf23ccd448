"""Commands of nmt in child processes that are forked from this one, so that none has to import anything.

Only for tools whose own process has one thread: a child gets no other.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import torch

from nmt.cli.main import COMMANDS
from nmt.cli.main import main as run_command

MODULES = ("api", "analysis.page", "analysis.plots", "inference.export", "inspection", "translation.shortlists")


def preload() -> None:
    """Import what commands import when they run, and compute with one thread."""
    for module in (*(f"cli.{name}" for name in COMMANDS), *MODULES):
        import_module(f"nmt.{module}")
    for module in ("matplotlib.figure", "torch.utils.tensorboard", "torch._dynamo", "onnxruntime"):
        with suppress(ImportError):
            import_module(module)
    torch.set_num_threads(1)


def start_command(words: list[str], scratch: Path, prepare: Callable[[], None] = lambda: None) -> int:
    """Start a command of nmt, which reads the files `stdin` of a folder and writes `stdout` and `stderr`. -> process id

    The child calls `prepare` first.
    """
    child = os.fork()
    return child or end_as(words, scratch, prepare)


def end_as(words: list[str], scratch: Path, prepare: Callable[[], None]) -> NoReturn:
    """Run a command and end this process with its exit code."""
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if number else 0)
            os.dup2(os.open(scratch / name, flags), number)
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
        prepare()
        code = run_command(words)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def read_error(stderr: str) -> str:
    """The message of a command that ended with one."""
    return stderr[stderr.index("nmt: error: ") :] if "nmt: error: " in stderr else ""
