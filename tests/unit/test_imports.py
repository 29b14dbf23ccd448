"""Rooms import in one direction only, as a table says; every import statement of the package is read."""

import ast
from pathlib import Path

import pytest

import nmt

PACKAGE = Path(nmt.__file__).parent
BASE = {"errors", "ids", "files"}
MAY_IMPORT = {
    "errors": set(),
    "ids": set(),
    "files": {"errors"},
    "step": set(),
    "config": {"errors"},
    "text": BASE,
    "data": BASE | {"text"},
    "model": {"errors", "ids", "files", "step", "config"},
    "search": {"errors", "ids", "step"},
    "checkpoint": {"errors", "files", "config", "text", "model"},
    "training": BASE | {"config", "data", "model", "checkpoint"},
    "report": {"errors", "ids", "step", "text", "search", "files"},
    "recipes": set(),
    "cli": {"errors", "commands", ""},  # commands inside functions only, which --help's speed holds
    "__main__": {"cli"},
    "": {"commands"},
}
ROOMS = [*MAY_IMPORT, "commands"]
ONLY_IN = {"sentencepiece": "text/subword.py", "sacrebleu": "report/metrics.py", "matplotlib": "report/plots.py"}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Dotted names of every module that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add(node.module)
    return names


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_keep_their_direction(path):
    room = room_of(path)
    assert room in ROOMS, "a room without a row in the table"
    ours = {[*name.split("."), ""][1] for name in imported(path) if name.split(".")[0] == "nmt"}
    allowed = set(ROOMS) if room == "commands" else MAY_IMPORT[room] | {room}
    assert ours <= allowed


@pytest.mark.parametrize(("library", "home"), ONLY_IN.items())
def test_a_library_has_one_home(library, home):
    users = [path for path in FILES if library in {name.split(".")[0] for name in imported(path)}]
    assert users == [PACKAGE / home]
