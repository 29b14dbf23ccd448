"""Kill commands of nmt, continue as a user would, and compare the result with that of undisturbed commands.

    python tools/trust/kills.py [--kills 300] [--seed 1] [--jobs train resume …]

Jobs are training, resuming, preparing, averaging, making shortlists, translating with one process and with two,
exporting, aligning and distilling, each in a process of its own on a tiny corpus. A third of the kills are at
file-system calls (the k-th time that a file is opened for writing, renamed, removed, synced and so on), a sixth in the
middle of a write (the system ends a process that makes a file longer than a limit), all others after a random time. One
in four jobs is killed again while it continues.

After a kill, what the command was writing must load, or be refused by a message. Then the command that continues runs,
or the one that its message names, and every file is compared with that of the undisturbed job: weights, optimizer, log
records and outputs, to the bit; only times may differ. Counts are

    unloadable   what a kill leaves cannot be read, or a command refuses it without saying what works
    different    a file is not that of the undisturbed job
    litter       a temporary file, or a process, is left in the end
    tracebacks   a command ends with an error that is not a message for a person

The last line has the counts. The exit status is 1 if anything was found. Needs Linux.
"""

import argparse
import json
import mmap
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from children import preload, read_error, start_command
from tiny import SIZES, TRAINING, make_corpus

from nmt.data.prepared import PreparedCorpus
from nmt.errors import NmtError
from nmt.loaded_run import load_run

FAULTS = ("unloadable", "different", "litter", "tracebacks")
CALLS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "fcntl.flock")
TIMES = ("seconds", "logged_seconds", "tokens_per_second", "created")
LEFTOVER = re.compile(r"\..*|.*\.(tmp|part|new|old|doomed)")
# what is appended to, drawn from the log, or made again where it is missing
IGNORED = ("events", "history.jsonl", "curve.png", "graphs-int8")
DONE = ("already holds a run", "already holds a prepared corpus", "already exists, and is not an empty folder")
# what Python prints in a process that it has just started when the parent of that is killed
STARTING = 'Traceback (most recent call last):\n  File "<string>", line 1, in <module>\n'
HANGING_SECONDS = 300
SEMAPHORE_BYTES = 64  # Python's semaphores are files too, whose making does not end a process but fails
AGAIN = 0.25  # probability that a job is killed once more


class Job(NamedTuple):
    """A command in a folder with a prepared corpus and runs, and the command that continues it."""

    words: str
    following: str
    made: str  # what it writes: a run, a prepared folder or something else


ALIGN = "align --model run --source valid.x --target valid.y --threshold 0.3 --html page.html --matrix rows"
PREPARE = "prepare --source-lang x --target-lang y --train train --valid valid"
SETTINGS = " ".join(f"--set {setting}" for setting in (*SIZES, *TRAINING, "train.keep=2", "train.accumulate=2"))
TRAIN = f"train --data data {SETTINGS} --device cpu --max-updates"
RESUME = "train --data data --resume --device cpu --max-updates"
TRANSLATE = "translate --model run --batch-size 2 --n-best 2 --output out --alignments links text"
AVERAGE, EXPORT = "average run --last 2 --out mean", "export run --out graphs --precision int8"
DISTILL = "distill --data data --model run --sample --n-best 4 --pairs new --out distilled"
SHORTLIST = "shortlist --data data --out run --best 3 --frequent 3"
JOBS = {
    "train": Job(f"{TRAIN} 6 --out new", f"{RESUME} 6 --out new", "new"),
    "resume": Job(f"{RESUME} 6 --out half", f"{RESUME} 6 --out half", "half"),
    "prepare": Job(f"{PREPARE} --vocab-size 277 --out more", f"{PREPARE} --vocab-size 277 --out more", "more"),
    "replace": Job(*2 * [f"{PREPARE} --vocab-size 277 --out data --overwrite"], "data"),
    "average": Job(AVERAGE, AVERAGE, "mean"),
    "shortlist": Job(SHORTLIST, SHORTLIST, "run"),
    "translate": Job(TRANSLATE, f"{TRANSLATE} --resume-output", "run"),
    "processes": Job(f"{TRANSLATE} --processes 2", f"{TRANSLATE} --processes 2 --resume-output", "run"),
    "export": Job(EXPORT, EXPORT, "run"),
    "align": Job(ALIGN, ALIGN, "run"),
    "distill": Job(DISTILL, f"{DISTILL} --resume", "distilled"),
}


class Kill(NamedTuple):
    """How a command is killed: at a call, when a file has more bytes, or after seconds."""

    kind: str
    place: float


class Ended(NamedTuple):
    """How a command ended, and what it did until then."""

    code: int  # of a killed one, minus the signal
    stderr: str
    calls: int
    seconds: float
    is_alone: bool  # no process that it started is left


class Workplace:
    """A folder with the templates of jobs, and the folder in which one job at a time runs."""

    def __init__(self, scratch: Path) -> None:
        self.template, self.work, self.streams = (scratch / name for name in ("template", "work", "streams"))
        self.streams.mkdir()
        (self.streams / "stdin").touch()
        make_corpus(self.template)
        lines = (self.template / "train.x").read_text().splitlines()[:9]
        (self.template / "text").write_text("".join(f"{line}\n" for line in lines))
        self.work.symlink_to(self.template)
        for words in (f"{PREPARE} --vocab-size 280 --out data", f"{TRAIN} 4 --out run", f"{TRAIN} 2 --out half"):
            ended = self.run(words)
            assert ended.code == 0, ended.stderr
        self.work.unlink()

    def clean(self) -> None:
        """Begin with the templates again."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.template, self.work)

    def run(self, words: str, kill: Kill | None = None) -> Ended:
        """Run a command in the folder."""
        calls = mmap.mmap(-1, 8)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)

        def prepare() -> None:
            os.setpgid(0, 0)
            os.chdir(self.work)
            os.dup2(writer, 2)  # a pipe, because files have limits
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if kill is not None and kill.kind == "write":
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(kill.place), resource.RLIM_INFINITY))
            count_calls(calls, str(self.work), kill.place if kill and kill.kind == "call" else 0)

        begin = time.monotonic()
        child = start_command(words.split(), self.streams, prepare)
        os.close(writer)
        limit = kill.place if kill and kill.kind == "instant" else HANGING_SECONDS
        status = wait_or_kill(child, limit)
        seconds = time.monotonic() - begin
        is_alone = wait_for_group(child)
        with os.fdopen(reader, "rb") as file:
            stderr = (file.read() or b"").decode("utf-8", "replace")
        return Ended(os.waitstatus_to_exitcode(status), stderr, int.from_bytes(calls[:8], "little"), seconds, is_alone)


def count_calls(calls: mmap.mmap, folder: str, last: float) -> None:
    """Count calls that change files in a folder, and kill this process before the one with the number `last`."""
    sync = os.fsync

    def count() -> None:
        number = int.from_bytes(calls[:8], "little") + 1
        calls[:8] = number.to_bytes(8, "little")
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CALLS and (event != "open" or is_opened_to_write(folder, *arguments)):
            count()

    def count_sync(descriptor: int) -> None:
        count()
        sync(descriptor)

    sys.addaudithook(hear)
    os.fsync = count_sync


def is_opened_to_write(folder: str, path: Any, mode: str | None, flags: int) -> bool:
    """Whether an `open` in the folder changes something. Relative paths are in it."""
    is_inside = isinstance(path, str | bytes | Path) and os.path.abspath(os.fsdecode(path)).startswith(folder)
    return is_inside and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def wait_or_kill(child: int, seconds: float) -> int:
    """Wait until a process ends, or kill it after some seconds. -> its status"""

    def kill(*_: Any) -> None:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
    try:
        return os.waitpid(child, 0)[1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def wait_for_group(group: int) -> bool:
    """Whether all processes of a group end within some seconds; those that do not are killed."""
    end = time.monotonic() + HANGING_SECONDS  # a worker that has just started notices after its imports
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return False


def read_files(folder: Path) -> dict[str, Any]:
    """The content of every file that decides anything, without times."""
    return {
        str(path.relative_to(folder)): read_content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.parts) & set(IGNORED)
    }


def read_content(path: Path) -> Any:
    """The bytes of a file; of a log and of facts, everything but times and the checksum, which depends on them.

    In the header of a file of tensors, metadata has no order.
    """
    if path.suffix == ".safetensors":
        content = path.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        return json.loads(content[8:end]), content[end:]
    if path.name == "log.jsonl":
        return [drop_times(json.loads(line)) for line in path.read_text().splitlines()]
    is_json = path.name in ("checkpoint.json", "run.json")
    return drop_times(json.loads(path.read_bytes())) if is_json else path.read_bytes()


def drop_times(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: drop_times(value) if isinstance(value, dict) else value
        for name, value in facts.items()
        if name not in TIMES and name != "checksum"
    }


class Trial:
    """One job that is killed and continued, and the faults that were found."""

    def __init__(self, job: Job, place: Workplace) -> None:
        self.job = job
        self.place = place
        self.faults: list[tuple[str, str]] = []

    def run(self, words: str, kill: Kill | None = None) -> Ended:
        """Run a command. Tracebacks, and processes that it leaves, are faults."""
        ended = self.place.run(words, kill)
        shown = ended.stderr.replace(STARTING, "")
        if "Traceback" in shown or ended.code not in (0, 2, -signal.SIGKILL, -signal.SIGXFSZ):
            self.faults.append(("tracebacks", f"exit code {ended.code}: {ended.stderr[-1500:]}"))
        if not ended.is_alone:
            self.faults.append(("litter", "processes that go on"))
        return ended

    def load(self) -> None:
        """What the command was writing is read, or refused by a message."""
        path = self.place.work / self.job.made
        try:
            if self.job.following.startswith(("prepare", "distill")):
                PreparedCorpus.open(path)
            else:
                load_run(path)
        except NmtError:
            self.run(f"inspect --verify {self.job.made}")  # so that it is a message on the command line, too
        except Exception as error:
            self.faults.append(("unloadable", f"{type(error).__name__}: {error}"))

    def follow(self) -> None:
        """Run the command that continues or, if it is refused, what its message advises."""
        ended = self.run(self.job.following)
        message = read_error(ended.stderr)
        if ended.code == 2 and "train" in self.job.words and re.search("without --resume|does not exist", message):
            if "Remove it" in message:
                shutil.rmtree(self.place.work / self.job.made)
            ended = self.run(self.job.words)
            message = read_error(ended.stderr)
        if ended.code == 2 and not any(text in message for text in DONE):
            self.faults.append(("unloadable", message))

    def compare(self, expected: dict[str, Any]) -> None:
        """Compare all files with those of the undisturbed job."""
        found = read_files(self.place.work)
        names = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        if different := [name for name in names if not is_leftover(name)]:
            self.faults.append(("different", ", ".join(different)))
        folders = (path for path in self.place.work.rglob("*") if path.is_dir())
        leftovers = [*names, *(str(path.relative_to(self.place.work)) for path in folders)]
        if litter := [name for name in leftovers if is_leftover(name)]:
            self.faults.append(("litter", ", ".join(litter)))


def is_leftover(name: str) -> bool:
    """Whether a path has a name of temporary files and folders."""
    return any(LEFTOVER.fullmatch(part) for part in Path(name).parts)


class Undisturbed(NamedTuple):
    """A job without kills."""

    ended: Ended
    files: dict[str, Any]
    sizes: list[int]


def run_undisturbed(place: Workplace, job: Job) -> Undisturbed:
    place.clean()
    ended = place.run(job.words)
    assert ended.code == 0, ended.stderr
    sizes = [path.stat().st_size for path in sorted(place.work.rglob("*")) if path.is_file()]
    return Undisturbed(ended, read_files(place.work), sizes)


def choose_kill(kind: str, random: Random, undisturbed: Undisturbed) -> Kill:
    """A place for a kill in a job that takes as long as the undisturbed one."""
    if kind == "call":
        return Kill(kind, random.randint(1, undisturbed.ended.calls))
    if kind == "write":
        return Kill(kind, SEMAPHORE_BYTES + random.randrange(random.choice(undisturbed.sizes) + 1))
    return Kill(kind, random.uniform(0, undisturbed.ended.seconds))


def try_kills(
    place: Workplace, jobs: list[str], kills: int, seed: int, report: Callable[[str], None]
) -> tuple[Counter[str], Counter[str]]:
    """Kill jobs in turn until there were so many kills. -> number of kills of each kind, and of faults"""
    undisturbed = {name: run_undisturbed(place, JOBS[name]) for name in jobs}
    found, faults = Counter[str](), Counter[str]()
    number = 0
    while found.total() < kills:
        random = Random(f"{seed} {number}")
        name = jobs[number % len(jobs)]
        kind = ("call", "instant", "call", "instant", "write", "instant")[number // len(jobs) % 6]
        trial = Trial(JOBS[name], place)
        place.clean()
        words, history = trial.job.words, []
        while True:
            kill = choose_kill(kind, random, undisturbed[name])
            ended = trial.run(words, kill)
            is_killed = ended.code in (-signal.SIGKILL, -signal.SIGXFSZ)
            found[kind] += is_killed
            history.append(f"{kind} {kill.place:.6g}" if is_killed else "ended")
            if not is_killed or found.total() >= kills or random.random() > AGAIN:
                break
            words = trial.job.following
        trial.load()
        trial.follow()
        trial.compare(undisturbed[name].files)
        for fault, why in trial.faults:
            faults[fault] += 1
            report(f"{fault}: job {number}, {name}, {', '.join(history)}: {why}")
        number += 1
    return found, faults


def main(arguments: list[str] | None = None) -> int:
    """Print each fault, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300, help="number of kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default: %(default)s)")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), help="jobs to kill (default: all)")
    options = parser.parse_args(arguments)
    preload()
    with tempfile.TemporaryDirectory() as scratch:
        place = Workplace(Path(scratch).resolve())
        found, faults = try_kills(
            place, options.jobs, options.kills, options.seed, lambda text: print(text, flush=True)
        )
    where = f"{found['call']} at file-system calls, {found['write']} in writes, {found['instant']} at random instants"
    print(f"{found.total()} kills ({where}): " + ", ".join(f"{faults[name]} {name}" for name in FAULTS))
    return int(faults.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
