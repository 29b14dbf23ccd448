"""Standard output on a full disk: one message, and the status of an error in the input."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["settings"], ["translate", "--help"]])
def test_a_full_disk_behind_standard_output_is_one_message(words):
    with FULL.open("wb") as full:
        done = subprocess.run([sys.executable, "-m", "nmt", *words], stdout=full, stderr=subprocess.PIPE, check=False)
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, len(lines)) == (2, 2)
    assert lines[0] == "nmt: error: No space left on device"
