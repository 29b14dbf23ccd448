"""Tags of HTML in the text of Markdown: what they are, and which elements stay as they are. Both are as in pages."""

from collections.abc import Sequence

from nmt.documents.breaks import COMMENT
from nmt.documents.document import Kind, Token
from nmt.documents.html import ENDS_OF_READING
from nmt.documents.html_attributes import is_untranslated, read_language
from nmt.documents.html_events import Event, Scanner
from nmt.documents.html_names import EMBEDDED, READINGS, UNTRANSLATED, VOID
from nmt.documents.inline_units import join_kept
from nmt.text.languages import is_other_language

WITHOUT_TEXT = EMBEDDED | READINGS | UNTRANSLATED  # elements whose labels have none
EMPTY = {f"<{name}>" for name in WITHOUT_TEXT}


def read_tag(text: str, begin: int, end: int, language: str) -> Token:
    """The token of a tag, a comment or the like. What is not translated, or in another language, stays as it is."""
    found: list[Event] = []
    Scanner(text[begin:end], lambda event, _: found.append(event))
    tag = found[0]
    if tag.kind not in ("start", "empty", "end"):
        return Token("single", begin, end, COMMENT)
    kind: Kind = "close" if tag.kind == "end" else "open"
    kind = "single" if tag.kind == "empty" or tag.name in VOID else kind
    code = read_language(tag)
    is_foreign = bool(code and language) and is_other_language(code or "", language)
    is_kept = kind == "open" and (is_untranslated(tag) or is_foreign)
    return Token(kind, begin, end, f"<{tag.name}>", tag.name, tag.name == "br", is_kept)


def close_readings(run: Sequence[Token]) -> list[Token]:
    """The tokens of a run, with an end where a reading in <ruby> ends without its end tag."""
    closed: list[Token] = []
    reading = ""  # the one that is open
    for token in run:
        if reading and token.name in ENDS_OF_READING.get({"open": "start", "close": "end"}.get(token.kind, ""), ()):
            closed.append(Token("close", token.begin, token.begin, f"<{reading}>", reading))
            reading = ""
        if token.name in READINGS:
            reading = token.name if token.kind == "open" else ""
        closed.append(token)
    return closed


def keep_elements(run: Sequence[Token]) -> list[Token]:
    """The tokens of a run with an unpaired tag in place of each element that stays as it is."""
    begins = {token.begin: f"<{token.name}>" for token in run if token.is_kept}
    return [
        token._replace(text=begins[token.begin]) if begins.get(token.begin) in EMPTY else token
        for token in join_kept(close_readings(run))
    ]
