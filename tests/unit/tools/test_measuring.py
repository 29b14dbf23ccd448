"""measuring.py: rates of windows, and the messages of errors and failed jobs."""

import subprocess
import sys

import pytest
from support.tools import TOOLS, load_tool

from nmt.errors import Option, UsageError

tool = load_tool("benchmarks/measuring")


def test_rates_are_of_windows_after_the_warm_up(monkeypatch):
    """Each update takes a second by a clock that only updates move."""
    now, updates, waits = [0.0], [], []
    monkeypatch.setattr(tool.time, "perf_counter", lambda: now[0])

    def update() -> int:
        now[0] += 1
        updates.append(now[0])
        return 100 if len(updates) <= 8 else 300

    found = tool.measure_rates(update, 6, lambda: waits.append(now[0]), warm_updates=2, warm_seconds=5, window=3)
    assert (found, waits) == ([100, 300], [5, 8, 11])


def test_a_job_that_is_killed_is_named(tmp_path):
    script = tmp_path / "tool.py"
    script.write_text(
        "import os, measuring\n"
        "def die(signal): os.kill(os.getpid(), signal)\n"
        "main = lambda: measuring.run_in_fresh_process(__file__, 'die', 1, signal=9)\n"
        "measuring.run_tool(main, {'die': die})\n"
    )
    path = {"PYTHONPATH": f"{TOOLS / 'benchmarks'}:{TOOLS.parent}"}
    done = subprocess.run([sys.executable, script], env=path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "die {'signal': 9} was killed by signal 9\n"


@pytest.mark.parametrize(
    ("option", "flag"),
    [(Option("precision"), "--precision"), (Option("batch_size", 64), "--batch-size 64")],
)
def test_a_message_names_options_as_they_are_given(monkeypatch, capsys, option, flag):
    def main() -> None:
        raise UsageError("leave out ", option)

    monkeypatch.setattr(sys, "argv", ["tools/benchmarks/benchmark.py"])
    with pytest.raises(SystemExit, match="2"):
        tool.run_tool(main, {})
    assert capsys.readouterr().err == f"benchmark.py: error: leave out {flag}\n"
