"""Labels: how reports name the tags of a segment, and what of a tag readers see.

The label of an element that stays as it is has its text, `<code>npm start</code>`. Other labels of markup have none:
`<b>`, `image`. A placeholder is its own label: `%s`.
"""

import re
from collections.abc import Sequence
from html import unescape

from nmt.documents.segment import Segment

LINE_END = "line end"  # the label of one that is a tag
BREAK = re.compile(r"<?(?:br|line end|next cue)\b")  # separates words
LONGEST = 40  # characters of the text of an element in its short label
PLAIN_NAME = re.compile(r"[A-Za-z ]+")  # of a tag that its format describes: "image", "next cue"
CODE_SPAN = re.compile(r"(`+) ?(.+?) ?\1")  # of Markdown
WITH_TEXT = re.compile(r"(<([^\s<>]+)>)(.+)(</\2>)", re.DOTALL)


def label_element(name: str, markup: str) -> str:
    """The label of an element that stays as it is, with its text: `<code>npm start</code>`."""
    text = " ".join(unescape(re.sub("<[^>]*>", " ", markup)).split())
    return f"<{name}>{text}</{name}>" if text else f"<{name}>"


def shorten_label(label: str) -> str:
    """A label with the beginning of its text."""
    found = WITH_TEXT.fullmatch(label)
    return f"{found[1]}{found[3][:LONGEST]}…{found[4]}" if found and len(found[3]) > LONGEST else label


def is_break(label: str) -> bool:
    """Whether a tag separates words, so that there is no blank beside it."""
    return BREAK.match(label) is not None


def read_label(label: str) -> str:
    """The words that readers see in place of an unpaired tag: those of an element, or a placeholder itself."""
    if found := WITH_TEXT.fullmatch(label):
        return found[3] if any(map(str.isalpha, found[3])) else ""  # not the mark of a footnote
    if found := CODE_SPAN.fullmatch(label):
        return found[2]
    return "" if label.startswith("<") or PLAIN_NAME.fullmatch(label) else label


def show_text(segment: Segment, labels: Sequence[str]) -> str:
    """The text of a segment with the words that readers see in place of its tags, whose labels these are."""
    parts = (
        part if isinstance(part, str) else read_label(labels[part.tag]) if part.side == "single" else ""
        for part in segment.split()
    )
    return "".join(parts)
