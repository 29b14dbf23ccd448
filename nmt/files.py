"""Writing files and folders so that their previous content stays complete if the program is killed meanwhile."""

import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nmt.errors import FolderError


class StreamFile(io.FileIO):
    """A file or pipe to write to. When the reader of a pipe closes it, all that follows is dropped without an error.

    So a reader like `head` ends only what it read, and not the program with everything else that it writes.
    """

    is_closed_by_reader = False

    def write(self, content: Any) -> int:
        if not self.is_closed_by_reader:
            try:
                return super().write(content)
            except BrokenPipeError:
                self.is_closed_by_reader = True
        return memoryview(content).nbytes


def is_closed_by_reader(file: IO[Any]) -> bool:
    """Whether the reader of a pipe has closed it. `file` may be buffered, or text."""
    raw = getattr(getattr(file, "buffer", file), "raw", None)
    return isinstance(raw, StreamFile) and raw.is_closed_by_reader


def open_stream(path: Path | str | int, *, close: bool = True) -> io.BufferedWriter:
    """Open a device, a pipe, or a file descriptor for writing bytes; see `StreamFile`."""
    return io.BufferedWriter(StreamFile(path, "w", closefd=close))


@contextmanager
def write_atomically(path: Path, mode: str = "w") -> Iterator[IO]:  # type: ignore[type-arg]
    """Open a file with a temporary name. When the block ends without an error, it is synced and renamed to `path`.

    `mode` is "w" for UTF-8 text with "\\n" line ends or "wb" for bytes. After an error the temporary file is removed
    and `path` is unchanged. If `path` is a symbolic link, the file that it points to is replaced. If it is a device or
    a pipe, such as /dev/null, it is written to directly.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    if path.exists() and not path.is_file():
        with open_stream(path) as stream:
            if "b" in mode:
                yield stream
            else:
                with io.TextIOWrapper(stream, encoding="utf-8", newline="\n") as file:
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
    """Make a temporary folder beside `path`. When the block ends without an error, it replaces `path`.

    A folder cannot be renamed over another one that has files, so the old one is first renamed to `.NAME.old`. If the
    program is killed between the two renames, only `.NAME.old` exists: `recover_folder` renames it back, and
    `locate_folder` returns it to readers.

    Raises FolderError when another program is replacing the same folder.
    """
    path = Path(os.path.abspath(path))  # "." has no name
    temporary, old = path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")
    temporary.mkdir(parents=True, exist_ok=True)
    with lock_exclusively(temporary, path):
        try:
            for leftover in temporary.iterdir():  # of a program that was killed
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
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
def lock_exclusively(folder: Path, path: Path) -> Iterator[None]:
    """Lock `folder` against other programs, on systems with such locks. It is `path`, or will be renamed to it.

    Raises FolderError when another program has the lock. The lock is released when the process ends, in whatever way.
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
            raise FolderError(f"{path} is being written by another program\n  Wait until it ends, or use another path")
        yield
    finally:
        os.close(descriptor)


def recover_folder(path: Path) -> None:
    """Undo or complete the replacement of a folder by a program that was killed."""
    path = Path(os.path.abspath(path))
    old = path.with_name(f".{path.name}.old")
    if old.exists():
        if path.exists():
            shutil.rmtree(old)
        else:
            os.rename(old, path)


def locate_folder(path: Path) -> Path:
    """The path at which to read a folder, also between the two renames of its replacement.

    For readers: unlike `recover_folder`, it renames nothing.
    """
    old = path.with_name(f".{path.name}.old")
    return old if old.exists() and not path.exists() else path


def sync_folder(path: Path) -> None:
    """Write renames in `path` to the disk, on systems where a folder can be synced."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_folder(path: Path) -> None:
    """Rename a folder and then remove it, so that no incomplete folder remains at `path` if the program is killed."""
    removed = path.with_name(f".{path.name}.doomed")
    shutil.rmtree(removed, ignore_errors=True)
    os.rename(path, removed)
    shutil.rmtree(removed)
