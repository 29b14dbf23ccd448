"""What HTML and XML share: references such as &amp;, and texts in the markup around other texts, as in attributes."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from html import unescape
from operator import itemgetter
from typing import NamedTuple

from nmt.documents.document import InlineUnit, Lines, Splice, Splices, Token
from nmt.documents.encoding import DecodedText
from nmt.documents.inline_units import build_inline_unit
from nmt.documents.placeholders import KEPT, keep_parts
from nmt.documents.segment import Segment
from nmt.text.units import Span

REFERENCE = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);?")


class InnerText(NamedTuple):
    """A text that may be in the markup of another one: of an attribute, with the character before its value."""

    text: InlineUnit
    quote: str = ""


def read_attribute(original: str, span: Span, lines: Lines, pattern: re.Pattern[str] = KEPT) -> Iterator[InnerText]:
    """The text of an attribute's value, if it has one. What `pattern` matches in it stays as it is."""
    tokens = keep_parts(list(split_references(original, *span)), original, pattern)
    if unit := build_inline_unit(tokens, lines):
        yield InnerText(unit, original[span[0] - 1])


def split_references(original: str, begin: int, end: int) -> Iterator[Token]:
    """The text of a part of a document; each reference is a token."""
    for match in REFERENCE.finditer(original, begin, end):
        if begin < match.start():
            yield Token("text", begin, match.start(), original[begin : match.start()])
        yield Token("text", *match.span(), unescape(match[0]))
        begin = match.end()
    if begin < end:
        yield Token("text", begin, end, original[begin:end])


def write_markup(decoded: DecodedText, splices: Splices) -> bytes:
    """A document with these replacements. Characters that its encoding does not have become references."""
    return decoded.encode(splices.apply(decoded.text), "xmlcharrefreplace")


def replace_markup(
    original: str,
    inner: Sequence[InnerText],
    texts: Sequence[InlineUnit],
    translations: Iterable[Segment],
    others: Iterable[Splice] = (),
    choose_escape: Callable[[InlineUnit], Callable[[str, str], str]] = lambda _: escape,
) -> Splices:
    """The translations of inner texts, then of texts, where they differ from their segments.

    A text in a tag of another one comes before it. `others` are other replacements in the markup. `choose_escape` is
    what writes the translation of a text; see InlineUnit.render. An iterator keeps the translations after these.
    """
    segments = iter(translations)
    changed = [
        (one._replace(text=one.text.cover(found)), found)
        for one, found in zip(inner, segments, strict=False)
        if found != one.text.unit.segment
    ]
    splices = Splices(nest_texts(original, changed, others))
    outer: list[Splice] = []  # by their places
    for one, found in zip(texts, segments, strict=False):
        if found != one.unit.segment:
            covered = one.cover(found)
            first, last = (bisect_left(outer, (place,)) for place in (covered.begin, covered.end))
            inside = outer[first:last]
            own = Splices(splices.find(covered.begin, covered.end)).join(inside) if inside else splices
            outer[first:last] = [one.render(found, original, choose_escape(one), own)]
    return splices.join(outer)


def nest_texts(
    original: str, translated: Sequence[tuple[InnerText, Segment]], others: Iterable[Splice]
) -> Sequence[Splice]:
    """Inner texts with their translations, in which are other replacements, and other inner texts.

    Such are the attributes of a tag in the text of a drawing.
    """
    places: list[tuple[int, int, int | Splice]] = [
        *((one.text.end, -one.text.begin, number) for number, (one, _) in enumerate(translated)),
        *((one.end, -one.begin, one) for one in others),
    ]
    done: list[Splice] = []
    for _, begin, piece in sorted(places, key=itemgetter(0, 1)):  # what is inside comes first
        if isinstance(piece, int):
            inside = []
            while done and done[-1].begin >= -begin:
                inside.append(done.pop())
            one, found = translated[piece]
            piece = one.text.render(found, original, partial(escape, quote=one.quote), Splices(inside))
        done.append(piece)
    return done


def escape(text: str, original: str, quote: str = "") -> str:
    """A text as HTML; with `quote`, the character before it, as the value of an attribute.

    Characters that the original has as references, such as &nbsp; or &quot;, are written in the same way.
    """
    references = dict.fromkeys(reversed(REFERENCE.findall(original)))  # of those for one character the last is written
    return text.translate(build_escapes(tuple(references), ">" in original, quote))


@lru_cache
def build_escapes(references: tuple[str, ...], has_bracket: bool, quote: str) -> dict[int, str | int | None]:
    """How characters are written in a text whose original has these references, and perhaps ">" as it is."""
    written: dict[str, str | int | None] = {}
    for reference in references:
        if len(character := unescape(reference)) == 1 and not character.isalnum():
            written.setdefault(character, reference)
    written |= {"&": "&amp;", "<": "&lt;", ">": written.get(">", ">" if has_bracket else "&gt;")}
    if quote in ("'", '"'):
        written[quote] = {"'": "&#39;", '"': "&quot;"}[quote]
    elif quote:  # a value without quotation marks ends at these
        written |= {one: f"&#{ord(one)};" for one in " \t\n\r\f\"'=`>"}
    return str.maketrans(written)
