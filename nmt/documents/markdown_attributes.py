"""Attributes of Markdown that programs read: `[text](link){target="_blank"}`, `{: .wide}`, `[text]{.red}`.

Pandoc, kramdown, MyST, MkDocs and others have them directly after an element, or after text in brackets.
"""

import re
from collections.abc import Iterator, Sequence

from nmt.documents.document import Token
from nmt.documents.placeholders import is_plain, keep_spans
from nmt.text.units import Span

NAME = r"[\w:.@-]+"
PAIR = rf"{NAME}=(?:\"[^\"]{{0,1000}}\"|'[^']{{0,1000}}'|[^\s{{}}\"']*)"
LIST = rf":?\s*(?:{PAIR}|[#.]{NAME})(?:\s+(?:{PAIR}|[#.]?{NAME}))*+\s*"
TEMPLATE = r"(?<=\{)|\{#[^{}\n]*#\}"
ATTRIBUTES = re.compile(rf"(?!{TEMPLATE})\{{(?:{LIST}|:?[ ]?[#.:][^{{}}\n]*)\}}")
AFTER_ELEMENTS = re.compile(rf"{ATTRIBUTES.pattern}|(?<=[)\]`*_~])\{{(?:[ ]?{NAME}[ ]?|=\w+)\}}(?!`)")  # one word, too
BRACKET = re.compile(r"(?<!\\)[\[\]]")
ATTACHED, BRACKETED = "attributes", "span"  # the name of their tokens, and the label of an element in brackets


def attach_attributes(run: Sequence[Token], text: str) -> list[Token]:
    """The tokens of a run in which attributes belong to the tag before them.

    Text in brackets with attributes is an element, whose tags are the brackets.
    """
    if not run or text.find("{", run[0].begin, run[-1].end) < 0:
        return list(run)
    found = [match.span() for match in AFTER_ELEMENTS.finditer(text, run[0].begin, run[-1].end)]
    ends = dict(found)
    brackets = {first: last for first, last in find_brackets(run, text) if last + 1 in ends}
    closing = {last: ends.pop(last + 1) for last in brackets.values()}
    spans = sorted([*((first, first + 1) for first in brackets), *closing.items(), *ends.items()])
    attached: list[Token] = []
    for token in keep_spans(run, text, spans, ATTACHED):
        last = attached[-1] if attached else token
        if token.name != ATTACHED:
            attached.append(token)
        elif token.begin in brackets or token.begin in closing:
            attached.append(token._replace(kind="open" if token.begin in brackets else "close", text=BRACKETED))
        elif attached and text[last.end : token.begin] in ("", "[]") and last.kind != "text" and not last.is_break:
            attached[-1] = last._replace(end=token.end)
        else:
            attached.append(token)
    return attached


def find_brackets(run: Sequence[Token], text: str) -> Iterator[Span]:
    """The places of each bracket in text that opens, and of the one that closes it."""
    opened: list[int] = []
    for token in filter(is_plain, run):
        for match in BRACKET.finditer(text, token.begin, token.end):
            if match[0] == "[":
                opened.append(match.start())
            elif opened:
                yield opened.pop(), match.start()
