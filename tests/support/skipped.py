"""The end of pytest's output: one line for each thing that this machine lacks, and how to install it."""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A skipped test gives its reason as `no C++ compiler (Debian: apt install g++)`."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} {'test was' if count == 1 else 'tests were'} skipped: {reason}")
