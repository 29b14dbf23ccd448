"""Run commands of nmt on disks that become full, then make room and do what the messages advise.

    python tools/trust/full_disk.py [--tries 100] [--seed 1] [--jobs train resume …]

The jobs are those of kills.py. Each runs on a tmpfs with a random amount of free space, between nothing and what the
job needs, so that the disk is full before the first checkpoint, in a save, in the log, in TensorBoard events, or while
a translation, a picture or a page is written. The outcome is counted as

    fitting      there was room enough
    messages     the command ended with exit code 2 and one message, which names a file and what to do

and the faults are

    unclear      another exit code, a traceback, or a message without the name of a file or without advice
    changed      an earlier checkpoint, or a prepared folder, is no longer whole
    unloadable   after making room, the command that continues is refused
    different    after making room and continuing, a file is not that of the undisturbed job
    litter       a temporary file is left in the end

The last line has the counts. The exit status is 1 if anything was found. Needs Linux and `unshare`, which gives this
program file systems of its own; without them it ends with exit status 3, and says so.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from children import preload, read_error
from kills import JOBS, Ended, Trial, Undisturbed, Workplace, run_undisturbed

from nmt.checkpoint import list_checkpoints
from nmt.data.prepared import PreparedCorpus
from nmt.errors import NmtError
from nmt.inspection import verify_run

UNSHARED = "NMT_FILE_SYSTEMS_OF_ITS_OWN"
FAULTS = ("unclear", "changed", "unloadable", "different", "litter", "tracebacks")
MESSAGE = re.compile(r"nmt: error: \S+: No space left on device\n  .*\b(free|make room)\b", re.DOTALL)
BLOCK = 4096
DISK = 2**26


def unshare() -> None:
    """Run this program again with file systems of its own, which end with it. Exits where the system allows none."""
    command = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    probe = "mount -t tmpfs tmpfs /mnt"
    try:
        done = subprocess.run([*command, "sh", "-c", probe], capture_output=True, text=True)
        reason = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        print(f"no tmpfs can be mounted here: {reason}", file=sys.stderr)
        sys.exit(3)
    os.environ[UNSHARED] = "1"
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


class SmallDisk(Workplace):
    """A workplace on a tmpfs, of which a file of zeros takes all but some bytes."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.disk = scratch / "disk"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(self.disk)], check=True)
        self.work = self.disk / "work"
        self.filler = self.disk / "filler"

    def leave(self, free: int) -> None:
        """Fill the disk up to some free bytes."""
        with open(self.filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, self.count_free() - free))

    def make_room(self) -> None:
        self.filler.unlink()

    def count_free(self) -> int:
        found = os.statvfs(self.disk)
        return found.f_bavail * found.f_frsize


def measure_need(place: SmallDisk, name: str) -> tuple[Undisturbed, int]:
    """An undisturbed job, and the most bytes that it takes, temporary ones included: where it just fits."""
    undisturbed = run_undisturbed(place, JOBS[name])
    fits, lacks = DISK // 2, 0
    while fits - lacks > 16 * BLOCK:
        middle = (fits + lacks) // 2
        ended = try_job(place, name, middle)[1]
        fits, lacks = (middle, lacks) if ended.code == 0 else (fits, middle)
    return undisturbed, fits


def try_job(place: SmallDisk, name: str, free: int) -> tuple[Trial, Ended]:
    """Run a job with so many free bytes, and make room. -> the trial, and how the command ended"""
    trial = Trial(JOBS[name], place)
    place.clean()
    place.leave(free)
    ended = trial.run(JOBS[name].words)
    place.make_room()
    return trial, ended


def find_changes(place: SmallDisk, name: str, ended: Ended) -> list[tuple[str, str]]:
    """What is wrong with a command that found the disk full."""
    faults = []
    message = read_error(ended.stderr)
    if ended.code != 2 or not MESSAGE.match(message) or message.count("nmt: error: ") != 1:
        faults.append(("unclear", f"exit code {ended.code}: {ended.stderr[-500:]}"))
    for path in (place.work / "data", *place.work.glob("*/run.json")):
        try:
            if path.name == "data":
                PreparedCorpus.open(path)
            elif list_checkpoints(path.parent):
                verify_run(path.parent)
        except NmtError as error:
            faults.append(("changed", str(error)))
    return faults


def try_disks(place: SmallDisk, jobs: list[str], tries: int, seed: int, report: Callable[[str], None]) -> Counter[str]:
    """Run jobs in turn on disks of random sizes. -> number of each outcome and fault"""
    found = Counter[str]()
    needs = {name: measure_need(place, name) for name in jobs}
    for number in range(tries):
        name = jobs[number % len(jobs)]
        undisturbed, need = needs[name]
        free = Random(f"{seed} {number}").randrange(0, need, BLOCK)
        trial, ended = try_job(place, name, free)
        found["fitting" if ended.code == 0 else "messages"] += 1
        if ended.code != 0:
            trial.faults += find_changes(place, name, ended)
            trial.follow()
        trial.compare(undisturbed.files)
        for fault, why in trial.faults:
            found[fault] += 1
            report(f"{fault}: try {number}, {name}, {free:,} of {need:,} bytes: {why}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print each fault, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=100, help="number of full disks (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default: %(default)s)")
    jobs = [name for name in JOBS if name != "processes"]
    parser.add_argument("--jobs", nargs="+", choices=jobs, default=jobs, help="jobs to run (default: all)")
    options = parser.parse_args(arguments)
    if UNSHARED not in os.environ:
        unshare()
    preload()
    with tempfile.TemporaryDirectory() as scratch:
        place = SmallDisk(Path(scratch).resolve())
        try:
            found = try_disks(place, options.jobs, options.tries, options.seed, lambda text: print(text, flush=True))
        finally:
            with suppress(subprocess.CalledProcessError):
                subprocess.run(["umount", str(place.disk)], check=True)
    faults = ", ".join(f"{found[name]} {name}" for name in FAULTS)
    print(f"{options.tries} disks: {found['fitting']} fitting, {found['messages']} messages; {faults}")
    return int(any(found[name] for name in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
