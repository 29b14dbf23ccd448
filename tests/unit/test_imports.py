"""Rooms import in one direction only, as a table says; every import statement of the package is read."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nmt

PACKAGE = Path(nmt.__file__).parent
GROUND = {
    *("errors", "ids", "files", "metadata", "run_log", "run_history", "attention_names", "settings", "validation"),
    *("arguments", "progress", "version"),
}
MAY_IMPORT = {
    "errors": set(),
    "ids": set(),
    "threads": set(),
    "arguments": {"errors"},
    "step": set(),
    "files": {"errors"},
    "metadata": {"errors"},
    "run_log": {"files", "metadata"},
    "run_history": {"files", "metadata", "run_log"},
    "version": set(),
    "progress": {"errors"},
    "attention_names": {"errors"},
    "validation": {"errors", "metadata"},
    "settings_base": set(),
    "prepare_settings": {"errors", "settings_base"},
    "train_settings": {"settings_base"},
    "settings": {
        "errors",
        "attention_names",
        "metadata",
        "prepare_settings",
        "recipes",
        "settings_base",
        "train_settings",
        "validation",
    },
    "devices": {"arguments", "errors"},
    "weights": GROUND | {"checkpoint", "model"},
    "loaded_run": GROUND | {"checkpoint", "model", "weights"},
    "recipes": {"errors", "metadata", "settings_base", "validation"},
    "text": GROUND,
    "data": GROUND | {"text", "checkpoint", "analysis", "word_alignment"},
    "search": {"errors", "ids", "step"},
    "model": GROUND | {"step"},
    "kernels": GROUND | {"step", "model"},
    "run_facts": {"metadata"},
    "checkpoint": GROUND | {"run_facts", "text"},
    "inspection": GROUND | {"text", "checkpoint", "training", "weights"},
    "inference": GROUND | {"step", "model", "checkpoint", "loaded_run"},
    "analysis": GROUND | {"text"},
    "word_alignment": GROUND | {"text", "analysis"},
    "translation": GROUND
    | {"step", "threads", "devices", "text", "search", "model", "inference", "checkpoint", "loaded_run", "analysis"},
    "documents": GROUND | {"text", "translation", "analysis"},
    "training": GROUND | {"devices", "text", "data", "model", "kernels", "checkpoint", "loaded_run", "weights"},
    "server": GROUND | {"", "text", "translation", "analysis", "documents"},
    "api": GROUND | {"text", "analysis", "translation"},
    "training_api": GROUND | {"text", "data", "analysis", "training", "translation"},
    "scoring": GROUND | {"analysis", "translation", "checkpoint"},
    "tuning": GROUND | {"scoring", "data", "search", "analysis", "translation", "checkpoint"},
    "distillation": GROUND | {"text", "data", "analysis", "translation", "checkpoint", "loaded_run"},
    "": {
        *(
            "api",
            "training_api",
            "data",
            "distillation",
            "documents",
            "scoring",
            "tuning",
            "model",
            "text",
            "translation",
            "word_alignment",
            "progress",
            "settings",
            "errors",
        ),
        "version",
    },
    "__main__": {"cli"},
}
ROOMS = {*MAY_IMPORT, "cli"}
ONLY_IN = {
    "sentencepiece": "text/subword.py",
    "sacrebleu": "analysis/label_metrics.py analysis/metrics.py analysis/test_sets.py",
    "matplotlib": "analysis/plots.py",
    "starlette": "server/app.py",
    "onnxruntime": "inference/engine.py",
}
FILES = sorted(PACKAGE.rglob("*.py"))
FLAG = re.compile(r"(^|[\s`(\"'])--[a-z]")


def name_of(path: Path) -> str:
    """`nmt.cli.main` of nmt/cli/main.py."""
    parts = ["nmt", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """Dotted names of every module that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (submodules & MODULES.keys()) or {node.module}
    return names


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_keep_their_direction(path):
    room = room_of(path)
    assert room in ROOMS, "a room without a row in the table"
    ours = {[*name.split("."), ""][1] for name in imported(path) if name.split(".")[0] == "nmt"}
    allowed = ROOMS if room == "cli" else MAY_IMPORT[room] | {room}
    assert ours <= allowed


def test_no_two_files_import_each_other():
    imports = {name: imported(path) & MODULES.keys() - {name} for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"a circle: {' -> '.join([*trail[trail.index(name) :], name])}"
        if name not in done:
            for other in sorted(imports[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.parametrize(("library", "homes"), ONLY_IN.items())
def test_a_library_is_used_in_few_places(library, homes):
    users = [path for path in FILES if library in {name.split(".")[0] for name in imported(path)}]
    assert users == [PACKAGE / home for home in homes.split()]


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path) != "cli"], ids=name_of)
def test_only_the_command_line_knows_click_and_flags(path):
    assert "click" not in imported(path)
    tree = ast.parse(path.read_text("utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in texts if FLAG.search(text)] == []


def test_no_file_is_too_long_to_read():
    assert {str(path): lines for path in FILES if (lines := len(path.read_text("utf-8").splitlines())) > 400} == {}


def test_a_run_that_was_used_before_translates_without_torch(reverser):
    """Which takes longer to load than all else; so do scores, and links of words."""
    code = f"""
import sys, nmt
assert nmt.load({str(reverser)!r}).translate(["ba de"])[0].text == "de ba"
nmt.align({str(reverser)!r}, ["ba de"], ["de ba"])
nmt.evaluate({str(reverser)!r}, ["ba de"], ["de ba"])
print("torch" in sys.modules)
"""
    nmt.load(reverser).translate(["ba"])  # makes its graphs
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr
