"""Parts of text that are tags to a translation: placeholders of programs, templates, URLs and e-mail addresses."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from nmt.documents.document import Token
from nmt.documents.formulas import ELEMENTS, find_formulas, label_formula
from nmt.documents.inline_units import join_elements
from nmt.documents.labels import LINE_END
from nmt.progress import format_count
from nmt.text.terms import EMAIL, LATIN, TEMPLATE, URL, VARIABLE
from nmt.text.units import Span

SHORTCODE = r"\{\{[<%](?:[^{}]|\{(?!\{)){0,1000}?[>%]\}\}"  # of Hugo, which may have several lines
KEPT = re.compile(rf"{SHORTCODE}|{TEMPLATE}|{URL}|{EMAIL}")  # in documents of every format
AMOUNT = re.compile(r"[^\w()[\]{}（）［］【】〔〕*#†‡]*\d")  # not [1], (2) or *3, which are marks of footnotes
FORMULA = "formula"  # the name of a token that is one
IN_BRACES = r"(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*+\})*+\})*+\})*+"  # three levels deep, as in messages of ICU
MESSAGE = re.compile(r"\{\s*(\w+)\s*,\s*(plural|select|selectordinal|choice)\b")  # of ICU, with texts in it
PLACEHOLDER = re.compile(
    rf"{KEPT.pattern}"
    rf"|\{{\s*\w+\s*,\s*(?:plural|select|selectordinal|choice|number|date|time|spellout|ordinal|duration)\b{IN_BRACES}\}}"
    rf"|%[A-Za-z][{LATIN}]+%(?![{LATIN}%])"  # of Symfony and Windows
    rf"|(?<!\d)(?<!\d )%L?\d{{1,2}}(?![{LATIN}$]|\.\d)"  # of Qt
    r"|%<\w+>[-+#0]*\d*(?:\.\d+)?[a-zA-Z]"  # of Ruby
    r"|%(?:\(\w+\)|\d+\$)?[-+#0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?[hlLqjzt]*[a-zA-Z@%]"  # of printf and Python
    rf"|[$%#]?\{{[^{{}}\s]*\}}|{VARIABLE}"  # of templates, Python, Ruby and shells
    r"|(?<![\w@])@\+?(?:android:)?(?:array|attr|bool|color|dimen|drawable|id|integer|mipmap|plurals|string|style)/[\w.]*\w"
    r"|(?<!\w)[A-Za-z]:(?:\\[\w.$-]+)++\\?"  # a path of Windows, which has no escapes
    r"|[ \t]*(?:\\r)?\\n[ \t]*|\\[rt]"  # escapes
)
LINES = re.compile(rf"{PLACEHOLDER.pattern}|[ \t]*\r?\n\s*|[ ]*\t[ \t]*")  # the same, line ends and tabs


def split_placeholders(token: Token, pattern: re.Pattern[str] = PLACEHOLDER) -> Iterator[Token]:
    """The text and the placeholders of a token of text."""
    if token.end - token.begin != len(token.text):  # a reference such as &amp;
        yield token
        return
    done = 0
    for match in pattern.finditer(token.text):
        begin, end = (token.begin + place for place in match.span())
        if done < match.start():
            yield Token("text", token.begin + done, begin, token.text[done : match.start()])
        yield make_tag(begin, end, match[0])
        done = match.end()
    if done < len(token.text) or not token.text:
        yield Token("text", token.begin + done, token.end, token.text[done:])


def keep_parts(tokens: Sequence[Token], original: str, pattern: re.Pattern[str] = KEPT) -> list[Token]:
    """The tokens with an unpaired tag in place of each part of the original that `pattern` matches; see keep_spans.

    The same is in place of each formula such as H<sub>2</sub>O, and of each element that has no letter then, such as
    the mark of a footnote, unless it is an amount such as <b>5</b>: the words around it depend on that.
    """
    kept = keep_formulas(keep_matches(tokens, original, pattern), original)
    letters = [
        0,
        *accumulate(
            token.name == FORMULA or (token.kind == "text" and any(map(str.isalpha, token.text))) for token in kept
        ),
    ]
    filled = [0, *accumulate(token.kind in ("text", "single") and not token.text.isspace() for token in kept)]

    def is_joined(first: int, last: int) -> bool:
        if letters[first] < letters[last] or filled[first] == filled[last]:
            return False
        inside = "".join(token.text for token in kept[first:last] if token.kind == "text")
        return kept[first].text in ELEMENTS or not AMOUNT.match(inside)

    return join_elements(kept, is_joined)


def keep_formulas(tokens: Sequence[Token], original: str) -> list[Token]:
    """The tokens with an unpaired tag in place of each formula, whose label is what readers see: H2O."""
    kept = keep_spans(tokens, original, find_formulas(tokens), FORMULA)
    return [token._replace(text=label_formula(token.text)) if token.name == FORMULA else token for token in kept]


def keep_matches(tokens: Sequence[Token], original: str, pattern: re.Pattern[str] = PLACEHOLDER) -> list[Token]:
    """The tokens with an unpaired tag in place of each part of the original that `pattern` matches; see keep_spans."""
    found = pattern.finditer(original, tokens[0].begin, tokens[-1].end) if tokens else ()
    return keep_spans(tokens, original, [match.span() for match in found])


def keep_spans(tokens: Sequence[Token], original: str, spans: Iterable[Span], name: str = "") -> list[Token]:
    """The tokens with an unpaired tag, called `name`, in place of each part of the original.

    A part begins in text, or else it is no part. What is in it is no token any more, such as an entity in a URL.
    """
    matches = list(spans)[::-1]
    if not matches:
        return list(tokens)
    done = 0  # where what is in a part ends
    kept: list[Token] = []
    for token in tokens:
        if token.begin < done and (token.end <= done or not is_plain(token)):
            done = max(done, token.end)
            kept[-1] = kept[-1]._replace(end=done)
            continue
        if token.begin < done:
            token = token._replace(begin=done, text=token.text[done - token.begin :])
        while matches and matches[-1][0] < token.begin:
            matches.pop()
        while is_plain(token) and matches and matches[-1][0] < token.end:
            first, done = matches.pop()
            if token.begin < first:
                kept.append(token._replace(end=first, text=token.text[: first - token.begin]))
            kept.append(make_tag(first, done, original[first:done], name))
            token = token._replace(begin=min(done, token.end), text=token.text[done - token.begin :])
        if token.begin < token.end or token.kind != "text":
            kept.append(token)
    return kept


def make_tag(begin: int, end: int, text: str, name: str = "") -> Token:
    """The unpaired tag in place of a part of a text. A line end or a tab, which may be escaped, has that label."""
    is_break = text.strip() in ("", r"\n", r"\r\n", r"\r", r"\t")
    return Token("single", begin, end, LINE_END if is_break else text, name, is_break)


def is_plain(token: Token) -> bool:
    """Whether a token is text without references or other escapes."""
    return token.kind == "text" and token.end - token.begin == len(token.text)


def find_messages(tokens: Iterable[Token]) -> Iterator[str]:
    """The messages of ICU among tokens, in short: `{count, plural, …}`. Their texts are not translated."""
    for token in tokens:
        if token.kind == "single" and (found := MESSAGE.match(token.text)):
            yield f"{{{found[1]}, {found[2]}, …}}"


def describe_messages(name: str, messages: Sequence[str]) -> list[str]:
    """A note on the messages of ICU in the document `name`, if there are any."""
    if not messages:
        return []
    stay, them = ("stays as it is", "it") if len(messages) == 1 else ("stay as they are", "them")
    return [
        f"{name}: {format_count(len(messages), 'message')} of ICU, such as {messages[0]}, {stay}: "
        f"translate {them} by hand"
    ]
