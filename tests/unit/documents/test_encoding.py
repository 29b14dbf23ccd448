import pytest
from support.documents import SPACED, shout

from nmt.documents.encoding import decode_document
from nmt.documents.formats import parse_document
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


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("srt", "1\n00:00:01,000 --> 00:00:02,000\none\ntwo\n\n2\n00:00:05,000 --> 00:00:06,000\nthree\n"),
        ("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\none &amp; two\n"),
        ("text", "one\n\ntwo\nthree\n- four"),
        ("markdown", "# one\n\ntwo\nthree\n\n```\nx\n```\n<p>four\n"),
        ("po", 'msgid ""\nmsgstr ""\n"Language: de\\n"\n\nmsgid "one\\ntwo"\nmsgstr ""\n'),
        ("xml", "<a>\n<p>one\ntwo</p>\n<p>three</p></a>"),
        ("html", "<p>one\n<pre>x\ny</pre>\n<p>three"),
    ],
)
def test_lines_that_end_with_carriage_returns_alone_keep_their_ends(form, text):
    own, other = (parse_document(one.encode(), "a", SPACED, form) for one in (text, text.replace("\n", "\r")))
    assert [unit.segment for unit in own.units] == [unit.segment for unit in other.units]
    assert shout(other) == shout(own).replace("\n", "\r")
