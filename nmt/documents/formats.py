"""The formats of documents by name and by the suffixes of files, and how files of them are read."""

import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from nmt.documents.document import Document, Languages
from nmt.documents.xml_rules import ALL_TEXT, XmlRules, choose_rules
from nmt.errors import DataError, Option, UsageError, describe_unreadable, did_you_mean


class Format(NamedTuple):
    """A format: the suffixes of its files, and the class of its documents."""

    suffixes: tuple[str, ...]
    module: str
    name: str


FORMATS = {
    "html": Format((".html", ".htm", ".xhtml"), "html", "HtmlDocument"),
    "markdown": Format((".md", ".markdown", ".mdx"), "markdown", "MarkdownDocument"),
    "xliff": Format((".xlf", ".xliff", ".sdlxliff", ".mqxliff"), "xliff", "XliffDocument"),
    "xml": Format((".xml", ".dita", ".ditamap", ".docbook", ".dbk"), "xml", "XmlDocument"),
    "po": Format((".po", ".pot"), "po", "PoDocument"),
    "srt": Format((".srt",), "subtitles", "SrtDocument"),
    "vtt": Format((".vtt",), "subtitles", "VttDocument"),
    "text": Format((".txt", ".text"), "plain", "TextDocument"),
}
STANDARD = Path("-")  # standard input or output
MAX_BYTES = 2**27  # of a document, which is read whole


def find_format(path: Path) -> str | None:
    """The name of the format that the suffix of a file stands for."""
    suffix = path.suffix.lower()
    return next((name for name, own in FORMATS.items() if suffix in own.suffixes), None)


def require_format(path: Path, name: str | None) -> str:
    """The format called `name`, or that of a file's suffix. Raises UsageError where there is none."""
    if name is not None and name not in FORMATS:
        raise UsageError(f'there is no format "{name}"{did_you_mean(name, FORMATS)}\n  They are {", ".join(FORMATS)}')
    found = name or find_format(path)
    if found is None and path == STANDARD:
        raise UsageError("standard input has no suffix that tells its format: name it with ", Option("form"))
    if found is None:
        suffixes = ", ".join(suffix for own in FORMATS.values() for suffix in own.suffixes)
        raise UsageError(
            f"{path}: its suffix is that of no known format\n  Known are {suffixes}; for another name the format with ",
            Option("form"),
        )
    return found


def read_document(
    path: Path, languages: Languages, name: str | None = None, xml_rules: XmlRules | None = None
) -> Document:
    """Read a document whole, in the format called `name` or that of its suffix. `xml_rules` are those of XML.

    The path "-" is standard input.

    Raises UsageError for an unknown format, DataError for a file that cannot be read, or is not in its format.
    """
    form = require_format(path, name)
    shown = name_document(path)
    try:
        with nullcontext(sys.stdin.buffer) if path == STANDARD else open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(describe_unreadable(path, error)) from error
    if len(content) > MAX_BYTES:
        raise DataError(f"{shown} has more than {MAX_BYTES:,} bytes, the most of a document\n  Split it")
    return parse_document(content, shown, languages, form, xml_rules)


def name_document(path: Path) -> str:
    """What messages call a document."""
    return "standard input" if path == STANDARD else str(path)


def parse_document(
    content: bytes, name: str, languages: Languages, form: str, xml_rules: XmlRules | None = None
) -> Document:
    """The document that bytes are, which messages call `name`. Raises DataError for bytes not in the format `form`.

    `xml_rules` extend those of the vocabulary of XML, such as DocBook, which the suffix of the name tells.
    """
    own = FORMATS[form]
    options = {"rules": xml_rules or ALL_TEXT, "vocabulary": choose_rules(name, content)} if form == "xml" else {}
    kind = getattr(import_module(f"nmt.documents.{own.module}"), own.name)
    document: Document = kind(content, name, languages, **options)
    return document
