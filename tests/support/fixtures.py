"""The fixtures. Corpora and runs that cost time to make are made once a session."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nmt.analysis import plots
from nmt.cli.main import main
from support.attentions import plugins, register  # noqa: F401
from support.browser import chromium, open_page  # noqa: F401
from support.corpora import tiny_corpus, tiny_prepared  # noqa: F401
from support.runs import novice, reverser, turned  # noqa: F401

ROOT = Path(__file__).parents[2]
SAVE_CURVE = plots.save_curve
# Before it compiles anything, torch builds a program for every instruction set of the CPU, to see whether the compiler
# knows it: 12 seconds. This variable says that it does.
COMPILER_KNOWS_ALL = {"TORCHINDUCTOR_VEC_ISA_OK": "1"}


@pytest.fixture(autouse=True, scope="session")
def no_curve():
    """Training writes an empty learning curve, because drawing it takes longer than most trainings of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "save_curve", lambda path, records: Path(path).write_bytes(b""))
        yield


@pytest.fixture
def drawn_curve(monkeypatch):
    """Training draws its learning curve."""
    monkeypatch.setattr(plots, "save_curve", SAVE_CURVE)


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


class Stdin(io.TextIOWrapper):
    """A standard input that holds given bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")


@pytest.fixture
def run_nmt(capfd, monkeypatch):
    """Run `nmt` as a user would: `run_nmt("score", "--reference", path, stdin="a b\\n")` -> Done.

    In this process by default, which is fast; `process=True` starts a real one. `stdin` is text or bytes.
    """

    def run(*words, stdin: str | bytes = b"", process: bool = False, env: dict[str, str] | None = None) -> Done:
        arguments = [str(word) for word in words]
        content = stdin.encode() if isinstance(stdin, str) else stdin
        if process:
            command = [sys.executable, "-m", "nmt", *arguments]
            done = subprocess.run(
                command, input=content, capture_output=True, env=os.environ | (env or {}), cwd=ROOT, timeout=100
            )
            return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        capfd.readouterr()
        monkeypatch.setattr(sys, "stdin", Stdin(content))
        code = main(arguments)
        sys.stdout.flush()
        out = capfd.readouterr()
        return Done(code, out.out, out.err)

    return run


@pytest.fixture
def compiling(monkeypatch):
    """Let torch compile, which tests/conftest.py forbids because it takes seconds."""
    import torch._dynamo
    import torch._inductor.config

    monkeypatch.delenv("TORCH_COMPILE_DISABLE", raising=False)
    with torch._dynamo.config.patch(disable=False), torch._inductor.config.patch({"cpp.vec_isa_ok": True}):
        yield
