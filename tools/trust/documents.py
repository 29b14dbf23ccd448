"""Copies and changes every document in given folders, and counts what is lost, and tracebacks.

    python tools/trust/documents.py FOLDER… [--limit N] [--format html]

A document is read in its format by `nmt.documents`, and written twice: with its own segments, after which it must have
the same bytes, but for the translations that XLIFF and PO get; and with its words in capitals and in the opposite
order, after which it must have the same markup around its text. Files that are refused with a message are counted by
their messages.
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

from nmt.documents.alignment import Alignment
from nmt.documents.document import Document, Languages, Lines, Unit
from nmt.documents.formats import find_format, read_document
from nmt.documents.html import Finder, HtmlDocument
from nmt.documents.markdown import MarkdownDocument, read_events
from nmt.documents.projection import project_tags
from nmt.documents.segment import Segment
from nmt.documents.subtitles import TAG, SubtitleDocument
from nmt.documents.xml import XmlDocument
from nmt.errors import NmtError

LANGUAGES = Languages("en", "en")
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
    return project_tags(segment, target, alignment, unit.dividers).segment


def describe_markup(document: Document) -> object:
    """What a document has around its text, for comparison with that of another one."""
    if isinstance(document, HtmlDocument):
        page = document.decoded.text
        events = Finder(page, Lines(page)).events
        return Counter((event.kind, event.name) for event in events if event.kind != "text")
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
    try:
        document = read_document(path, LANGUAGES)
    except NmtError as error:
        yield "refused: " + NUMBERS.sub("N", str(error).replace(str(path), "FILE").splitlines()[0])
        return
    is_filled = form in ("xliff", "po")
    if not is_filled and document.write([unit.segment for unit in document.units]) != path.read_bytes():
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
