"""The prepared folder on disk: token ids, raw validation text, subword models and a manifest that vouches for them.

Arrays are memory-mapped, so a corpus larger than memory trains. nmt.data.encode decides what goes into the folder.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from nmt.errors import DamageError, FolderError, FormatError, Option
from nmt.files import recover_folder, sha256, write_atomically
from nmt.text.subword import Subword

FORMAT_VERSION = 2
READABLE = (1, 2)  # 1 has no links, and is otherwise the same
MANIFEST = "manifest.json"
SMALL = 64 * 2**20  # bytes; files below this size are held against their checksum whenever the folder is opened

SplitName = Literal["train", "valid", "test"]
Side = Literal["source", "target"]
SIDES: tuple[Side, ...] = get_args(Side)


class Counts(BaseModel):
    """How much one split holds. Tokens are pieces without EOS; links join them, where any are known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pairs: int
    source_tokens: int
    target_tokens: int
    links: int | None = None


class FileRecord(BaseModel):
    """What a file was when it was written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a prepared folder holds. `dropped` counts, by reason, the training pairs that cleaning left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["nmt prepared corpus"] = "nmt prepared corpus"
    format_version: int = FORMAT_VERSION
    source_lang: str
    target_lang: str
    joint: bool
    splits: dict[SplitName, Counts]
    dropped: dict[str, int]
    settings: dict[str, Any]
    files: dict[str, FileRecord]


class ArrayWriter:
    """A one-dimensional .npy file that grows as arrays are appended; the header learns its length at the end."""

    def __init__(self, path: Path, dtype: type[np.generic]) -> None:
        self.size = 0
        self._dtype = np.dtype(dtype)
        self._file = open(path, "wb")  # noqa: SIM115
        self._write_header()

    def _write_header(self) -> None:
        self._file.seek(0)
        npy.write_array_header_1_0(
            self._file, {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": (self.size,)}
        )

    def append(self, values: NDArray[np.integer[Any]]) -> None:
        self._file.write(values.astype(self._dtype).tobytes())
        self.size += len(values)

    def __enter__(self) -> "ArrayWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:  # what is written so far will be thrown away
            with suppress(OSError):
                self._file.close()
            return
        begin = self._file.seek(0, 2) - self.size * self._dtype.itemsize
        self._write_header()
        assert self._file.tell() == begin  # numpy leaves room for the length to grow
        self._file.close()


def model_name(side: Side, is_joint: bool) -> str:
    """The file of a side's subword model."""
    return "joint.model" if is_joint else f"{side}.model"


def write_manifest(folder: Path, **entries: Any) -> None:
    """Record every file of a finished folder. `entries` are the other fields of `Manifest`."""
    files = {file.name: FileRecord(size=file.stat().st_size, sha256=sha256(file)) for file in sorted(folder.iterdir())}
    with write_atomically(folder / MANIFEST) as out:
        out.write(Manifest(files=files, **entries).model_dump_json(indent=2) + "\n")


def foreign_entries(folder: Path) -> list[str]:
    """What lies in a folder that preparing a corpus, in any format version, did not put there."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        own = {MANIFEST, *manifest["files"]} if manifest["kind"] == Manifest.model_fields["kind"].default else set()
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    return sorted(entry.name for entry in folder.iterdir() if entry.name not in own)


class LinkArrays(NamedTuple):
    """Which pieces belong together: those of pair n are links `offsets[n]` up to `offsets[n + 1]`.

    A link joins the pieces `sources[link]` and `targets[link]` of its pair, counted from 0.
    """

    sources: NDArray[np.integer[Any]]
    targets: NDArray[np.integer[Any]]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """The token ids of one split: sentence n is `ids[offsets[n] : offsets[n + 1]]`. Memory-mapped when opened."""

    source_ids: NDArray[np.integer[Any]]
    source_offsets: NDArray[np.int64]
    target_ids: NDArray[np.integer[Any]]
    target_offsets: NDArray[np.int64]
    links: LinkArrays | None = None

    @classmethod
    def open(cls, folder: Path, name: SplitName, *, with_links: bool = False) -> "Split":
        """The arrays of one split of a prepared folder."""

        def mapped(part: str) -> NDArray[Any]:
            array: NDArray[Any] = np.load(folder / f"{name}.{part}.npy", mmap_mode="r")
            return array

        links = LinkArrays(*(mapped(f"links.{part}") for part in LinkArrays._fields)) if with_links else None
        ids, offsets = ([mapped(f"{side}.{part}") for side in SIDES] for part in ("ids", "offsets"))
        return cls(ids[0], offsets[0], ids[1], offsets[1], links)

    def __len__(self) -> int:
        return len(self.source_offsets) - 1

    @cached_property
    def source_lengths(self) -> NDArray[np.int64]:
        """Pieces of every source sentence, EOS not counted."""
        lengths: NDArray[np.int64] = np.diff(self.source_offsets)
        return lengths

    @cached_property
    def target_lengths(self) -> NDArray[np.int64]:
        """Pieces of every target sentence, EOS not counted."""
        lengths: NDArray[np.int64] = np.diff(self.target_offsets)
        return lengths

    def source(self, row: int) -> NDArray[np.integer[Any]]:
        """The ids of one source sentence, without EOS."""
        return np.asarray(self.source_ids[self.source_offsets[row] : self.source_offsets[row + 1]])

    def target(self, row: int) -> NDArray[np.integer[Any]]:
        """The ids of one target sentence, without EOS."""
        return np.asarray(self.target_ids[self.target_offsets[row] : self.target_offsets[row + 1]])


class Prepared:
    """An open prepared folder."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.source_subword = Subword.read(path / model_name("source", manifest.joint))
        self.target_subword = (
            self.source_subword if manifest.joint else Subword.read(path / model_name("target", False))
        )

    @classmethod
    def open(cls, path: Path | str) -> "Prepared":
        """Open a prepared folder, after a look at its files.

        Raises FolderError when it is no such folder, FormatError when it was written in another format version,
        DamageError when a file is missing, has another size or, if small, another checksum.
        """
        path = Path(path)
        recover_folder(path)
        manifest = read_manifest(path)
        require_whole(path, manifest, up_to=SMALL)
        return cls(path, manifest)

    def split(self, name: SplitName, *, with_links: bool = False) -> Split:
        """One split's ids, and the links of its pieces where asked. Raises FolderError when they were not prepared."""
        self._require(name)
        if with_links and self.manifest.splits[name].links is None:
            raise FolderError(
                f"{self.path} was prepared without word alignments, which guide attention\n  Prepare it with ",
                *(Option(f"{name}_alignments"), ", or set train.guided_weight=0"),
            )
        return Split.open(self.path, name, with_links=with_links)

    def lines(self, name: SplitName, side: Side) -> list[str]:
        """The raw text of valid or test, as it was given."""
        self._require(name)
        assert name != "train"
        return (self.path / f"{name}.{side}.txt").read_bytes().decode().split("\n")[:-1]

    def _require(self, name: SplitName) -> None:
        if name not in self.manifest.splits:
            there = ", ".join(self.manifest.splits)
            raise FolderError(f"{self.path} was prepared without ", Option(name), f"\n  It has {there}")


def describe_prepared(prepared: Prepared) -> str:
    """A prepared folder in words: sizes, subwords, splits, settings."""
    manifest = prepared.manifest
    size = sum(record.size for record in manifest.files.values())
    pieces = [f"{prepared.source_subword.size:,} {'joint' if manifest.joint else manifest.source_lang}"]
    if not manifest.joint:
        pieces.append(f"{prepared.target_subword.size:,} {manifest.target_lang}")
    lines = [
        f"{prepared.path}: prepared corpus, {manifest.source_lang} to {manifest.target_lang}",
        f"  format version {manifest.format_version}, {len(manifest.files)} files, {size / 2**20:,.1f} MiB",
        f"  subwords: {manifest.settings['subword']}, {', '.join(pieces)}",
        "",
        f"  {'':6}{'pairs':>12}{'source tokens':>16}{'target tokens':>16}",
    ]
    for name, counts in manifest.splits.items():
        lines.append(f"  {name:6}{counts.pairs:>12,}{counts.source_tokens:>16,}{counts.target_tokens:>16,}")
    linked = [f"{counts.links:,} in {name}" for name, counts in manifest.splits.items() if counts.links is not None]
    lines += ["", f"  word alignments, as links of pieces: {', '.join(linked)}"] if linked else []
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in manifest.dropped.items()) or "nothing"
    lines += ["", f"  left out of train: {left_out}", "  settings:"]
    lines += [f"    {name} = {value}" for name, value in manifest.settings.items()]
    return "\n".join(lines)


def read_manifest(folder: Path) -> Manifest:
    """Raises FolderError, FormatError or DamageError when there is none that can be read."""
    path = folder / MANIFEST
    if not path.is_file():
        what = "is not a prepared folder: it has no manifest.json" if folder.exists() else "does not exist"
        raise FolderError(f"{folder} {what}\n  `nmt prepare` makes one")
    try:
        entries = json.loads(path.read_bytes())
        version = entries["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamageError(
            f"{path} cannot be read: it is cut short or was edited\n  Remove {folder}, then prepare the corpus again"
        ) from error
    if version not in READABLE:
        raise FormatError(
            f"{folder} was prepared in format version {version}; this nmt reads {' and '.join(map(str, READABLE))}\n"
            "  Prepare the corpus again, with ",
            *(Option("overwrite", True), " or another ", Option("out")),
        )
    try:
        return Manifest.model_validate(entries)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
        raise DamageError(
            f"{path} was edited: {places} cannot be used\n  Prepare the corpus again, with ",
            Option("overwrite", True),
        ) from error


def require_whole(folder: Path, manifest: Manifest, up_to: float = float("inf")) -> None:
    """Raises DamageError that names each file which is not as it was written.

    Of files larger than `up_to` bytes only the size is looked at.
    """
    problems = []
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif (size := path.stat().st_size) != record.size:
            problems.append(f"{name} has {size:,} bytes; {record.size:,} were written")
        elif size <= up_to and sha256(path) != record.sha256:
            problems.append(f"{name} has other bytes than were written (SHA-256)")
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise DamageError(f"{folder} is damaged{listed}\n  Prepare the corpus again, with ", Option("overwrite", True))
