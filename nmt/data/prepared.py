"""A prepared folder on disk: token ids, raw validation text, subword models, and a manifest with their checksums.

Arrays are memory-mapped, so that a corpus may be larger than memory. nmt.data.encode writes them.
"""

import json
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from nmt.data.arrays import (
    PREPARE_AGAIN,
    check_ids,
    check_links,
    check_offsets,
    make_array_error,
)
from nmt.data.split import LinkArrays, Split
from nmt.errors import DamageError, FolderError, FormatError, Option
from nmt.files import hash_file, recover_folder, write_atomically
from nmt.metadata import Count, add_checksum, advise_version, check_facts, read_object
from nmt.progress import format_count
from nmt.text.subword import Subword
from nmt.text.units import is_text_unspaced
from nmt.version import __version__

PREPARED_FORMAT_VERSION = 3
READABLE_VERSIONS = (1, 2, 3)  # version 2 is the same without a checksum of the manifest, version 1 also without links
MANIFEST = "manifest.json"
VERIFIED_BYTES = 64 * 2**20  # files up to this size are compared with their checksum whenever the folder is opened

SplitName = Literal["train", "valid", "test"]
FileName = Annotated[str, Field(pattern=r"^[a-z.]+$")]  # in the folder: without "/"
Side = Literal["source", "target"]
SIDES: tuple[Side, ...] = get_args(Side)


class SplitCounts(BaseModel):
    """The size of one split. Tokens are pieces without EOS. Links are between pieces; None without word alignments."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pairs: Count
    source_tokens: Count
    target_tokens: Count
    links: Count | None = None


class FileRecord(BaseModel):
    """Size and checksum of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    size: Count
    sha256: str


class Manifest(BaseModel):
    """The content of a prepared folder. `dropped` has the number of dropped training pairs by reason."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["nmt prepared corpus"] = "nmt prepared corpus"
    format_version: int = PREPARED_FORMAT_VERSION
    source_lang: str
    target_lang: str
    joint: bool
    splits: dict[SplitName, SplitCounts]
    dropped: dict[str, Count]
    settings: dict[str, bool | int | float | str | list[str]]
    nmt_version: str | None = None  # older folders do not have this
    files: dict[FileName, FileRecord]

    @model_validator(mode="after")
    def _has_all_files(self) -> "Manifest":
        names = {name_subword_file(side, self.joint) for side in SIDES}
        for split, counts in self.splits.items():
            names |= {f"{split}.{side}.{part}.npy" for side in SIDES for part in ("ids", "offsets")}
            names |= {f"{split}.{side}.txt" for side in SIDES if split != "train"}
            names |= {f"{split}.links.{part}.npy" for part in LinkArrays._fields if counts.links is not None}
        if missing := sorted(names - self.files.keys()):
            raise ValueError(f"its files lack {', '.join(missing)}")
        return self


class ArrayWriter:
    """A one-dimensional .npy file that grows as arrays are appended; its header is completed at the end."""

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
        if error is not None:  # the unfinished file is not used
            with suppress(OSError):
                self._file.close()
            return
        begin = self._file.seek(0, 2) - self.size * self._dtype.itemsize
        self._write_header()
        assert self._file.tell() == begin  # numpy's header has room for a longer length
        self._file.close()


def name_subword_file(side: Side, is_joint: bool) -> str:
    """The file name of a side's subword model."""
    return "joint.model" if is_joint else f"{side}.model"


def write_manifest(folder: Path, **entries: Any) -> None:
    """Write the manifest of a complete folder. `entries` are the fields of `Manifest` other than `files`."""
    paths = sorted(folder.iterdir())
    files = {path.name: FileRecord(size=path.stat().st_size, sha256=hash_file(path)) for path in paths}
    facts = Manifest(files=files, **{"nmt_version": __version__, **entries}).model_dump(mode="json")
    with write_atomically(folder / MANIFEST) as out:
        out.write(json.dumps(add_checksum(facts), indent=2) + "\n")


def find_foreign_entries(folder: Path) -> list[str]:
    """The names in a folder that are not those of a prepared corpus in any format version."""
    try:
        manifest = read_object(folder / MANIFEST)
        own = {MANIFEST, *manifest["files"]} if manifest["kind"] == Manifest.model_fields["kind"].default else set()
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    return sorted(entry.name for entry in folder.iterdir() if entry.name not in own)


class PreparedCorpus:
    """A prepared folder that has been opened."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._splits: dict[tuple[SplitName, bool], Split] = {}
        self.source_subword = Subword.read(path / name_subword_file("source", manifest.joint))
        self.target_subword = (
            self.source_subword if manifest.joint else Subword.read(path / name_subword_file("target", False))
        )

    @classmethod
    def open(cls, path: Path | str) -> "PreparedCorpus":
        """Open a prepared folder and verify its files.

        Raises FolderError when the folder is not a prepared one, FormatError when it has another format version, and
        DamageError when a file is missing, has another size or, if it is small, another checksum.
        """
        path = Path(path)
        recover_folder(path)
        manifest = read_manifest(path)
        verify_prepared(path, manifest, up_to=VERIFIED_BYTES)
        return cls(path, manifest)

    def open_split(self, name: SplitName, *, with_links: bool = False) -> Split:
        """The ids of one split, and with `with_links` its links. They are checked when they are first opened.

        Raises FolderError when the folder lacks either, and DamageError for ids, offsets or links that do not fit.
        """
        if (name, with_links) in self._splits:
            return self._splits[name, with_links]
        self._require(name)
        if with_links and self.manifest.splits[name].links is None:
            raise FolderError(
                f"{self.path} was prepared without word alignments, which guide attention\n  Prepare it with ",
                *(Option(f"{name}_alignments"), ", or set train.guided_weight=0"),
            )
        split = Split.open(self.path, name, with_links=with_links)
        vocabularies = self.source_subword.size, self.target_subword.size
        check_split(self.path, name, split, self.manifest.splits[name], vocabularies)
        self._splits[name, with_links] = split
        return split

    def read_raw_lines(self, name: SplitName, side: Side) -> list[str]:
        """The raw text of valid or test."""
        self._require(name)
        assert name != "train"
        path, pairs = self.path / f"{name}.{side}.txt", self.manifest.splits[name].pairs
        try:
            lines = path.read_bytes().decode().split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise make_array_error(path, f"it is not UTF-8 text at byte {error.start:,}") from error
        if len(lines) != pairs:
            why = f"it has {format_count(len(lines), 'line')} for the {format_count(pairs, 'pair')} in {MANIFEST}"
            raise make_array_error(path, why)
        return lines

    def is_unspaced(self, side: Side) -> bool:
        """Whether the validation text of a side has no blanks between words."""
        return is_text_unspaced(self.read_raw_lines("valid", side))

    def _require(self, name: SplitName) -> None:
        if name not in self.manifest.splits:
            there = ", ".join(self.manifest.splits)
            raise FolderError(f"{self.path} was prepared without ", Option(name), f"\n  It has {there}")


def check_split(
    folder: Path, name: SplitName, split: Split, counts: SplitCounts, vocabularies: tuple[int, int]
) -> None:
    """Raise DamageError when ids are not in the vocabulary, or offsets and links do not fit the ids."""
    for side, ids, offsets, tokens, vocabulary in (
        ("source", split.source_ids, split.source_offsets, counts.source_tokens, vocabularies[0]),
        ("target", split.target_ids, split.target_offsets, counts.target_tokens, vocabularies[1]),
    ):
        path = folder / f"{name}.{side}.ids.npy"
        if len(ids) != tokens:
            raise make_array_error(path, f"it has {len(ids):,} ids, and {MANIFEST} has {tokens:,}")
        check_ids(path, ids, vocabulary)
        check_offsets(folder / f"{name}.{side}.offsets.npy", offsets, counts.pairs, len(ids))
    if split.links is not None:
        sources, targets, offsets = split.links
        check_offsets(folder / f"{name}.links.offsets.npy", offsets, counts.pairs, counts.links or 0)
        check_links(folder / f"{name}.links.sources.npy", sources, offsets, split.source_offsets)
        check_links(folder / f"{name}.links.targets.npy", targets, offsets, split.target_offsets)


def describe_prepared(prepared: PreparedCorpus) -> str:
    """A description of a prepared folder: sizes, subword models, splits, settings."""
    manifest = prepared.manifest
    size = sum(record.size for record in manifest.files.values())
    pieces = [f"{prepared.source_subword.size:,} {'joint' if manifest.joint else manifest.source_lang}"]
    if not manifest.joint:
        pieces.append(f"{prepared.target_subword.size:,} {manifest.target_lang}")
    written = f" of nmt {manifest.nmt_version}" if manifest.nmt_version else ""
    lines = [
        f"{prepared.path}: prepared corpus, {manifest.source_lang} to {manifest.target_lang}",
        f"  format version {manifest.format_version}{written}, {len(manifest.files)} files, {size / 2**20:,.1f} MiB",
        f"  subwords: {manifest.settings['subword']}, {', '.join(pieces)}",
        "",
        f"  {'':6}{'pairs':>12}{'source tokens':>16}{'target tokens':>16}",
    ]
    for name, counts in manifest.splits.items():
        lines.append(f"  {name:6}{counts.pairs:>12,}{counts.source_tokens:>16,}{counts.target_tokens:>16,}")
    linked = [f"{counts.links:,} in {name}" for name, counts in manifest.splits.items() if counts.links is not None]
    lines += ["", f"  word alignments, as links of pieces: {', '.join(linked)}"] if linked else []
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in manifest.dropped.items()) or "none"
    lines += ["", f"  dropped training pairs: {reasons}", "  settings:"]
    lines += [f"    {name} = {value}" for name, value in manifest.settings.items()]
    return "\n".join(lines)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder. Raises FolderError, FormatError or DamageError when it cannot be read."""
    path = folder / MANIFEST
    if not path.is_file():
        what = "is not a prepared folder: it has no manifest.json" if folder.exists() else "does not exist"
        raise FolderError(f"{folder} {what}\n  `nmt prepare` writes prepared folders")
    try:
        entries = read_object(path)
        version = entries["format_version"]
    except (ValueError, KeyError) as error:
        raise DamageError(
            f"{path} cannot be read: it is incomplete or was edited\n  Remove {folder}, then prepare the corpus again"
        ) from error
    if version not in READABLE_VERSIONS:
        readable = f"{', '.join(map(str, READABLE_VERSIONS[:-1]))} and {READABLE_VERSIONS[-1]}"
        raise FormatError(
            f"{folder} has format version {str(version)[:40]}, and this version of nmt, {__version__}, "
            f"reads {readable}\n  {advise_version(entries)}. Or prepare the corpus again, with ",
            *(Option("overwrite", True), " or another ", Option("out")),
        )
    return check_facts(Manifest, entries, path, PREPARE_AGAIN)


def verify_prepared(folder: Path, manifest: Manifest, up_to: float = float("inf")) -> None:
    """Raise DamageError, with the name of each file that has changed since it was written.

    Checksums are compared for files of at most `up_to` bytes, sizes for all.
    """
    problems = []
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif (size := path.stat().st_size) != record.size:
            problems.append(f"{name} has {size:,} bytes instead of {record.size:,}")
        elif size <= up_to and hash_file(path) != record.sha256:
            problems.append(f"{name} has changed: its SHA-256 is not the one in {MANIFEST}")
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise DamageError(f"{folder} is damaged{listed}\n  Prepare the corpus again, with ", Option("overwrite", True))
