"""Writing so that a kill at any instant leaves the previous content whole.

Every room may use it; of ours it imports the errors only.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nmt.errors import FolderError


@contextmanager
def write_atomically(path: Path, mode: str = "w") -> Iterator[IO]:  # type: ignore[type-arg]
    """An open file under a temporary name; flushed, synced and renamed over `path` when the block ends well.

    `mode` is "w" for UTF-8 text with "\\n" line ends or "wb" for bytes. On any error the temporary file is removed and
    `path` stays as it was. A link stays a link; what is no file, /dev/null or a pipe, is written to as it is.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    if path.exists() and not path.is_file():
        with open(path, mode, **text) as file:  # type: ignore[call-overload]
            yield file
        return
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends well.

    A folder cannot be renamed over a full one, so the old one steps aside as `.NAME.old` first. A kill between the two
    renames leaves only `.NAME.old`: `recover_folder` puts it back, and `locate_folder` reads it there.

    Raises FolderError when another program is replacing the same folder.
    """
    path = Path(os.path.abspath(path))  # "." has no name
    temporary, old = path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")
    temporary.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(temporary, path):
        try:
            for left in temporary.iterdir():  # by a kill
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    with open(file, "rb") as written:
                        os.fsync(written.fileno())
            sync_folder(temporary)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        recover_folder(path)
        if path.exists():
            os.rename(path, old)
        os.rename(temporary, path)
        sync_folder(path.parent)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def exclusive_lock(folder: Path, path: Path) -> Iterator[None]:
    """Hold `folder`, that is `path` or is to become it, against other programs, where the system has locks for that.

    Raises FolderError when another program holds it. The lock goes with the process, whatever ends it.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.path.samestat(os.fstat(descriptor), os.stat(folder))
        except (BlockingIOError, FileNotFoundError):
            is_ours = False
        if not is_ours:
            raise FolderError(f"{path} is being written by another program\n  Wait for it, or name another place")
        yield
    finally:
        os.close(descriptor)


def recover_folder(path: Path) -> None:
    """Undo or finish a replacement that was cut between its two renames."""
    path = Path(os.path.abspath(path))
    old = path.with_name(f".{path.name}.old")
    if old.exists():
        if path.exists():
            shutil.rmtree(old)
        else:
            os.rename(old, path)


def locate_folder(path: Path) -> Path:
    """Where to read a folder that may just be replaced, or was cut off at it: for readers, who must not rename."""
    old = path.with_name(f".{path.name}.old")
    return old if old.exists() and not path.exists() else path


def sync_folder(path: Path) -> None:
    """Make renames in `path` durable, where the system lets a folder be synced."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_folder(path: Path) -> None:
    """Remove a folder so that a kill midway leaves none that looks whole."""
    doomed = path.with_name(f".{path.name}.doomed")
    shutil.rmtree(doomed, ignore_errors=True)
    os.rename(path, doomed)
    shutil.rmtree(doomed)
