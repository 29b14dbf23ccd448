"""Bytes of files and streams, decompressed: the first bytes show the format, then the name."""

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from nmt.errors import DataError

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:  # before Python 3.14
    try:
        from backports import zstd
    except ImportError:  # the extra `zstd` is not installed
        zstd = None

SUFFIXES = ("", ".gz", ".bz2", ".xz", ".zst")
READ_ERRORS = (OSError, EOFError, lzma.LZMAError, zlib.error) + ((zstd.ZstdError,) if zstd else ())
FIRST_BYTES = {
    ".gz": re.compile(rb"\x1f\x8b\x08"),
    ".bz2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    ".xz": re.compile(rb"\xfd7zXZ\0"),
    ".zst": re.compile(rb"\x28\xb5\x2f\xfd"),
}
OTHER_FORMATS = {
    "a ZIP archive": re.compile(rb"PK\x03\x04"),
    "a 7z archive": re.compile(rb"7z\xbc\xaf\x27\x1c"),
    "compressed by lz4": re.compile(rb"\x04\x22\x4d\x18"),
    "compressed by compress": re.compile(rb"\x1f\x9d"),
    "a tar archive": re.compile(rb".{257}ustar", re.DOTALL),
}


def decompress(stream: BinaryIO, name: str) -> io.BufferedReader:
    """The decompressed bytes of an open stream, which is called `name`: gzip, bzip2, xz, Zstandard, or as it is.

    Raises DataError for an archive and for a format that is not read here.
    """
    file = make_peekable(stream)
    head = file.peek(512)
    suffix = next((known for known, magic in FIRST_BYTES.items() if magic.match(head)), Path(name).suffix.lower())
    if suffix == ".zst" and zstd is None:
        raise DataError(f'reading {name} needs the extra zstd: pip install "nmt[zstd]"\n  Or decompress it first')
    openers: dict[str, Callable[[Any], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    if zstd is not None:
        openers[".zst"] = zstd.open
    if suffix in openers:
        file = make_peekable(openers[suffix](file))
        head = file.peek(512)
    for description, magic in OTHER_FORMATS.items():
        if magic.match(head):
            raise DataError(f"{name} is {description}, not text\n  Extract the text from it first")
    return file


def make_peekable(stream: Any) -> io.BufferedReader:
    """The stream, or a buffer around one whose next bytes cannot be seen before they are read."""
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)
