"""Formulas, variables and units with raised or lowered parts, such as H<sub>2</sub>O and m<sup>2</sup>."""

import re
from collections.abc import Iterator, Sequence
from html import unescape

from nmt.documents.document import Token
from nmt.documents.labels import label_element
from nmt.text.units import Span

LOWERED, RAISED, END, OTHER = "\ue000\ue001\ue002\ufffc"  # in the places of tags
ELEMENTS = {"<sub>": LOWERED, "<subscript>": LOWERED, "<sup>": RAISED, "<superscript>": RAISED}  # by their labels
SYMBOL = r"[A-Z][a-z]?|\d"  # of chemistry
LOW = rf"{LOWERED}(?![^\W\d_]{{2}})[^\s{LOWERED}{RAISED}{END}{OTHER}]{{1,6}}{END}"
LOW_WORD = rf"{LOWERED}[^\W\d_]{{2,6}}{END}"  # such as max, which is only a variable's
HIGH = rf"{RAISED}(?:\d{{1,3}}[+\-−–]?|[+\-−–]\d{{0,3}}){END}"  # an exponent or a charge
HAS_EXPONENT = r"(?![aI])[^\W\d_]|[kcdmnµμh]?m|ft|in|yd|mi|min|kg|mol|mc|10|2"  # a variable, a unit or a number
GROUP = rf"[(\[](?:{SYMBOL}|{LOW}){{1,20}}+[)\]]"
FORMULA = re.compile(
    rf"(?<!\w)(?:(?:(?:{SYMBOL}|{GROUP}){{1,20}}+|[^\W\d_]){LOW}|(?![AI])[^\W\d_]{LOW_WORD}|(?:{HAS_EXPONENT}){HIGH})"
    rf"(?:{SYMBOL}|{GROUP}|{LOW}|{HIGH}){{0,60}}+(?!\w)"
)
TAG = re.compile("<[^<>]*>")


def find_formulas(tokens: Sequence[Token]) -> Iterator[Span]:
    """The (begin, end) of each formula in the document.

    A raised number behind a longer word, or behind a mark, is none: that is the mark of a footnote.
    """
    shown: list[str] = []
    begins: list[int] = []  # of each character of what is shown
    ends: list[int] = []
    for token in tokens if any(token.text in ELEMENTS for token in tokens) else ():
        mark = ELEMENTS.get(token.text, OTHER)
        text = {"text": token.text, "open": mark, "close": OTHER if mark == OTHER else END}.get(token.kind, OTHER)
        is_plain = token.end - token.begin == len(text)
        begins += range(token.begin, token.end) if is_plain else [token.begin] * len(text)
        ends += range(token.begin + 1, token.end + 1) if is_plain else [token.end] * len(text)
        shown.append(text)
    for match in FORMULA.finditer("".join(shown)):
        yield begins[match.start()], ends[match.end() - 1]


def label_formula(markup: str) -> str:
    """The label of a formula, which is what readers see of it: H2O. Letters alone would name a kind of tag."""
    text = TAG.sub("", unescape(markup))
    return label_element("sub", text) if text.isalpha() else text
