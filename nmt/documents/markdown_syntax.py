"""Syntax of programs that extend Markdown, such as MyST, Docusaurus, MkDocs, Pandoc, Jekyll and Hugo.

CommonMark reads it as text; here it is found in what is text to the parser.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from nmt.documents.document import Token
from nmt.documents.markdown_attributes import ATTRIBUTES, attach_attributes
from nmt.documents.placeholders import KEPT, keep_parts, keep_spans

SYNTAX = "syntax"  # the name of a part of a run that is no text
LINES = "|".join(
    (
        r":{3,}[^\n]*(?:\n[ \t>]*:[\w-]+:[^\n]*)*",  # fenced parts, with their options
        r"(?:!!!|\?\?\?\+?)[ \t]+\w[^\n]*",  # admonitions of MkDocs
        r"===[ \t]+\"[^\n]*",  # and its tabs
        r"import[ \t][^\n]*[\"'][^\"'\n]+[\"'];?",  # of MDX
        r"\[\[?_?[tT][oO][cC]_?\]?\]",  # where the table of contents stands
        rf"(?:(?>{KEPT.pattern}|{ATTRIBUTES.pattern})[ \t]*+)++",  # URLs and templates alone, and attributes of blocks
    )
)
BLOCK_SYNTAX = re.compile(
    rf"(?m)^[ \t>]*(?:(?:[-+*]|\d{{1,9}}[.)])[ \t]+)*"
    rf"((?:{LINES})(?=[ \t\r]*$)|:[ \t]+|\[![\w-]+\][-+]?(?=\s))"  # or the mark of a definition, or the kind of a quote
)
INLINE_SYNTAX = re.compile(
    "|".join(
        (
            KEPT.pattern,
            r"(?:\{[a-zA-Z][\w:.+-]*\}|:[a-zA-Z][\w:.+-]*:)`[^`]*`",  # roles, with their text
            r"(?<![\w:]):[a-zA-Z][\w+-]*:(?![\w:])",  # emoji by their names
            ATTRIBUTES.pattern,
            r"\{/\*[^\n]*?\*/\}",  # comments of MDX
            r"\[\^[^\]\s]+\]",  # footnotes that are nowhere
        )
    )
)
DIRECTIVE = re.compile(r"(?m)^[ \t>]*:::")  # would be read as a definition


def split_at_syntax(run: Sequence[Token], text: str) -> Iterator[list[Token]]:
    """The parts of a run between lines that are syntax. Syntax inside lines is an unpaired tag."""
    begin, end = (run[0].begin, run[-1].end) if run else (0, 0)
    found = BLOCK_SYNTAX.finditer(text, text.rfind("\n", 0, begin) + 1, end)
    tokens = keep_spans(run, text, [match.span(1) for match in found], SYNTAX)
    for is_syntax, part in groupby(tokens, key=lambda token: token.name == SYNTAX):
        if not is_syntax:
            yield keep_parts(attach_attributes(list(part), text), text, INLINE_SYNTAX)
