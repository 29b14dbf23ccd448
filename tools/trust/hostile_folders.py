"""Read run folders, prepared folders and shortlists that someone else has made, and count what becomes of it.

    python tools/trust/hostile_folders.py [--sample 300] [--seed 1]

Each folder is a tiny one in which one thing is wrong although every checksum is right: wrong types and numbers, missing
and unknown entries, brackets nested 100,000 deep, weights of other types, arrays whose offsets lie, pipes, devices and
links in the place of files. Commands of nmt read it, each in a process of its own. The outcome is one of

    message    a command ends with a message for a person
    accepted   all commands succeed
    traceback  a command ends with a traceback or a signal, takes more than 5 s or 500 MB, or changes a file
               outside of the folder

The last line has the counts. The exit status is 1 if there was any of the last kind. Needs Linux.
"""

import copy
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from children import preload, start_command
from safetensors.numpy import save as save_arrays
from safetensors.torch import load_file, save
from tiny import make_tiny, parse_arguments

from nmt.files import hash_file
from nmt.inference.shortlist import compute_checksum
from nmt.metadata import add_checksum, add_line_of_checksum

MAX_SECONDS = 5  # of processor time, or, on a slow machine, MAX_RATIO times what sound folders take
MAX_RATIO = 3
HANGING_SECONDS = 60
MAX_MEGABYTES = 500
OUTCOMES = ("message", "accepted", "traceback")
VALUES = (
    None,
    True,
    0,
    -1,
    0.5,
    1e308,
    10**30,
    "",
    "x",
    "../../outside/thesis",
    "y" * 10**6,
    [],
    {},
    [[[1]]],
    {"a": {}},
)
TEXTS = {
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "deep brackets": b"[" * 100_000,
    "deep tables": b'{"a":' * 100_000,
    "a number of 5,000 digits": b'{"format_version": ' + b"7" * 5000 + b"}",
    "other bytes": b"\xff\xfe\x00{}",
    "17 MB": b'{"a": "' + b"a" * 17_000_000 + b'"}',
    "a million keys": b"{" + b",".join(b'"%d":1' % number for number in range(10**6)) + b"}",
}
Change = Callable[[Path], None]


class Case(NamedTuple):
    """One hostile folder: `change` is applied to a copy of the run, of the prepared folder, or to a shortlist."""

    kind: str
    name: str
    change: Change


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write facts with their checksum."""
    rest = {name: value for name, value in facts.items() if name != "checksum"}
    path.write_text(json.dumps(add_checksum(rest)))


def list_places(facts: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every entry in nested objects and lists."""
    for key in facts if isinstance(facts, dict) else range(len(facts)) if isinstance(facts, list) else ():
        yield (*place, key)
        yield from list_places(facts[key], (*place, key))


def change_facts(facts: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy in which an entry has another value, or is missing where the value is `...`."""
    changed = copy.deepcopy(facts)
    inner: Any = changed
    for key in place[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed


def list_json_cases(kind: str, folder: Path, name: str) -> Iterator[Case]:
    """Every entry of a JSON file with every wrong value, without it, with one too many; and other texts."""
    facts = json.loads((folder / name).read_bytes())
    for place in list_places(facts):
        if place != ("checksum",):
            for value in (..., *VALUES):
                changed = change_facts(facts, place, value)
                label = f"{name}: {'.'.join(map(str, place))} = {str(value)[:20]}"
                yield Case(kind, label, lambda path, changed=changed: write_json(path / name, changed))  # type: ignore[misc]
    yield Case(kind, f"{name}: one entry too many", lambda path: write_json(path / name, facts | {"colour": "blue"}))
    for text, content in TEXTS.items():
        yield Case(kind, f"{name}: {text}", lambda path, content=content: write_new(path / name, content))  # type: ignore[misc]


def list_settings_cases(folder: Path) -> Iterator[Case]:
    """Every setting of a run with every wrong value, and other texts, each with its checksum."""
    lines = (folder / "settings.toml").read_text().splitlines()[1:]
    shown = ("true", "-1", "0", "0.5", "1e308", "inf", "nan", str(10**18), "9" * 5000, '"x"', "[" * 10_000, "{}", "[]")
    for number, line in enumerate(lines):
        name, equals, _ = line.partition(" = ")
        for value in shown if equals else ():
            text = "\n".join([*lines[:number], f"{name} = {value}", *lines[number + 1 :]])
            label = f"settings.toml: {name} = {value[:20]}"
            yield Case("run", label, lambda path, text=text: write_settings(path, text))  # type: ignore[misc]
    for text, content in TEXTS.items():
        changed = content.decode("latin-1")
        yield Case("run", f"settings.toml: {text}", lambda path, changed=changed: write_settings(path, changed))  # type: ignore[misc]


def write_settings(path: Path, text: str) -> None:
    (path / "settings.toml").write_text(add_line_of_checksum(text))


def list_tensor_cases(folder: Path, name: str) -> Iterator[Case]:
    """Tensors of other types and shapes, too few and too many of them, and files that are none."""
    tensors = load_file(folder / name)
    first = min(tensors)
    changes = {
        "int64": {key: tensor.long() for key, tensor in tensors.items()},
        "bool": {key: tensor.bool() for key, tensor in tensors.items()},
        "one float64": tensors | {first: tensors[first].double()},
        "one bfloat16": tensors | {first: tensors[first].bfloat16()},
        "one missing": {key: tensor for key, tensor in tensors.items() if key != first},
        "one too many": tensors | {"colour": torch.ones(3)},
        "one flat": tensors | {first: tensors[first].flatten()[:-1]},
        "one empty": tensors | {first: tensors[first].flatten()[:0]},
        "nan": {key: tensor * torch.nan for key, tensor in tensors.items()},
        "none": {},
    }
    contents = {label: save({key: one.contiguous() for key, one in some.items()}) for label, some in changes.items()}
    whole = (folder / name).read_bytes()
    contents |= {
        "no bytes": b"",
        "a header of 2**62 bytes": (2**62).to_bytes(8, "little") + whole[8:],
        "a header that is no JSON": (8).to_bytes(8, "little") + b"[" * 8,
        "a deep header": (99_999).to_bytes(8, "little") + b"[" * 99_999,
        "offsets that lie": whole.replace(b'"data_offsets":[0,', b'"data_offsets":[9,', 1),
        "cut short": whole[:-8],
        "too long": whole + bytes(4_000_000),
    }
    for label, content in contents.items():
        yield Case("run", f"{name}: {label}", lambda path, content=content: write_tensors(path / name, content))  # type: ignore[misc]


def write_tensors(path: Path, content: bytes) -> None:
    """Write a file of a checkpoint, and its checksum."""
    write_new(path, content)
    facts = json.loads((path.parent / "checkpoint.json").read_bytes())
    facts["sha256"][path.name] = sha256(content).hexdigest()
    write_json(path.parent / "checkpoint.json", facts)


def list_array_cases(folder: Path, random: Random) -> Iterator[Case]:
    """Arrays of other types, shapes and numbers, and files that are none, with their checksums in the manifest."""
    for path in sorted(folder.glob("*.npy")):
        array = np.load(path)
        wild = array.astype(np.int64)
        wild[random.randrange(len(wild))] = 2**40
        changes: dict[str, Any] = {
            "float": array.astype(np.float64),
            "bool": array > 0,
            "text": array.astype(str),
            "int8": array.astype(np.int8),
            "two dimensions": array[:, None],
            "no dimension": np.array(7),
            "empty": array[:0],
            "one fewer": array[:-1],
            "falling": array[::-1].copy(),
            "negative": -array.astype(np.int64) - 1,
            "one far too large": wild,
        }
        contents = {label: as_npy(changed) for label, changed in changes.items()}
        whole = path.read_bytes()
        shape = str(array.shape).encode()
        contents |= {
            "no bytes": b"",
            "a shape of 10**12": whole.replace(shape, b"(1000000000000,)", 1),
            "objects": whole.replace(array.dtype.str.encode(), b"|O"),
            "deep brackets": whole[:10] + b"[" * 118,
            "a zip": b"PK\x03\x04" + whole,
        }
        for label, content in contents.items():
            name = path.name
            yield Case(
                "prepared", f"{name}: {label}", lambda at, name=name, content=content: write_file(at / name, content)
            )  # type: ignore[misc]


def as_npy(array: Any) -> bytes:
    with tempfile.TemporaryFile() as file:
        np.save(file, array)
        file.seek(0)
        return file.read()


def write_file(path: Path, content: bytes) -> None:
    """Write a file of a prepared folder, and its checksum."""
    write_new(path, content)
    manifest = json.loads((path.parent / "manifest.json").read_bytes())
    manifest["files"][path.name] = {"size": len(content), "sha256": sha256(content).hexdigest()}
    write_json(path.parent / "manifest.json", manifest)


def write_model(path: Path, content: bytes) -> None:
    """Write the source's subword model of a run, and its fingerprint."""
    write_new(path / "source.model", content)
    facts = json.loads((path / "run.json").read_bytes())
    write_json(path / "run.json", facts | {"source_fingerprint": hash_file(path / "source.model")})


def list_text_cases(prepared: Path, run: Path, random: Random) -> Iterator[Case]:
    """Subword models, validation text and logs with other content."""
    model = (run / "source.model").read_bytes()
    for number in range(20):
        content = bytearray(model)
        for _ in range(1 + number % 5):
            content[random.randrange(len(content))] = random.randrange(256)
        yield Case(
            "run", f"source.model: changed {number}", lambda path, content=bytes(content): write_model(path, content)
        )  # type: ignore[misc]
        cut = model[: random.randrange(len(model))]
        yield Case("run", f"source.model: cut {number}", lambda path, cut=cut: write_model(path, cut))  # type: ignore[misc]
    for text, content in TEXTS.items():
        yield Case("run", f"source.model: {text}", lambda path, content=content: write_model(path, content))  # type: ignore[misc]
        yield Case(
            "run", f"log.jsonl: {text}", lambda path, content=content: write_new(path / "log.jsonl", content + b"\n")
        )  # type: ignore[misc]
        for name in ("valid.source.txt", "valid.target.txt", "target.model"):
            yield Case(
                "prepared", f"{name}: {text}", lambda at, name=name, content=content: write_file(at / name, content)
            )  # type: ignore[misc]


def list_special_cases(folder: Path, kind: str) -> Iterator[Case]:
    """A pipe, a device, a folder and a foreign file in the place of each file."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or name.parts[0] in ("events", "curve.png"):
            continue
        for label, make in (
            ("a pipe", os.mkfifo),
            ("a folder", os.mkdir),
            ("endless zeros", lambda at: os.symlink("/dev/zero", at)),
            ("a link in a circle", lambda at: os.symlink(at, at)),
            ("a foreign file", lambda at: os.symlink(find_outside(at) / "thesis", at)),
        ):
            yield Case(kind, f"{name}: {label}", lambda at, name=name, make=make: replace(at / name, make))  # type: ignore[misc]


def find_outside(path: Path) -> Path:
    """The folder `outside` beside the hostile one."""
    return next(parent / "outside" for parent in path.parents if (parent / "outside").is_dir())


def replace(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def write_new(path: Path, content: bytes) -> None:
    """Write a new file: the old one may be a link or mapped into memory."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def list_shortlist_cases(run: Path) -> Iterator[Case]:
    """Shortlists with other tensors and facts, and their checksum."""
    info = json.loads((run / "run.json").read_bytes())
    facts = {"kind": "nmt shortlist", "format_version": "1", "vocabulary": "280"}
    facts["fingerprints"] = f"{info['source_fingerprint']} {info['target_fingerprint']}"
    good = {"table": np.full((280, 2), 3, np.int32), "frequent": np.array([3, 5], np.int32)}
    tensors = {
        "right": good,
        "int64": {key: one.astype(np.int64) for key, one in good.items()},
        "float": {key: one.astype(np.float32) for key, one in good.items()},
        "too large": good | {"frequent": np.array([3, 10**6], np.int32)},
        "negative": good | {"table": -good["table"]},
        "short": good | {"table": good["table"][:9]},
        "flat": good | {"table": good["table"].flatten()},
        "missing": {"table": good["table"]},
        "empty": {key: one[:0] for key, one in good.items()},
    }
    cases = [(label, some, facts) for label, some in tensors.items()]
    for key in facts:
        cases += [(f"{key} = {str(value)[:20]}", good, facts | {key: str(value)}) for value in VALUES]
        cases.append((f"without {key}", good, {name: value for name, value in facts.items() if name != key}))
    for label, some, said in cases:
        content = save_arrays(some, said | {"sha256": compute_checksum(some)})
        yield Case("shortlist", label, lambda path, content=content: write_new(path, content))  # type: ignore[misc]


def list_cases(prepared: Path, run: Path, random: Random) -> list[Case]:
    """All hostile folders, the same ones for the same seed."""
    cases = [
        case
        for name in ("run.json", "best/checkpoint.json", "last/checkpoint.json")
        for case in list_json_cases("run", run, name)
    ]
    cases += list_json_cases("prepared", prepared, "manifest.json")
    cases += list_settings_cases(run)
    for name in ("best/weights.safetensors", "last/weights.safetensors", "last/training.safetensors"):
        cases += list_tensor_cases(run, name)
    cases += list_array_cases(prepared, random)
    cases += list_text_cases(prepared, run, random)
    cases += [*list_special_cases(run, "run"), *list_special_cases(prepared, "prepared")]
    cases += list_shortlist_cases(run)
    return cases


class Ended(NamedTuple):
    """How a command ended: its exit status or minus a signal, standard error, processor seconds, and growth in MB."""

    code: int
    stderr: str
    seconds: float
    megabytes: float


def run_bounded(words: list[str], scratch: Path) -> Ended:
    """Run a command of nmt in a child process, which has the modules of this one."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (scratch / "stdin").write_text("ka lo\n")
    child = start_command(words, scratch)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(HANGING_SECONDS)
    _, status, usage = os.wait4(child, 0)
    signal.alarm(0)
    stderr = (scratch / "stderr").read_text("utf-8", "replace")
    growth = (usage.ru_maxrss - before) / 1000
    return Ended(os.waitstatus_to_exitcode(status), stderr, usage.ru_utime + usage.ru_stime, growth)


def judge(ended: Ended, max_seconds: float) -> tuple[str, str]:
    """The outcome of a command, and why."""
    last = ended.stderr.strip().splitlines()[-1:] or [""]
    if ended.seconds > max_seconds or ended.megabytes > MAX_MEGABYTES:
        return "traceback", f"{ended.seconds:.1f} s, {ended.megabytes:,.0f} MB: {last[0]}"
    if ended.code == 0:
        return "accepted", ""
    if ended.code == 2 and "nmt: error: " in ended.stderr and "Traceback" not in ended.stderr:
        return "message", ended.stderr[ended.stderr.index("nmt: error: ") :]
    lines = [line for line in ended.stderr.splitlines() if line[:1].isalpha()]
    return "traceback", f"exit status {ended.code}: {' '.join(lines[-2:-1] or last)}"


def try_case(case: Case, prepared: Path, run: Path, scratch: Path, max_seconds: float) -> tuple[str, str]:
    """Make the folder and read it with commands. -> the worst outcome, and why"""
    ended, is_changed = run_case(case, prepared, run, scratch)
    outcomes = [judge(one, max_seconds) for one in ended]
    if is_changed:
        outcomes.append(("traceback", "a file outside of the folder has changed"))
    return next((one for kind in ("traceback", "message") for one in outcomes if one[0] == kind), outcomes[0])


def run_case(case: Case, prepared: Path, run: Path, scratch: Path) -> tuple[list[Ended], bool]:
    """Make the folder and read it with commands. -> how they ended, and whether a file outside of it has changed"""
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "outside").mkdir(parents=True)
    (scratch / "outside" / "thesis").write_text("all of it\n" * 100)
    data, out, listed = scratch / "data", scratch / "out", scratch / "list"
    shutil.copytree(prepared, data)
    if case.kind != "prepared":
        shutil.copytree(run, out)
    case.change({"run": out, "prepared": data, "shortlist": listed}[case.kind])
    before = snapshot(scratch / "outside")
    train = ["train", "--data", str(data), "--out", str(out), "--device", "cpu", "--max-updates"]
    settings = [
        word for name in ("embedding", "encoder", "decoder", "attention") for word in ("--set", f"model.{name}_size=2")
    ]
    translate = ["translate", "--model", str(out), "--device", "cpu"]
    commands = {
        "run": [["inspect", "--verify", str(out)], translate, [*train, "5", "--resume"]],
        "prepared": [["inspect", "--verify", str(data)], [*train, "1", *settings, "--set", "train.guided_weight=1"]],
        "shortlist": [[*translate, "--shortlist", str(listed)]],
    }[case.kind]
    return [run_bounded(words, scratch) for words in commands], snapshot(scratch / "outside") != before


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def main() -> None:
    """Print each outcome that is wrong, and the counts."""
    arguments = parse_arguments(__doc__, "number of folders", "every outcome with its message")
    random, counts = Random(arguments.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        prepared, run = make_tiny(Path(folder, "tiny"))
        cases = list_cases(prepared, run, random)
        preload()
        scratch = Path(folder, "scratch")
        sound, _ = run_case(Case("run", "sound", lambda path: None), prepared, run, scratch)
        max_seconds = max(MAX_SECONDS, MAX_RATIO * max(one.seconds for one in sound))
        for case in random.sample(cases, arguments.sample) if arguments.sample else cases:
            outcome, why = try_case(case, prepared, run, scratch, max_seconds)
            counts[outcome] += 1
            if arguments.show or outcome == "traceback":
                print(f"{outcome}: {case.kind}, {case.name}: {why}", flush=True)
    print(
        f"{counts.total():,} of {len(cases):,} folders: " + ", ".join(f"{counts[name]:,} {name}" for name in OUTCOMES)
    )
    sys.exit(bool(counts["traceback"]))


if __name__ == "__main__":
    main()
