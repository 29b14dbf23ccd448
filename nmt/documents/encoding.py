"""Bytes of a document as text, and back."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nmt.errors import DataError
from nmt.text.corpus import refuse_wide_encoding
from nmt.text.encodings import ENCODING_OF_MARK, describe_bad_byte

MARKS = {codecs.BOM_UTF8: "UTF-8", **ENCODING_OF_MARK}
BEGINNING = 2**16  # bytes that show whether a text is UTF-16 without its mark


@dataclass(frozen=True)
class DecodedText:
    """The text of a document, and what is needed to write it in the same encoding. `note` is what was repaired.

    `has_returns` is whether the lines of the document end with "\\r", which is "\\n" in the text.
    """

    text: str
    encoding: str
    mark: bytes = b""
    note: str = ""
    has_returns: bool = False

    def encode(self, text: str, errors: str = "strict") -> bytes:
        """A text in the document's encoding. `errors` is what str.encode does with characters that it does not have."""
        return self.mark + (text.replace("\n", "\r") if self.has_returns else text).encode(self.encoding, errors)


def decode_lines(content: bytes, name: str, declared: str | None = None, fallbacks: Sequence[str] = ()) -> DecodedText:
    """Decode a document in whose format lines count, as decode_document does.

    Its lines may end with "\\r" alone, as on old Macintosh computers.
    """
    decoded = decode_document(content, name, declared, fallbacks)
    if "\n" in decoded.text or "\r" not in decoded.text:
        return decoded
    return replace(decoded, text=decoded.text.replace("\r", "\n"), has_returns=True)


def decode_document(
    content: bytes, name: str, declared: str | None = None, fallbacks: Sequence[str] = ()
) -> DecodedText:
    """Decode a document by its byte order mark, otherwise as `declared`, otherwise as UTF-8 or one of `fallbacks`.

    An encoding is used only if it gives the same bytes back. If it is not the declared one, there is a note.

    Raises DataError when no encoding does.
    """
    for mark, own in MARKS.items():
        if content.startswith(mark):
            encoding = {"UTF-16": "UTF-16LE", "UTF-32": "UTF-32LE"}.get(own, own)
            if mark in (codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE):
                encoding = encoding.replace("LE", "BE")
            if (text := try_encoding(content[len(mark) :], encoding)) is not None:
                return DecodedText(text, encoding, mark)
    for encoding in dict.fromkeys([*filter(None, [declared]), "UTF-8", *fallbacks]):
        if (text := try_encoding(content, encoding)) is not None:
            return DecodedText(text, encoding, note=describe_encoding(name, encoding, declared))
    refuse_wide_encoding(content[:BEGINNING], name)
    raise DataError(describe_bad_bytes(content, name, name_encoding_problem(declared)))


def name_encoding_problem(declared: str | None) -> str:
    """What a document is that is neither in the encoding that it declares nor in UTF-8."""
    if not declared:
        return "is not UTF-8"
    if not is_encoding(declared):
        return f"declares the encoding {declared}, which is not known, and is not UTF-8"
    is_utf8 = codecs.lookup(declared).name == codecs.lookup("UTF-8").name
    return "is not UTF-8" if is_utf8 else f"is neither {declared}, as it declares, nor UTF-8"


def describe_bad_bytes(content: bytes, name: str, problem: str) -> str:
    """The message for a document that is not UTF-8, with the first line that is not. `problem` follows its name."""
    begin, number, is_ascii = 0, 1, True
    while True:
        line = content[begin : content.find(b"\n", begin) + 1 or None]
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return describe_bad_byte(name, number, begin + error.start, error, not is_ascii, problem)
        is_ascii = is_ascii and line.removeprefix(codecs.BOM_UTF8).isascii()
        begin, number = begin + len(line), number + 1


def describe_encoding(name: str, encoding: str, declared: str | None) -> str:
    """A note where a document is in another encoding than one expects."""
    if declared and not is_encoding(declared):
        return f"{name} declares the encoding {declared}, which is not known: it is read, and written, as {encoding}"
    if declared and encoding != declared:
        return f"{name} declares that it is {declared}, but is not: it is read, and written, as {encoding}"
    if not declared and encoding != "UTF-8":
        return f"{name} is not UTF-8: it is read, and written, as {encoding}"
    return ""


def is_encoding(name: str) -> bool:
    """Whether Python knows an encoding of text by this name."""
    try:
        return "".encode(name) is not None
    except LookupError:
        return False


def try_encoding(content: bytes, encoding: str) -> str | None:
    """The text of bytes, or None if they are not in the encoding, or the text does not give them back."""
    try:
        text = content.decode(encoding)
        return text if text.encode(encoding) == content else None
    except (UnicodeError, LookupError):
        return None
