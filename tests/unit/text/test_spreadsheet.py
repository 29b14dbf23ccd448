import zipfile
from datetime import date, datetime, time, timedelta

import pytest

from nmt.errors import DataError, UsageError
from nmt.text import spreadsheet
from nmt.text.bitext import BilingualFile

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture
def write(tmp_path):
    def write(**sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / "a.xlsx")
        return tmp_path / "a.xlsx"

    return write


def read(path):
    corpus = BilingualFile(path, "xlsx", "fi", "sv")
    return list(corpus.read()), corpus.describe().removeprefix(f"{path}: ")


def read_notes(path):
    corpus = BilingualFile(path, "xlsx", "fi", "sv")
    list(corpus.read())
    list(corpus.read())  # notes are those of one reading
    return [note.removeprefix(str(path)) for note in corpus.notes]


def test_sheets_that_name_the_languages_are_read(write):
    path = write(
        notes=[["what", "who", "when"]],
        one=[["id", "sv-SE", "FI"], [1, "en\nhund", "koira"], [], [2, None, "kissa"], [3, "#REF!", "x"], [4, 5, 7.5]],
        two=[[None], ["fi", None, "sv"], ["talo", None, "hus"], ["=A1", None, "x"]],
    )
    assert read(path) == (
        [("koira", "en hund"), ("7.5", "5"), ("talo", "hus")],
        "6 units, 3 pairs; 3 empty",  # formulas that were never computed have no text
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2, 15, 4), "2020-01-02 15:04"),
        (datetime(2020, 1, 2, 15, 4, 5), "2020-01-02 15:04:05"),
        (time(9, 30), "09:30"),
        (time(9, 30, 15), "09:30:15"),
        (time(0, 0), "00:00"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
        (True, "TRUE"),
        (False, "FALSE"),
        (0, "0"),
        (3, "3"),
        (3.0, "3"),
        (-2.50, "-2.5"),
        (0.1 + 0.2, "0.3"),
        (1e20, "1e+20"),
        ("3.0", "3.0"),
        ("2020-01-02 00:00:00", "2020-01-02 00:00:00"),  # text
    ],
)
def test_dates_times_and_numbers_are_as_a_sheet_shows_them(write, value, text):
    path = write(one=[["fi", "sv"], [value, value]])
    change(path, "xl/worksheets/sheet1.xml", lambda content: content.replace(b"<v>3</v>", b"<v>3.0</v>"))
    assert read(path)[0] == [(text, text)]


def test_otherwise_the_first_sheet_has_two_columns(write):
    path = write(nothing=[], one=[["koira", "hund"], ["kissa"]], two=[["a", "b"]])
    assert read(path) == ([("koira", "hund")], "2 units, 1 pair; 1 empty")


def test_sheets_that_are_left_out_and_a_first_row_that_is_a_pair_are_named(write):
    path = write(one=[["fi", "sv"], ["a", "b"]], notes=[["x"]], empty=[])
    assert read_notes(path) == [': the sheet "notes" is left out: the first row does not name fi and sv']
    path = write(one=[["fi", "sv"], ["a", "b"]], x=[["fi", "x"]], y=[["sv"]])
    assert read_notes(path) == [': the sheets "x", "y" are left out: the first row does not name fi and sv']
    path = write(one=[["Finnish", "Swedish"], ["a", "b"]], two=[["a", "b"]])
    assert read_notes(path) == [
        ': the sheet "two" is left out: the first row does not name fi and sv',
        ', sheet "one": its first row is a pair, because it does not name fi and sv: Finnish | Swedish',
    ]
    assert read_notes(write(one=[["sv", "fi"], ["a", "b"]])) == []
    path = write(one=[["fi-FI", "sv", "fi"], ["a", "b", "c"]])
    assert read_notes(path) == [', sheet "one": of the columns in fi, "fi" is read, not "fi-FI"']
    path = write(one=[["Corpus", 2024], [], ["sv", "fi"], ["a", "b"]])
    assert read(path) == ([("b", "a")], "1 unit, 1 pair")
    assert read_notes(path) == [', sheet "one": 1 row before the names of the languages is left out']


def test_other_columns_are_refused(write):
    path = write(one=[["x", "y", "z"], ["koira", "hund", ""]])
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        f'{path}, sheet "one" has 3 columns, not 2\n  A sheet of several columns names fi and sv in its first row'
    )


def test_an_empty_file_has_no_pairs(write):
    with pytest.raises(DataError, match=r"a\.xlsx: 0 units, 0 pairs$"):
        read(write(one=[]))


@pytest.mark.parametrize("content", [b"", b"koira,hund\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "b.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"b\.xlsx is not XLSX, or it is damaged or has a password: .*\n  Save it as"):
        read(path)


def change(path, name, edit):
    """Change a part of an archive."""
    with zipfile.ZipFile(path) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    parts[name] = edit(parts[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, content in parts.items():
            archive.writestr(one, content)


LAUGHS = (
    b"<!DOCTYPE s [<!ENTITY a0 'ha'>"
    + b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]>"
)
SHEET = (
    b"<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData><row>%b</row></sheetData>"
    b"</worksheet>"
)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("xl/workbook.xml", lambda content: b"<workbook/>"),
        ("xl/workbook.xml", lambda content: content[:-30]),
        ("xl/worksheets/sheet1.xml", lambda content: content[:-30]),
        ("xl/worksheets/sheet1.xml", lambda content: SHEET % b"<c t='s'><v>99</v></c>"),
        ("xl/worksheets/sheet1.xml", lambda content: LAUGHS + SHEET % b"<c t='inlineStr'><is><t>&a9;</t></is></c>"),
        ("[Content_Types].xml", lambda content: b"<Types/>"),
    ],
)
def test_damaged_and_hostile_files_end_in_messages(write, name, edit):
    path = write(one=[["koira", "hund"]])
    change(path, name, edit)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 1000


def test_what_becomes_too_large_is_refused(write, monkeypatch):
    path = write(one=[["koira", "hund"]])
    change(path, "xl/worksheets/sheet1.xml", lambda content: content + b" " * 10**6)
    monkeypatch.setattr(spreadsheet, "MAX_BYTES", 10**6)
    with pytest.raises(DataError, match=r" bytes when decompressed, and at most 1,000,000 are read\n  Divide it"):
        read(path)


def test_rows_far_below_are_not_waited_for(write, monkeypatch):
    monkeypatch.setattr(spreadsheet, "MAX_ROWS", 1000)
    path = write(one=[["koira", "hund"], ["kissa", "katt"]])
    change(path, "xl/worksheets/sheet1.xml", lambda content: content.replace(b'<row r="2"', b'<row r="999999999999"'))
    assert read(path)[0] == [("koira", "hund")]


def test_a_missing_file_and_a_missing_library_are_named(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"x\.xlsx does not exist"):
        read(tmp_path / "x.xlsx")
    monkeypatch.setattr(spreadsheet, "openpyxl", None)
    with pytest.raises(
        UsageError, match=r'x.xlsx can be read with the extra documents: pip install "nmt\[documents\]"'
    ):
        read(tmp_path / "x.xlsx")
