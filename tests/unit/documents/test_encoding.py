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


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (None, "a is not UTF-8, so it cannot be read\n  Convert it first: iconv -f ENCODING -t UTF-8"),
        ("ascii", "a is neither ascii, as it declares, nor UTF-8, so it cannot be read"),
        ("vulcan", "a declares the encoding vulcan, which is not known, and is not UTF-8, so it cannot be read"),
    ],
)
def test_bytes_in_another_encoding_are_refused(declared, message):
    with pytest.raises(DataError) as caught:
        decode_document(b"\xe9t\xe9", "a", declared)
    assert str(caught.value).startswith(message)
