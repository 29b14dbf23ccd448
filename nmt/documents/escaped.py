"""Tags in the text of a document of another kind: `&lt;b&gt;` in XLIFF or XML, or `<b>` in a CDATA section."""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from itertools import groupby

from nmt.documents.document import Kind, Token
from nmt.documents.placeholders import is_plain

LESS, MORE, QUOTE = "(?:<|&lt;|&#60;)", "(?:>|&gt;|&#62;)", "(?:\"|'|&quot;|&apos;|&#34;|&#39;)"
TAG = re.compile(
    rf"{LESS}(?P<close>/?)(?P<name>\w[\w:.-]*)"
    rf"(?:\s+[\w:.@-]+\s*=\s*{QUOTE}(?:(?!{QUOTE}|{LESS}|{MORE}).)*+{QUOTE})*+\s*(?P<empty>/?){MORE}",
    re.DOTALL,
)


def find_escaped_tags(tokens: Sequence[Token], original: str) -> list[Token]:
    """The tokens with a tag in place of each one that is written in text. Those of one name are pairs."""
    found: list[Token] = []
    for is_text, group in groupby(tokens, key=lambda token: token.kind == "text"):
        run = list(group)
        if not is_text:
            found += run
            continue
        begin = run[0].begin
        for match in TAG.finditer(original, begin, run[-1].end):
            found += cut_tokens(run, begin, match.start())
            found.append(make_escaped_tag(match))
            begin = match.end()
        found += cut_tokens(run, begin, run[-1].end)
    return found


def make_escaped_tag(match: re.Match[str]) -> Token:
    """The tag that is written in text: unpaired if it is empty, or has no partner."""
    name = match["name"]
    kind: Kind = "single" if match["empty"] else "close" if match["close"] else "open"
    is_break = name.lower() == "br"
    return Token(kind, *match.span(), f"<{name}>", f"escaped {name}", is_break, original=unescape(match[0]))


def cut_tokens(run: Sequence[Token], begin: int, end: int) -> Iterator[Token]:
    """What tokens of text have between two places, which are not inside references such as &amp;."""
    for token in run:
        first, last = max(begin, token.begin), min(end, token.end)
        if first < last:
            cut = token.text[first - token.begin : last - token.begin] if is_plain(token) else token.text
            yield token._replace(begin=first, end=last, text=cut)
