"""Writing files and folders so that their previous content stays complete if the program is killed meanwhile."""

import errno
import hashlib
import io
import os
import re
import shutil
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from nmt.errors import FolderError

# What some network file systems answer to a lock, or to the sync of a folder, because they have none.
UNSUPPORTED = {errno.ENOSYS, errno.ENOLCK, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
# names of what a killed program leaves in a folder; an older version had the number of its process in the first
LEFTOVER = re.compile(r"\..+\.((\d+\.)?tmp|new|doomed)")
REPLACED = re.compile(r"\.(.+)\.old")  # the name of a folder while another one takes its place


class NamedFile(io.FileIO):
    """A file whose errors have a name: the system gives that of a file that cannot be opened, and of no full disk."""

    def __init__(self, path: Path, mode: str, shown: Path) -> None:
        super().__init__(path, mode)
        self.shown = shown

    def write(self, content: Any) -> int:
        with name_errors(self.shown):
            return super().write(content)


@contextmanager
def name_errors(path: Path) -> Iterator[None]:
    """Give the errors of the disk the name of a file or folder, unless they have one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)
        raise


def open_named(path: Path, mode: str, shown: Path | None = None) -> IO[Any]:
    """Open a file to write: UTF-8 with "\\n" line ends or, with "b" in `mode`, bytes. Its errors name `shown`."""
    file = io.BufferedWriter(NamedFile(path, mode.replace("b", ""), shown or path))
    return file if "b" in mode else io.TextIOWrapper(file, encoding="utf-8", newline="\n")


class StreamFile(io.FileIO):
    """A file or pipe to write to. When the reader of a pipe closes it, all that follows is dropped without an error.

    So a reader like `head` ends only what it read, and not the program with everything else that it writes. After
    another error, such as that of a full disk, what follows is dropped too: the error is raised once.
    """

    is_closed_by_reader = False
    has_failed = False

    def write(self, content: Any) -> int:
        if not (self.is_closed_by_reader or self.has_failed):
            try:
                return super().write(content)
            except BrokenPipeError:
                self.is_closed_by_reader = True
            except OSError:
                self.has_failed = True
                raise
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

    The temporary name is `.NAME.tmp`, so that what a killed program left there is replaced. `mode` is "w" for UTF-8
    text with "\\n" line ends or "wb" for bytes. After an error the temporary file is removed and `path` is unchanged.
    If `path` is a symbolic link, the file that it points to is replaced; a link with the temporary name is removed and
    never followed. If `path` is a device or a pipe, such as /dev/null, it is written to directly.

    Raises FolderError when another program is writing the same file. An error of the disk has the name of the file.
    """
    if path.exists() and not path.is_file():
        with open_stream(path) as stream:
            if "b" in mode:
                yield stream
            else:
                with io.TextIOWrapper(stream, encoding="utf-8", newline="\n") as file:
                    yield file
        return
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.tmp")
    remove_leftover(temporary, path)
    with open_named(temporary, mode.replace("w", "x"), path) as file, lock_exclusively(temporary, path):
        try:
            yield file
            file.flush()
            with name_errors(path):
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

    Raises FolderError when another program is replacing the same folder, or if the temporary name is taken by a link or
    by another user. What a killed program left there is removed; nothing is ever removed or written through a link.
    """
    path = Path(os.path.abspath(path))  # "." has no name
    temporary, old = path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")
    if os.path.lexists(old):
        refuse_foreign(old)
    make_own_folder(temporary, path)
    with lock_exclusively(temporary, path):
        try:
            with name_errors(path):
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


def make_own_folder(temporary: Path, path: Path) -> None:
    """Make a new folder, in the place of one that a killed program of this user left there.

    Raises FolderError when the name is taken by anything else, or by a program that is writing `path`.
    """
    try:
        temporary.mkdir(parents=True)
    except FileExistsError:
        refuse_foreign(temporary)
        with lock_exclusively(temporary, path):
            shutil.rmtree(temporary)
        temporary.mkdir()


def is_foreign(folder: Path) -> bool:
    """Whether a name is taken by something else than a folder of this user, or of whom the enclosing folder belongs to.

    A link is foreign: it may have been made by another user, and leads elsewhere.
    """
    found = os.lstat(folder)
    owners = {os.geteuid(), folder.parent.stat().st_uid} if os.name == "posix" else {found.st_uid}
    return not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners


def refuse_foreign(folder: Path) -> None:
    """Raise FolderError if the name of a temporary folder is taken by a link, a file, or a folder of another user."""
    if is_foreign(folder):
        raise FolderError(
            f"{folder} is in the way: its name is needed for a temporary folder, and it is "
            f"{'a symbolic link' if folder.is_symlink() else 'not a folder of yours'}\n  See who made it, and remove it"
        )


def refuse_link(path: Path) -> None:
    """Raise FolderError if `path` is a symbolic link: writing through it would change another file."""
    if path.is_symlink():
        raise FolderError(f"{path} is a symbolic link, and writing to it would change another file\n  Remove the link")


def refuse_special_files(folder: Path, *, allow_links: bool) -> None:
    """Raise FolderError if anything in a folder is a device, a pipe or a socket, which could be read without end.

    Without `allow_links` it is also raised for a symbolic link, through which another file would be changed.
    """
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in [*folders, *files]):
            if not allow_links:
                refuse_link(path)
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise FolderError(f"{path} is not a regular file\n  Remove it, or restore the file")


@contextmanager
def lock_exclusively(folder: Path, path: Path) -> Iterator[None]:
    """Lock `folder` against other programs, on systems with such locks. It is `path`, or will be renamed to it.

    Raises FolderError when another program has the lock. The lock is released when the process ends, in whatever way.
    On a file system without locks there is a warning instead.
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
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            warn("this file system has no locks: make sure that no other program writes the same folder")
            is_ours = True
        if not is_ours:
            raise FolderError(f"{path} is being written by another program\n  Wait until it ends, or use another path")
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool | None:
    """Whether another program has locked a folder by `lock_exclusively`; None where that cannot be known."""
    if os.name != "posix":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)


def warn(text: str) -> None:
    """Issue a warning that the command line prints as a line of its own."""
    warnings.warn(FileSystemWarning(text), stacklevel=1)


class FileSystemWarning(UserWarning):
    """The file system lacks something that protects files when the program or the machine is killed."""


def recover_folder(path: Path) -> None:
    """Undo or complete the replacement of a folder by a program that was killed. A link is left alone."""
    path = Path(os.path.abspath(path))
    if not path.name:  # "/"
        return
    old = path.with_name(f".{path.name}.old")
    if os.path.lexists(old) and not is_foreign(old):
        if path.exists():
            shutil.rmtree(old)
        else:
            os.rename(old, path)


def locate_folder(path: Path) -> Path:
    """The path at which to read a folder, also between the two renames of its replacement.

    For readers: unlike `recover_folder`, it renames nothing.
    """
    if not path.name:  # "." and "/" are not replaced
        return path
    old = path.with_name(f".{path.name}.old")
    return old if old.is_dir() and not old.is_symlink() and not path.exists() else path


def sync_folder(path: Path) -> None:
    """Write renames in `path` to the disk, on systems where a folder can be synced. Elsewhere there is a warning."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            warn("this file system cannot sync folders: a power failure may undo what was written last")
        finally:
            os.close(descriptor)


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_folder(path: Path) -> None:
    """Rename a folder and then remove it, so that no incomplete folder remains at `path` if the program is killed."""
    removed = path.with_name(f".{path.name}.doomed")
    make_own_folder(removed, path)
    os.rename(path, removed)
    shutil.rmtree(removed)


def remove_leftover(leftover: Path, path: Path) -> None:
    """Remove a temporary file or folder of `path`, if a killed program left one. Links are not followed.

    Raises FolderError when another program is writing there.
    """
    if not os.path.lexists(leftover):
        return
    is_folder = stat.S_ISDIR(os.lstat(leftover).st_mode) and leftover.suffix != ".tmp"
    if not (is_folder or stat.S_ISREG(os.lstat(leftover).st_mode)):
        leftover.unlink()
        return
    with lock_exclusively(leftover, path):
        shutil.rmtree(leftover) if is_folder else leftover.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove what killed programs left in a folder that this program has locked, and in the folders in it.

    What another program writes at present stays, such as the graphs of a checkpoint.
    """
    for path in [*folder.iterdir(), *folder.glob("*/.*")]:
        if LEFTOVER.fullmatch(path.name):
            with suppress(FolderError):
                remove_leftover(path, path)
        elif replaced := REPLACED.fullmatch(path.name):
            recover_folder(path.with_name(replaced[1]))
