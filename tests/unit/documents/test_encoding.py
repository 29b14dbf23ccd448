import pytest

from nmt.documents.encoding import decode_document
from nmt.errors import DataError


@pytest.mark.parametrize(
    ("content", "declared", "encoding", "note"),
    [
        ("é", "utf8", "utf8", ""),
        ("é", None, "UTF-8", ""),
        ("é", "iso8859-15", "iso8859-15", ""),
        ("é", "ascii", "UTF-8", "a declares that it is ascii, but is not: it is read, and written, as UTF-8"),
        (
            "é",
            "romulan",
            "UTF-8",
            "a declares the encoding romulan, which is not known: it is read, and written, as UTF-8",
        ),
        (
            "e",
            "base64",
            "UTF-8",
            "a declares the encoding base64, which is not known: it is read, and written, as UTF-8",
        ),
    ],
)
def test_what_a_document_declares_of_its_encoding(content, declared, encoding, note):
    decoded = decode_document(content.encode("iso8859-15" if encoding == "iso8859-15" else "utf-8"), "a", declared)
    assert (decoded.text, decoded.encoding, decoded.note) == (content, encoding, note)


LATIN = "If it is ISO-8859-1, convert it first: iconv -f ISO-8859-1 -t UTF-8"


@pytest.mark.parametrize(
    ("content", "declared", "message"),
    [
        (b"\xe9t\xe9", None, f"a is not UTF-8: line 1, byte 0 of the text is 0xE9\n  {LATIN}"),
        (b"a\n\xe9t\xe9\nb", "UTF-8", f"a is not UTF-8: line 2, byte 2 of the text is 0xE9\n  {LATIN}"),
        (b"a\n\xe9", "utf8", f"a is not UTF-8: line 2, byte 2 of the text is 0xE9\n  {LATIN}"),
        (
            b"\xe9",
            "ascii",
            f"a is neither ascii, as it declares, nor UTF-8: line 1, byte 0 of the text is 0xE9\n  {LATIN}",
        ),
        (
            b"a \xe9",
            "vulcan",
            "a declares the encoding vulcan, which is not known, and is not UTF-8: line 1, byte 2 of the text is 0xE9\n"
            f"  {LATIN}",
        ),
        (
            b"\xef\xbb\xbf\xc3\xa9\na \xe9\n",
            None,
            "a is not UTF-8: line 2, byte 8 of the text is 0xE9\n"
            "  The lines before it are UTF-8: mend or remove this line",
        ),
        (
            "été\n".encode("utf-16-le"),
            None,
            "a is not UTF-8 but UTF-16LE\n  Convert it first: iconv -f UTF-16LE -t UTF-8",
        ),
    ],
)
def test_bytes_in_another_encoding_are_refused(content, declared, message):
    with pytest.raises(DataError) as caught:
        decode_document(content, "a", declared)
    assert str(caught.value) == message
