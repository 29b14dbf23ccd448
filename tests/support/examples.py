"""Examples in Markdown: the fenced blocks of a file, and how they are run.

A `console` block is a session in a shell: a line that begins with "$ " is a command, and the lines below it are what it
prints. A `python` block is a session with ">>> ". Where output is shown it is compared; "..." stands for anything and,
in a console, a figure for any figure, because corpora and machines differ.
"""

import doctest
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```\w*\n.*?^```$|`[^`\n]+(?:\n[^`\n]+)?`", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"\d[\d.,/]*")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A fenced block: its language, which may be empty, and its lines."""

    language: str
    text: str


def read_blocks(path: Path) -> list[Block]:
    """The fenced blocks of a Markdown file."""
    return [Block(*found) for found in BLOCK.findall(path.read_text("utf-8"))]


def read_code(path: Path) -> list[str]:
    """All that is code in a Markdown file: its fenced blocks, and what stands between two backticks in its prose."""
    return [found.strip("`") for found in CODE.findall(path.read_text("utf-8"))]


def split_console(text: str) -> Iterator[tuple[str, str]]:
    """(command, output) for each command of a console block; a backslash at the end of a line continues a command."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.replace("\\\n", " ").partition("\n")
        yield command, output


class Shell:
    """Runs commands of a console block in the current folder: `nmt` in this process, all else in a real shell.

    `nmt` commands may read "< FILE", write "> FILE", and be parts of a pipe.
    """

    def __init__(self, run_nmt: Callable[..., Any]) -> None:
        self.run_nmt = run_nmt

    def run(self, command: str) -> str:
        """What a command prints: standard error first, then standard output. Asserts that it succeeds."""
        messages, output = "", ""
        for stage in command.split(" | "):
            if stage.startswith("nmt "):
                printed, output = self.run_own(stage, output)
                messages += printed
            else:
                done = subprocess.run(["sh", "-c", stage], input=output, capture_output=True, text=True, check=True)
                messages, output = messages + done.stderr, done.stdout
        return messages + output

    def run_own(self, stage: str, stdin: str) -> tuple[str, str]:
        """(standard error, standard output) of one `nmt` command."""
        words = shlex.split(stage, comments=True)
        files = {mark: words.pop(words.index(mark) + 1) for mark in ("<", ">") if mark in words}
        if "<" in files:
            stdin = Path(files["<"]).read_text("utf-8")
        done = self.run_nmt(*(word for word in words[1:] if word not in files), stdin=stdin)
        assert done.code == 0, f"{stage}\n{done.stderr}"
        if ">" in files:
            Path(files[">"]).write_text(done.stdout, "utf-8")
        return done.stderr, "" if ">" in files else done.stdout


def check_console(text: str, shell: Shell) -> None:
    """Run every command of a console block and compare what it prints with what is shown."""
    for command, expected in split_console(text):
        printed = shell.run(command)
        if expected:
            shown, found = (FIGURE.sub("0", side) for side in (expected, printed))
            assert doctest.OutputChecker().check_output(shown, found, FLAGS), f"$ {command}\n{printed}"


def check_python(text: str, names: dict[str, Any], place: str) -> None:
    """Run a Python session and compare what it prints with what is shown; `names` keeps its variables."""
    session = doctest.DocTestParser().get_doctest(text, names, place, place, 0)
    assert session.examples, f"{place}: a python block is a session with >>>"
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    failed, _ = runner.run(session, out=report.append, clear_globs=False)
    names.update(session.globs)
    assert not failed, "".join(report)
