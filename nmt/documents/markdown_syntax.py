"""Syntax of programs that extend Markdown, such as MyST, Docusaurus, MkDocs, Pandoc, Jekyll and Hugo.

CommonMark reads it as text; here it is found in what is text to the parser.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from nmt.documents.document import Token
from nmt.documents.markdown_attributes import ATTRIBUTES, attach_attributes
from nmt.documents.markdown_jsx import FRAGMENT
from nmt.documents.markdown_modules import IMPORT
from nmt.documents.placeholders import KEPT, keep_parts, keep_spans
from nmt.text.units import Span

SYNTAX = "syntax"  # the name of a part of a run that is no text
CITED = r"@[A-Za-z_](?>\w+|[:.#$%&+?<>~/@-]++(?=\w))*"  # what citations and mentions name
LOCATOR = r"[ ]\[(?:pp?\.|chap\.|sec\.|fig\.|vol\.|§|\d)[^\[\]\n]{0,100}\](?![(\[])"
ARGUMENT = r"(?:\[[^\[\]\n]{0,200}\]|\{[^{}\n]{0,200}\})"
COMMAND = rf"\\[A-Za-z]{{2,}}\*?{ARGUMENT}*"  # of LaTeX
EMBEDDED = "|".join(
    (
        r"@\[[\w-][^\]\n]{0,200}\]\([^()\n]{0,1000}\)",  # videos and code, by plugins of markdown-it and VuePress
        r"!?\[\[[^\[\]\n]{1,1000}\]\](?!\()",  # notes and images of Obsidian
        r"\{![^{}\n]{1,1000}!\}",  # files of markdown-include
        r"(?<![\w%])%%[^%\n]{1,1000}%%(?![\w%])",  # and its comments
        rf"\[-?{CITED}[^\[\]\n]{{0,200}}\](?![(\[])",  # citations of Pandoc
        r"\[!\w[\w-]{0,50}[ \t]?\[[^\]\n]{0,200}\]\([^()\n]{0,1000}\)\]",  # and of DocFX
    )
)
LINES = "|".join(
    (
        r":{3,}[^\n]*(?:\n[ \t>]*:[\w-]+:[^\n]*)*",  # fenced parts, with their options
        r"(?:!!!|\?\?\?\+?)[ \t]+\w[^\n]*",  # admonitions of MkDocs
        r"===[ \t]+\"[^\n]*",  # and its tabs
        IMPORT,
        r"</?>",  # fragments of JSX
        r"%%[ \t]*\n(?:[^\n]+\n)*?[ \t>]*%%",  # comments of Obsidian
        r"\[\[?_?[tT][oO][cC]_?\]?\]",  # where the table of contents stands
        r";*-+8<-+[ \t]*\n(?:[^\n]+\n)*?[ \t>]*-+8<-+",  # names of files that are included, of PyMdown
        r";*-+8<-+(?:[ \t]+(?:\"[^\"\n]+\"|'[^'\n]+'|\[[^\]\n]+\]))?",
        r"<<<[ \t]*[@.~\w/][^\n]*",  # of VitePress
        r"@import[ \t]+[\"'][^\n]+",  # of Markdown Preview Enhanced
        rf"(?:(?:{EMBEDDED})[ \t]*)+",
        rf"(?:(?>{KEPT.pattern}|{ATTRIBUTES.pattern})[ \t]*+)++",  # URLs and templates alone, and attributes of blocks
    )
)
FENCE = r":{3,}[ \t]*(?:info|tip|warning|danger|details|caution|important|note)[ \t]+"  # what may have a title
TITLE = re.compile(  # of a line that is syntax
    r"(?:!!!|\?\?\?\+?|===)[^\"\n]*\"(?P<quoted>[^\"\\\n]+)\"(?=[ \t]*(?:inline(?:[ ]end)?)?[ \t\r]*$)"
    r"|:{3,}[ \t]*[\w-]+\[(?P<bracketed>[^\n]+)\](?:\{[^\n]*)?$"
    rf"|{FENCE}(?P<plain>\w[^{{}}\n]*)",
    re.MULTILINE,
)
ABBREVIATION = r"\*\[(?:\\.|[^\]\\\n])+\][ ]?:"  # what is before its text
BLOCK_SYNTAX = re.compile(
    rf"(?m)^[ \t>]*(?:(?:[-+*]|\d{{1,9}}[.)])[ \t]+)*"
    rf"((?:{LINES})(?=[ \t\r]*$)"
    rf"|:[ \t]+|\[![\w-]+\][-+]?(?=\s)|{ABBREVIATION}[ \t]*)"  # or the mark of a definition, or the kind of a quote
)
HTML_SYNTAX = re.compile(rf"{KEPT.pattern}|{FRAGMENT}")  # in HTML
INLINE_SYNTAX = re.compile(
    "|".join(
        (
            KEPT.pattern,
            EMBEDDED,
            r"(?:\{[a-zA-Z][\w:.+-]*\}|:[a-zA-Z][\w:.+-]*:)`[^`]*`",  # roles, with their text
            r"(?<![\w:]):[a-zA-Z][\w+-]*:(?![\w:])",  # emoji by their names
            ATTRIBUTES.pattern,
            FRAGMENT,
            r"(?<!\w)[A-Za-z]:(?:\\[\w.$-]+)++",  # a path of Windows
            rf"(?<![\\\w]){COMMAND}",
            rf"(?<![\w.+/@])-?{CITED}(?:{LOCATOR})?",
            r"(?<=\s)\^[A-Za-z0-9-]+(?=[ \t]*(?:\r?\n|\Z))",  # names of blocks, of Obsidian
            r"\[\^[^\]\s]+\]",  # footnotes that are nowhere
        )
    )
)
OWN_LINE = re.compile(rf"[ \t>]*(?:{ABBREVIATION}|{FENCE}\w)")
DEFINITION = re.compile(r"\n[ \t>]*:[ \t]")
DIRECTIVE = re.compile(r"(?m)^[ \t>]*:::")  # would be read as a definition


def find_terms(text: str, begin: int, end: int) -> int:
    """Where the terms end with which a paragraph begins, each on a line, if definitions follow; or else `begin`."""
    found = DEFINITION.search(text, begin, end)
    return found.start() if found else begin


def is_own_line(text: str, place: int) -> bool:
    """Whether the line that ends at a place explains an abbreviation, `*[HTML]: Hypertext Markup Language`, or is a
    title, `::: tip A title`."""
    return OWN_LINE.match(text, text.rfind("\n", 0, place) + 1, place) is not None


def split_at_title(text: str, begin: int, end: int) -> list[Span]:
    """The parts of syntax before and after the title that people read in it."""
    if (match := TITLE.match(text, begin, end)) is None:
        return [(begin, end)]
    first, last = match.span(match.lastgroup or 0)
    return [(begin, first), *([(last, end)] if last < end else [])]


def split_at_syntax(run: Sequence[Token], text: str) -> Iterator[list[Token]]:
    """The parts of a run between lines that are syntax. Syntax inside lines is an unpaired tag."""
    begin, end = (run[0].begin, run[-1].end) if run else (0, 0)
    found = BLOCK_SYNTAX.finditer(text, text.rfind("\n", 0, begin) + 1, end)
    spans = [span for match in found for span in split_at_title(text, *match.span(1))]
    tokens = keep_spans(run, text, spans, SYNTAX)
    for is_syntax, part in groupby(tokens, key=lambda token: token.name == SYNTAX):
        if not is_syntax:
            yield keep_parts(attach_attributes(list(part), text), text, INLINE_SYNTAX)
