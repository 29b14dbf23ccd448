"""Rows of text in spreadsheets of Excel (.xlsx), which openpyxl reads."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from nmt.errors import DataError, UsageError, describe_unreadable

try:
    import openpyxl
except ImportError:  # the extra `documents` is not installed
    openpyxl = None

MAX_BYTES = 2**29  # of all parts of a file, decompressed; its texts are in memory at once
MAX_COLUMNS, MAX_ROWS = 256, 2**20  # that are read of a sheet; Excel has no more rows
ERRORS = frozenset(("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"))  # of formulas
LARGEST_PLAIN = 1e15  # whole numbers from here on are not exact in a sheet
MIDNIGHT = time()
Row = tuple[str, ...]


def read_sheets(path: Path) -> Iterator[tuple[str, Iterator[Row]]]:
    """The name of each sheet, and its rows. An empty cell, an error and a formula without a result are empty texts.

    Raises DataError for a file that cannot be read, is not of Excel, or becomes too large when it is decompressed;
    UsageError without openpyxl.
    """
    if openpyxl is None:
        raise UsageError(f'{path} can be read with the extra documents: pip install "nmt[documents]"')
    try:
        with ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except OSError as error:
        raise DataError(describe_unreadable(path, error)) from error
    except BadZipFile as error:
        raise DataError(
            f"{path} is not XLSX, or it is damaged or has a password: {error}\n  Save it as XLSX again, or as CSV"
        ) from error
    if size > MAX_BYTES:
        raise DataError(f"{path} has {size:,} bytes when decompressed, and at most {MAX_BYTES:,} are read\n  Divide it")
    with warnings.catch_warnings(), open(path, "rb") as file:
        warnings.simplefilter("ignore")  # about styles and other parts that are not read
        book = convert_errors(path, lambda: openpyxl.load_workbook(file, read_only=True, data_only=True))
        for sheet in book.worksheets:
            yield sheet.title, read_rows(path, sheet)


def read_rows(path: Path, sheet: Any) -> Iterator[Row]:
    """The texts of a sheet, without empty rows."""
    rows = iter(sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True))
    while (row := convert_errors(path, lambda: next(rows, None))) is not None:
        if any(value is not None and value != "" for value in row):
            yield tuple(map(format_cell, row))


def format_cell(value: Any) -> str:
    """A value as a sheet shows it where its cell has no format of its own, with dates as in ISO 8601."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float():
            return f"{value:.0f}" if value.is_integer() and abs(value) < LARGEST_PLAIN else f"{value:.15g}"
        case datetime() if value.time() == MIDNIGHT:
            return str(value.date())
        case datetime():
            return f"{value.date()} {format_cell(value.time())}"
        case time():
            return f"{value:%H:%M:%S}" if value.second else f"{value:%H:%M}"
        case timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        case _:
            return "" if value in ERRORS else str(value)


def convert_errors(path: Path, work: Callable[[], Any]) -> Any:
    """What `work` returns. openpyxl raises whatever happens in a damaged file; here it is a DataError."""
    try:
        return work()
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as XLSX: {type(error).__name__}: {error}\n  Save it again, or as CSV"
        ) from error


def find_end(row: Sequence[str]) -> int:
    """The number of columns up to the last one that has text."""
    return max((number for number, text in enumerate(row, 1) if text), default=0)
