"""The work folder of nmt.distill: a file of translations for each teacher, and what they depend on.

It is OUT.part beside the folder to make. A program that was killed goes on with the complete lines in it.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nmt.errors import FolderError, Option, UsageError
from nmt.files import lock_exclusively, refuse_link, write_atomically
from nmt.metadata import make_damage_error, read_object

REQUEST = "request.json"  # what the translations depend on
OUTPUTS = "outputs.json"  # what is written when all are done


def get_work_folder(out: Path) -> Path:
    """The folder in which translations are kept until all are done."""
    out = Path(out).absolute()
    return out.with_name(f"{out.name}.part")


@contextmanager
def open_work(out: Path, facts: Mapping[str, Any], resume: bool) -> Iterator[Path]:
    """The work folder of `out`, which is removed at the end, and after an error if it has no translations.

    Raises FolderError when it is there without `resume`, or another program uses it, and UsageError when it was made
    with other `facts`.
    """
    work = get_work_folder(out)
    refuse_link(work)
    if work.exists() and not resume:
        raise FolderError(
            f"{work} has translations of a command that has not ended well\n  Continue it with ",
            *(Option("resume", True), ", or remove that folder"),
        )
    work.mkdir(parents=True, exist_ok=True)
    with lock_exclusively(work, out):
        try:
            if (work / REQUEST).exists():
                refuse_other_request(work, facts)
            else:
                with write_atomically(work / REQUEST) as file:
                    json.dump(facts, file, indent=2)
            yield work
        except BaseException:
            if not any(path.stat().st_size for path in work.glob("*.jsonl")):
                shutil.rmtree(work)
            raise
        shutil.rmtree(work)


def refuse_other_request(work: Path, facts: Mapping[str, Any]) -> None:
    """Raise UsageError when the translations in a work folder depend on other things, with the names of the options."""
    try:
        before = read_object(work / REQUEST)
    except ValueError as error:
        raise make_damage_error(work / REQUEST, str(error), [f"Remove {work}, and begin again"]) from error
    now = json.loads(json.dumps(facts))
    differing = [name for name in before | now if before.get(name) != now.get(name)]
    if differing:
        options = [part for name in differing for part in (", ", Option(name))][1:]
        raise UsageError(
            f"{work} was made with another ",
            *options,
            "\n  Continue with the same options and files, or remove that folder",
        )


def note_outputs(work: Path, outputs: Sequence[Path]) -> None:
    """Remember what is written from now on, so that a command that is killed may write it again."""
    with write_atomically(work / OUTPUTS) as file:
        json.dump([name_output(path) for path in outputs], file)


def find_own_outputs(out: Path) -> set[str]:
    """What an earlier command may have written at its very end, by `name_output`."""
    try:
        names = json.loads((get_work_folder(out) / OUTPUTS).read_bytes())
    except (OSError, ValueError):
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def name_output(path: Path) -> str:
    """The absolute path of an output, as it is stored."""
    return str(path.absolute())


def find_end(path: Path) -> tuple[int, int]:
    """The number of complete lines of a file, and their bytes: a killed program may leave half a line."""
    lines = size = 0
    if path.exists():
        with open(path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    lines, size = lines + 1, size + len(line)
    return lines, size


def write_line(file: IO[bytes], texts: list[str | None]) -> None:
    """Write the translations of a line as a line of JSON, which is kept if the program is killed."""
    file.write(f"{json.dumps(texts)}\n".encode())
    file.flush()
