"""Programs that tests start: the signal that ends them, and waiting for what they do."""

import signal
import subprocess
import time
from collections.abc import Callable


def let_sigint_end_programs() -> None:
    """Undo what a shell does to tests that it runs in the background: they, and all they start, ignore SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen | None = None) -> None:
    """Wait for a condition that no event announces, such as the size of a file; `process` must run until then."""
    end = time.monotonic() + 100
    while not condition():
        assert process is None or process.poll() is None, f"the process ended with {process.returncode}"
        assert time.monotonic() < end, "the condition is not met after 100 seconds"
        time.sleep(0.02)
