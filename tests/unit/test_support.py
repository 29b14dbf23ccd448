"""What every run of the tests does, in runs of their own: the real conftest.py with a file of tests."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
CHROMIUM_IS_MISSING = """
def test_one(open_page): pass
def test_other(open_page): pass
"""
MORE_IS_MISSING = """
import pytest
def test_compiler(): pytest.skip("no C++ compiler (Debian: apt install g++)")
def test_nothing(): pass
"""
SIGINT_ENDS_A_PROGRAM = """
import signal, subprocess, sys
def test_it():
    command = [sys.executable, "-c", "import signal; signal.raise_signal(signal.SIGINT)"]
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == -signal.SIGINT
"""


def run_tests(folder, content, **options):
    (folder / "test_it.py").write_text(content)
    environment = os.environ | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}", "PATH": str(folder)}  # no program is found
    command = [sys.executable, "-m", "pytest", "-qq", "-p", "no:cacheprovider", "-p", "conftest", "test_it.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, **options)
    return done.returncode, [line for line in done.stdout.splitlines() if not re.search(r"\[100%\]$", line)]


def test_the_end_of_the_output_names_what_is_missing(tmp_path):
    assert run_tests(tmp_path, CHROMIUM_IS_MISSING + MORE_IS_MISSING) == (
        0,
        [
            "2 tests were skipped: no Chromium to open the page in (Debian: apt install chromium)",
            "1 test was skipped: no C++ compiler (Debian: apt install g++)",
        ],
    )


def test_a_complete_machine_needs_no_line(tmp_path):
    assert run_tests(tmp_path, "def test_it(): pass") == (0, [])


def test_sigint_ends_programs_where_a_shell_runs_the_tests_in_the_background(tmp_path):
    def ignore_sigint():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    assert run_tests(tmp_path, SIGINT_ENDS_A_PROGRAM, preexec_fn=ignore_sigint)[0] == 0
