"""Placeholders of programs in text, which are tags to a translation: `%s`, `%(name)d`, `{name}`, `{{ name }}`, `$1`."""

import re
from collections.abc import Iterator

from nmt.documents.document import Token

LINE_END = "line end"  # the label of one that is a tag
PLACEHOLDER = re.compile(
    r"%[A-Za-z]\w+%(?![\w%])"  # of Symfony and Windows
    r"|%(?:\(\w+\)|\d+\$)?[-+#0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?[hlLqjzt]*[a-zA-Z@%]"  # of printf and Python
    r"|\{\{[^{}\n]*\}\}|\$?\{[^{}\s]*\}|\$\w+"  # of templates, Python and shells
)


def split_placeholders(token: Token, pattern: re.Pattern[str] = PLACEHOLDER) -> Iterator[Token]:
    """The text and the placeholders of a token of text. What `pattern` matches of blanks alone is a line end."""
    if token.end - token.begin != len(token.text):  # a reference such as &amp;
        yield token
        return
    done = 0
    for match in pattern.finditer(token.text):
        begin, end = (token.begin + place for place in match.span())
        if done < match.start():
            yield Token("text", token.begin + done, begin, token.text[done : match.start()])
        is_break = not match[0].strip()
        yield Token("single", begin, end, LINE_END if is_break else match[0], is_break=is_break)
        done = match.end()
    if done < len(token.text) or not token.text:
        yield Token("text", token.begin + done, token.end, token.text[done:])
