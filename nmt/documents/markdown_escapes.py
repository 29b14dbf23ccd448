"""How translations are written as Markdown, so that what is text stays text and what is markup stays markup."""

import re
from collections.abc import Sequence
from html import unescape

from nmt.documents.markup import REFERENCE
from nmt.documents.segment import Mark

SPECIAL = "\\`*_[]<~|"  # what may be markup anywhere
PUNCTUATION = r"[!-/:-@\[-`{-~]"
ESCAPED = re.compile(rf"\\({PUNCTUATION})")
OF_SENTENCES = frozenset("\"'(),-./;?+=^:%@")  # punctuation that is no markup inside a line by itself
BACKSLASH = re.compile(rf"\\(?={PUNCTUATION}|\Z)")  # which would escape what follows
MARKER = re.compile(r"(?:#{1,6}|[-+>=]|\d+[.)])(?=\s|$)")  # what is markup where a block begins
UNDERSCORES = re.compile(r"_+(?=\{|\Z)")  # perhaps with attributes after them


def escape(text: str, original: str, begins_block: bool) -> str:
    """A text as Markdown. What may be markup is escaped, unless the original has it, too, and never escapes it."""
    escaped, plain = set(ESCAPED.findall(original)), set(ESCAPED.sub("", original))
    special = (set(SPECIAL) - plain) | (escaped - OF_SENTENCES)
    written: dict[str, str | int | None] = {character: f"\\{character}" for character in special}
    if "\\" not in special:
        text = BACKSLASH.sub(r"\\\\", text)
    for reference in REFERENCE.findall(original):
        if len(character := unescape(reference)) == 1 and not character.isalnum():
            written[character] = reference
    marker = MARKER.match(text) if begins_block else None
    head = ""
    if marker:
        head, text = f"{marker[0][:-1]}\\{marker[0][-1]}", text[marker.end() :]
    return head + text.translate(str.maketrans(written))


def escape_inner(text: str, original: str, quote: str) -> str:
    """The description of an image, or a title after the character `quote`, as Markdown."""
    quotes = {'"': '"', "'": "'", "(": "()"}.get(quote, "")
    return escape(text, original, False).translate({ord(one): f"\\{one}" for one in quotes})


def replace_underscores(markup: str, parts: Sequence[str | Mark], mark: Mark) -> str:
    """The markup of a mark with asterisks in place of underscores where these are none, see is_inside_word."""
    underscores = UNDERSCORES.match(markup)
    if underscores is None or not is_inside_word(parts, mark):
        return markup
    return "*" * underscores.end() + markup[underscores.end() :]


def is_inside_word(parts: Sequence[str | Mark], mark: Mark) -> bool:
    """Whether a pair begins after a letter or ends before one, where underscores are no markup."""
    text, inside = "", False
    for part in parts:
        if isinstance(part, str):
            if inside and part[0].isalnum():
                return True
            text, inside = part, False
        elif part.tag == mark.tag:
            if part.side == "open" and text[-1:].isalnum():
                return True
            inside = part.side == "close"
    return False
