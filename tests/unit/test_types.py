"""Type checkers see the types of nmt in programs that use it."""

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nmt

ROOT = Path(__file__).parents[2]
FILES = sorted(Path(nmt.__file__).parent.rglob("*.py"))


def test_an_editable_install_is_a_path_and_no_import_hook(tmp_path):
    pytest.importorskip("setuptools")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "nmt").mkdir()
    (tmp_path / "nmt" / "__init__.py").touch()
    code = "from setuptools import build_meta; print(build_meta.build_editable('.'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        installed = {name: wheel.read(name).decode().strip() for name in wheel.namelist() if "dist-info" not in name}
    assert list(installed.values()) == [str(tmp_path)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_type_checkers_see_that_a_field_has_a_default(path):
    """They know it by the name of the argument alone."""
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    assert [call.lineno for call in calls if getattr(call.func, "id", "") == "Field" and call.args] == []
