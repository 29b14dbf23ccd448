"""Statements of MDX: `import A from "a"` and `export const x = 1`, perhaps over several lines.

They are told from prose by their form: "export the file" is none. As in MDX, one that begins with `export` ends before
the first blank line where its brackets are closed.
"""

import re
from collections.abc import Iterator

from nmt.text.units import Span

BLANKS = r"[ \t]"
END = rf"{BLANKS}*\r?$"
NAME = r"[\w$]+"
NAMES = rf"(?:\*\s+as\s+{NAME}|\{{[^{{}}]*\}})"
SOURCE = r"(?:\"[^\"\n]+\"|'[^'\n]+')"
IMPORT = rf"import\s+(?:(?:type\s+)?(?:{NAME}(?:\s*,\s*{NAMES})?|{NAMES})\s*from\s*)?{SOURCE}{BLANKS}*;?"
FUNCTION = rf"(?:async{BLANKS}+)?function\b\*?{BLANKS}*(?:{NAME})?{BLANKS}*[(<]"
CLASS = r"class\b[^\n{]*\{"
EXPORTS = "|".join(
    (
        rf"(?:const|let|var){BLANKS}+(?:{NAME}|\{{[^{{}}]*\}}|\[[^\[\]]*\]){BLANKS}*[:=]",
        FUNCTION,
        CLASS,
        rf"default{BLANKS}+(?:{FUNCTION}|{CLASS}|[\w$.]+(?:\(|{BLANKS}*=>|;|{END})|[(\[{{<\"'`])",
        rf"(?:type{BLANKS}+)?\{{[^{{}}]*\}}(?:\s*from\s*{SOURCE})?;?{END}",
        rf"\*{BLANKS}*(?:as{BLANKS}+{NAME}{BLANKS}+)?from\s*{SOURCE}",
        rf"type{BLANKS}+{NAME}(?:<[^\n=]*>)?{BLANKS}*=",
        rf"(?:interface|enum){BLANKS}+{NAME}[^\n{{]*\{{",
    )
)
STATEMENT = re.compile(rf"(?m)^(?:{IMPORT}(?={END})|(?P<export>export{BLANKS}+(?:{EXPORTS})))")
PART = re.compile(
    r"(?P<fence>\n[ ]{0,3}(?:```|~~~))|(?P<blank>\n[ \t\r]*(?=\n|\Z))|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?<!:)//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n]){0,1000}\"|'(?:\\.|[^'\\\n]){0,1000}'"
    r"|`(?:\\.|[^`\\])*+(?:`|\Z)",  # comments and strings, whose brackets do not count
    re.DOTALL,
)
CHARACTER = re.compile(r"[^\r\n]")


def mask_statements(text: str) -> str:
    """A text of the same length with blanks in place of statements."""
    parts: list[str] = []
    done = 0
    for begin, end in find_statements(text):
        parts += [text[done:begin], CHARACTER.sub(" ", text[begin:end])]
        done = end
    return "".join([*parts, text[done:]])


def find_statements(text: str) -> Iterator[Span]:
    """The places of statements, also of those in code."""
    end = counted = 0  # where brackets that are not closed were counted up to
    while match := STATEMENT.search(text, end):
        end = match.end()
        if match["export"]:
            end, counted = find_end(text, match.start(), counted)
        yield match.start(), end


def find_end(text: str, begin: int, counted: int) -> Span:
    """Where a statement ends, and up to where brackets that are not closed were counted, as they were up to `counted`.

    If they are not closed, or not before code begins or ends, it ends before the first blank line or there.
    """
    depth, first = 0, None
    for part in PART.finditer(text, begin):
        depth += {"open": 1, "close": -1}.get(part.lastgroup or "", 0)
        if part.lastgroup == "blank" and (depth <= 0 or begin < counted):
            return part.start(), counted
        if part.lastgroup in ("blank", "fence"):
            first = part.start() if first is None else first
        if part.lastgroup == "fence":
            return first or part.start(), max(counted, part.start())
    return first or len(text), len(text)
