"""tools/README.md lists every tool, and its commands name tools and options that exist."""

import re
import subprocess
import sys

import pytest
from support.tools import TOOLS, load_tool

TEXT = (TOOLS / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line.split() for block in BLOCKS for line in block.replace("\\\n", " ").splitlines() if "tools/" in line]
OPTIONS: dict[str, set[str]] = {}
for command in COMMANDS:
    script = next(word for word in command if word.startswith("tools/"))
    own = command[: command.index("--")] if "--" in command else command  # what follows is handed to nmt
    OPTIONS.setdefault(script, set()).update(word.strip("[]") for word in own if "--" in word)


def test_every_tool_is_listed():
    scripts = {path for path in TOOLS.glob("*/*.py") if '__name__ == "__main__"' in path.read_text("utf-8")}
    listed = set(re.findall(r"^\| `(\w+/\w+\.py)` \|", TEXT, re.MULTILINE))
    assert listed == {str(path.relative_to(TOOLS)) for path in scripts}


def test_no_line_is_too_long_outside_tables():
    assert not [line for line in TEXT.splitlines() if len(line) > 120 and not line.startswith("|")]


def test_every_picture_exists():
    pictures = re.findall(r"!\[.*\]\((.*)\)", TEXT)
    assert pictures
    assert all((TOOLS / picture).is_file() for picture in pictures)


@pytest.mark.parametrize("tool", OPTIONS)
def test_the_options_of_a_command_exist(tool, monkeypatch, capsys):
    if tool.endswith(".py"):
        monkeypatch.setattr(sys, "argv", [tool, "--help"])
        with pytest.raises(SystemExit, match="0"):
            load_tool(tool.removeprefix("tools/").removesuffix(".py")).main()
        text = capsys.readouterr().out
    else:
        text = subprocess.run([TOOLS.parent / tool, "--help"], capture_output=True, text=True, check=True).stdout
    assert OPTIONS[tool] <= set(re.findall(r"--[a-z][a-z0-9-]*", text))
