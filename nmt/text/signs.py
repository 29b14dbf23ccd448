"""Signs in a text that something went wrong before: wrong encodings, entities, subword marks, markup.

Each function returns an example of what it finds in a line. nmt.data.damage and nmt.analysis.metrics tell a person.
"""

import re
from html.entities import html5
from typing import NamedTuple

EXAMPLE_CHARACTERS = 40
BLANK = re.compile(r"\s")
ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|([A-Za-z][A-Za-z0-9]{1,30}));")
ELEMENT = re.compile(r"\s*(<([A-Za-z][\w:.-]*)(?: [^<>]*)?>[^<>]*</\2>)\s*")  # <seg id="1">The whole line.</seg>
ENCODINGS = "cp1252", "cp1251"  # that UTF-8 is taken for
BYTE_OF = {
    name: {chr(number): bytes([number]) for number in range(0xA0)}  # controls, which Latin-1 has
    | {bytes([number]).decode(name): bytes([number]) for number in range(256) if bytes([number]).decode(name, "ignore")}
    for name in ENCODINGS
}
# The bytes of UTF-8 after the first one of a character
NEXT_1252, NEXT_1251 = (
    "[" + "".join(one for one, byte in BYTE_OF[name].items() if b"\x80" <= byte < b"\xc0") + "]" for name in ENCODINGS
)
NEXT = re.compile(f"{NEXT_1252}|{NEXT_1251}".replace("]|[", ""))
# Letters such as ß and é are first bytes too, and in good text a quotation mark or a no-break space may follow them. So
# a text must have the first bytes of a common alphabet or of punctuation, or several characters in a row.
ENCODED_TWICE = {
    "cp1252": re.compile(
        rf"[Â-ÅÎ-Ó×-Û]{NEXT_1252}|â{NEXT_1252}{{2}}|(?:[àã-í]{NEXT_1252}{{2}}){{2}}|ð{NEXT_1252}{{3}}"
    ),
    "cp1251": re.compile(rf"(?:[РС]{NEXT_1251}){{3}}"),
}


def find_entity(text: str) -> str | None:
    """The first entity of HTML, such as &quot;, which pages and Moses leave in text."""
    found = ENTITY.finditer(text) if "&" in text else ()
    return next((match[0] for match in found if match[1] is None or f"{match[1]};" in html5), None)


def find_encoded_twice(text: str) -> str | None:
    """The first word that was encoded as UTF-8 twice, as fÃ¼r, of a text that can be decoded once more."""
    if text.isascii() or not NEXT.search(text):
        return None
    found = ((name, match) for name, pattern in ENCODED_TWICE.items() if (match := pattern.search(text)))
    return next((extract_word(text, match) for name, match in found if can_be_decoded(text, name)), None)


def can_be_decoded(text: str, encoding: str) -> bool:
    """Whether a text becomes UTF-8 when it is written with one byte for each character."""
    try:
        b"".join(BYTE_OF[encoding][character] for character in text).decode()
    except (KeyError, UnicodeDecodeError):
        return False
    return True


def find_undecoded(text: str) -> str | None:
    """The first word with U+FFFD."""
    return extract_word(text, match) if "\ufffd" in text and (match := re.search("\ufffd", text)) else None


def find_nul(text: str) -> str | None:
    """U+0000, if the text has it."""
    return "U+0000" if "\0" in text else None


def find_element(text: str) -> str | None:
    """The text if it is one element, as in the SGML of test sets."""
    return match[1] if "</" in text and (match := ELEMENT.fullmatch(text)) else None


def find_bars(text: str) -> str | None:
    """The text if it has three bars, which fast_align and others have between the sides of a pair."""
    return text if " ||| " in text else None


def extract_word(text: str, match: re.Match[str]) -> str:
    """The word in which a match is, or the part of a long one that is around it."""
    before = BLANK.split(text[max(0, match.start() - EXAMPLE_CHARACTERS // 2) : match.start()])
    after = BLANK.split(text[match.end() : match.end() + EXAMPLE_CHARACTERS // 2])
    return f"{before[-1]}{match[0]}{after[0]}"


class SubwordMark(NamedTuple):
    """How a program marks the subwords of a text."""

    mark: str
    pattern: re.Pattern[str]
    joining: str  # the command that joins them

    def find(self, text: str) -> str | None:
        """The first word that has the mark."""
        return extract_word(text, match) if self.mark in text and (match := self.pattern.search(text)) else None


SUBWORD_MARKS = (
    # subword-nmt: bi@@ cycle. Moses has one @ on either side of a hyphen, which is a word
    SubwordMark("@@", re.compile(r"\S@@(?= |$)"), "sed -E 's/@@( |$)//g'"),
    # SentencePiece: ▁bi cycle
    SubwordMark("▁", re.compile(r"(?:(?<= )|^)▁\w"), "sed 's/ //g; s/▁/ /g; s/^ //'"),
    # OpenNMT: bi￭ cycle ￭, or by itself bi ￭ cycle ￭ ,
    SubwordMark("￭", re.compile(r"\S￭|(?<=\S )￭(?=\S| [^\w\s])"), "sed -E 's/ ?￭ ?//g'"),
    # WordPiece: bi ##cycle
    SubwordMark("##", re.compile(r"(?<=\w )##[^\W\d_A-Z]+(?= |$)"), "sed 's/ ##//g'"),
)
