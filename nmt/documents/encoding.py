"""Bytes of a document as text, and back."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from nmt.errors import DataError
from nmt.text.encodings import ENCODING_OF_MARK

MARKS = {codecs.BOM_UTF8: "UTF-8", **ENCODING_OF_MARK}


@dataclass(frozen=True)
class DecodedText:
    """The text of a document, and what is needed to write it in the same encoding. `note` is what was repaired."""

    text: str
    encoding: str
    mark: bytes = b""
    note: str = ""

    def encode(self, text: str, errors: str = "strict") -> bytes:
        """A text in the document's encoding. `errors` is what str.encode does with characters that it does not have."""
        return self.mark + text.encode(self.encoding, errors)


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
    named = f"is neither {declared}, as it declares, nor UTF-8" if declared else "is not UTF-8"
    if declared and not is_encoding(declared):
        named = f"declares the encoding {declared}, which is not known, and is not UTF-8"
    raise DataError(f"{name} {named}, so it cannot be read\n  Convert it first: iconv -f ENCODING -t UTF-8")


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
