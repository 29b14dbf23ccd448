"""Copies and changes every document in given folders, and counts what is lost, and tracebacks.

    python tools/trust/documents.py FOLDER… [--limit N] [--format html]

A document is read in its format by `nmt.documents`, and written twice: with its own segments, after which it must have
the same bytes, and with its words in capitals and in the opposite order, after which it must have the same markup
around its text. XLIFF and PO are read without the translations that they have. They must have the same bytes but for
the translations that they get, and those must have the tags and placeholders of their sources. Files that are refused
with a message are counted by their messages.
"""

import argparse
import random
import re
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polib

from nmt.documents.alignment import Alignment
from nmt.documents.document import Document, Languages, Unit
from nmt.documents.formats import find_format, read_document
from nmt.documents.html import HtmlDocument
from nmt.documents.html_events import Scanner
from nmt.documents.joining import restore_blanks
from nmt.documents.markdown import MarkdownDocument, read_events
from nmt.documents.placeholders import PLACEHOLDER
from nmt.documents.po import PoDocument
from nmt.documents.projection import project_tags
from nmt.documents.segment import Segment
from nmt.documents.subtitles import TAG, SubtitleDocument
from nmt.documents.xliff import XliffDocument
from nmt.documents.xml import XmlDocument
from nmt.errors import NmtError

LANGUAGES = Languages("en", "en")
OWN_LANGUAGES = re.compile(
    rb"""\b(source-language|srcLang|target-language|trgLang)\s*=\s*["']([\w-]+)|"(Language): *(\w+)"""
)
XLIFF_TARGET = re.compile(rb"(?s)<target(?:\s[^>]*)?(?:/>|>.*?</target>)\s*")
PO_STRING = re.compile(rb'(?m)^(msgstr(?:\[\d+\])?) ".*"(?:\r?\n".*")*')
MARKUP = re.compile(r"<[^<>]*>")
NUMBERS = re.compile(r"[\d,]+")


def find_documents(folders: list[Path], form: str | None, limit: int) -> list[Path]:
    """The documents in the folders, or `limit` of them at random."""
    found = [
        path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file() and is_wanted(path, form)
    ]
    return found if len(found) <= limit else random.Random(1).sample(found, limit)


def is_wanted(path: Path, form: str | None) -> bool:
    """Whether a file has the suffix of a format, or of the given one."""
    found = find_format(path)
    return found is not None and found == (form or found)


def reverse(unit: Unit) -> Segment:
    """The segment of a unit with its words in capitals and in the opposite order."""
    segment = unit.segment
    words = list(re.finditer(r"\S+", segment.text))
    target = " ".join(word[0].upper() for word in reversed(words))
    spans = [match.span() for match in re.finditer(r"\S+", target)]
    alignment = Alignment([word.span() for word in words], spans, np.eye(len(words))[::-1])
    return restore_blanks(unit, project_tags(segment, target, alignment, unit.dividers).segment)


def find_languages(content: bytes) -> Languages:
    """The languages that a file of translators declares; English where it does not."""
    found = {name or other: language or own for name, language, other, own in OWN_LANGUAGES.findall(content)}
    source = found.get(b"source-language") or found.get(b"srcLang") or b"en"
    target = found.get(b"target-language") or found.get(b"trgLang") or found.get(b"Language") or b"en"
    return Languages(source.decode(), target.decode())


def remove_translations(content: bytes, form: str) -> bytes:
    """XLIFF or PO without its translations. The header of PO stays."""
    if form == "xliff":
        return XLIFF_TARGET.sub(b"", content)
    begin = content.find(b"\n\n") + 1
    return content[:begin] + PO_STRING.sub(rb'\1 ""', content[begin:])


def check_filled(path: Path, folder: Path, form: str) -> Iterator[str]:
    """What is wrong with a file of translators after it got translations."""
    content = path.read_bytes()
    empty = folder / f"empty{path.suffix}"
    empty.write_bytes(remove_translations(content, form))
    try:
        document = read_document(empty, find_languages(content))
    except NmtError as error:
        yield "refused: " + NUMBERS.sub("N", str(error).replace(str(empty), "FILE").splitlines()[0])
        return
    assert isinstance(document, XliffDocument | PoDocument)
    written = document.write([reverse(unit) for unit in document.units])
    changed = folder / f"changed{path.suffix}"
    changed.write_bytes(written)
    again = read_document(changed, find_languages(content))
    if again.units:
        yield "units are left"
    without = remove_translations(written, form)
    if form == "xliff":
        if re.sub(rb"\s", b"", without) != re.sub(rb"\s", b"", empty.read_bytes()):
            yield "bytes differ beside translations"
        targets = re.findall(r"(?s)<target[^>]*>(.*?)</target>", written.decode(document.decoded.encoding))
        sources = [document.decoded.text[one.inline.begin : one.inline.end] for one in document.slots]
        pairs = list(zip(sources, targets, strict=True))
    else:
        kept = [line for line in without.splitlines() if line != b"#, fuzzy"]
        if [line.replace(b"#, fuzzy, ", b"#, ") for line in kept] != [
            line for line in empty.read_bytes().splitlines() if line != b"#, fuzzy"
        ]:
            yield "bytes differ beside translations"
        entries = [entry for entry in polib.pofile(str(changed)) if not entry.obsolete and not entry.msgid_plural]
        pairs = [(entry.msgid, entry.msgstr) for entry in entries if entry.msgstr]
    for source, target in pairs:
        if any(Counter(found.findall(source)) != Counter(found.findall(target)) for found in (MARKUP, PLACEHOLDER)):
            yield f"tags differ: {source!r}: {target!r}"


def describe_markup(document: Document) -> object:
    """What a document has around its text, for comparison with that of another one."""
    if isinstance(document, HtmlDocument):
        found = Counter[tuple[str, str]]()
        Scanner(document.decoded.text, lambda event, _: found.update([(event.kind, event.name)]))
        del found["text", ""]
        return found
    if isinstance(document, XmlDocument):
        return Counter(
            (event.kind, event.name, *event.attributes) for event in document.events if event.kind == "start"
        )
    if isinstance(document, SubtitleDocument):
        cues = list(document.find_cues(""))
        tags = Counter(tag for cue in cues for tag in TAG.findall(document.decoded.text[cue.begin : cue.end]))
        return [(cue.start, cue.stop) for cue in cues], tags
    if isinstance(document, MarkdownDocument):
        events = read_events(document.decoded.text)
        return Counter((event.kind, event.name) for event in events if event.kind not in ("Text", "SoftBreak"))
    return None


def check_document(path: Path, folder: Path) -> Iterator[str]:
    """What is wrong with a document: nothing, or some of "bytes", "markup" and the message that refuses it."""
    form = find_format(path)
    if form in ("xliff", "po"):
        yield from check_filled(path, folder, form)
        return
    try:
        document = read_document(path, LANGUAGES)
    except NmtError as error:
        yield "refused: " + NUMBERS.sub("N", str(error).replace(str(path), "FILE").splitlines()[0])
        return
    if document.write([unit.segment for unit in document.units]) != path.read_bytes():
        yield "bytes differ in a copy"
    changed = folder / f"changed{path.suffix}"
    changed.write_bytes(document.write([reverse(unit) for unit in document.units]))
    again = read_document(changed, LANGUAGES)
    if describe_markup(document) != describe_markup(again):
        yield "markup differs after a change"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--format", dest="form")
    parser.add_argument("--work", type=Path, default=Path("/tmp"))
    given = parser.parse_args()
    found: Counter[str] = Counter()
    documents = find_documents(given.folders, given.form, given.limit)
    for path in documents:
        began = time.process_time()
        try:
            problems = list(check_document(path, given.work))
        except Exception:
            problems = ["traceback"]
            traceback.print_exc()
        for problem in problems:
            print(f"{path}: {problem}")
            found[problem] += 1
        if (seconds := time.process_time() - began) > 5:
            print(f"{path}: {seconds:.0f} s")
    print(f"{len(documents):,} documents: {dict(found) or 'all as they should be'}")


if __name__ == "__main__":
    main()
