"""The markup of reStructuredText in messages of PO, as Sphinx extracts them, and code in the backticks of Markdown."""

import re
from collections.abc import Iterator

from nmt.documents.document import Token

ROLE = r":[A-Za-z][\w+.-]*(?::[\w+.-]+)*:"
MARKUP = re.compile(
    rf"""
    (?<![\w`])(?P<literal>`{{2,}})(?![`\s])(?:(?!'').)+?(?<![`\s])(?P=literal)(?![`\w])
    | (?<!\w)(?P<open>(?:{ROLE})?`)(?![\s`])(?P<text>[^`<>\n]+?)(?P<close>\s*<[^`<>\n]+>`(?:__?(?!\w))?)(?!`)  # a link
    | (?<![\w:])(?:{ROLE})`(?!`)[^`\n]+`(?![\w`])
    | (?<![\w`])`(?![\s`])
      (?![^\W\d_a-z][\w,.!?]*(?:\s[\w,.!?]+)+`(?![\w`:]))(?![^`'\n]*'(?!\w))  # but not `Save as`, or `quoted'
      [^`\n]*[^`\s]`(?:__?|{ROLE})?(?![\w`])
    | (?<![\w|])\|[^\s|]+\|(?:__?)?(?![\w|])  # a substitution
    | \[(?:\d+|\#[\w-]*|\*|[A-Za-z][\w.-]*)\]_(?!\w)  # a footnote or a citation
    | (?<![^\s("'])[A-Za-z](?:[\w.-]*[^\W_])?__?(?![\w`/.:-]\w)(?!\w)  # a name that links to what it is
    """,
    re.VERBOSE,
)
FILLER = "x"  # in the place of a tag, for those who look for others


def find_markup(text: str) -> Iterator[Token]:
    """The tags of a message: unpaired ones, and pairs around the texts of links that tell their targets."""
    for match in MARKUP.finditer(text):
        if match["open"]:
            name = f"link {match.start()}"
            yield Token("open", *match.span("open"), "link", name)
            yield Token("close", *match.span("close"), "link", name)
        else:
            yield Token("single", *match.span(), match[0])


def hide_markup(text: str, tags: list[Token]) -> str:
    """The text with something else of the same length in the place of tags."""
    parts: list[str] = []
    done = 0
    for tag in tags:
        parts += [text[done : tag.begin], FILLER * (tag.end - tag.begin)]
        done = tag.end
    return "".join([*parts, text[done:]])
