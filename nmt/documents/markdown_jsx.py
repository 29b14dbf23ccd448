"""Tags and expressions of JSX and Vue, and math of MathJax, which CommonMark reads as text.

Tags of the same length that are valid in CommonMark stand for them while Markdown is parsed.
"""

import re

from nmt.documents.markdown_attributes import ATTRIBUTES
from nmt.documents.markdown_modules import PART, mask_statements

MARKS_OF_ITEMS = r"(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*"
FENCED = rf"(?m:^)[ \t>]*{MARKS_OF_ITEMS}(?P<fence>`{{3,}}+|~{{3,}}+)[^`\n]*+\n(?s:(?:.*?\n)??[ \t>]*(?P=fence)|.*)"
LINES = r"(?:[^\n]|\n(?![ \t\r]*\n))"  # without a blank one
CODE = re.compile(
    rf"{FENCED}|(?<![`\\])(?P<ticks>`+)(?!`){LINES}{{1,2000}}?(?<!`)(?P=ticks)(?!`)|<!--(?s:.{{0,5000}}?-->)"
)
ENVIRONMENTS = "equation|align|alignat|gather|multline|eqnarray|array|[bpvBV]?matrix|[dr]?cases|split|math|displaymath"
FORMULA_LINE = r"(?![ \t>]*(?:[-+*#|]|\d+[.)])[ \t])[^\n]{1,500}\n"  # which does not begin a block
MATH = (
    rf"(?<!\\)\\(?:begin\{{(?P<name>(?:{ENVIRONMENTS})\*?)\}}(?s:.{{0,5000}}?)\\end\{{(?P=name)\}}"
    rf"|\\?\((?P<inline>[^\n]{{1,1000}}?)\\\)|\\?\[(?P<display>[^\n]{{1,1000}}?|\n(?:{FORMULA_LINE}){{1,20}}?)\\\](?!\())"
)
SIGN = re.compile(r"(?<!\\)[=+^<>|]|\\[A-Za-z]|(?<![\w\\])\w_")  # of math
WORD = re.compile(r"[^\W\d_]{2}")
COMMAND = re.compile(r"\\[A-Za-z]+(?:\{[^{}\n]*\})?")
TEXT = re.compile(r"\]\(|</?[A-Za-z]|://")  # is not in math
LONG_WORD = re.compile(r"[^\W\d_]{3}")
START = re.compile(
    rf"(?P<code>{CODE.pattern})|(?P<math>{MATH})|(?P<escape>\\[\\{{}}<])"
    r"|(?P<tag><(?P<end>/?)[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*(?=[\s/>]))|(?P<brace>\{)"
)
VALUE = r"=(?:\"[^\"]{0,2000}\"|'[^']{0,2000}')"
ATTRIBUTE = re.compile(
    rf"\s+(?:(?P<spread>\{{(?=\s*(?:\.\.\.|/\*)))|(?P<other>(?:[#@*.(\[]|v-[\w-]+:\[)[\w.:()\[\]$-]*){VALUE}"
    r"|(?<=<template )(?P<slot>#[\w.-]+)"
    rf"|[A-Za-z_:][\w.:-]*(?:(?P<value>=\{{)|\s*{VALUE}|=[^\s\"'=<>`{{}}]+)?)"
)
TAG_END = re.compile(r"\s*/?>")
EXPRESSION = re.compile(r"\{(?=/\*|[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*)+[}(])")  # which is no prose
EXPRESSION_OF_MDX = re.compile(r"(?<!\]\()\{(?![{%}#])")
FRAGMENT = r"</>|<>(?=[^\n]{0,1000}?</>)"
INVALID = re.compile(r"[^\w.:-]")
LINE_END = re.compile(r"[\r\n]")


def mask_markup(text: str, name: str) -> str:
    """A text of the same length with blanks in place of statements, and tags in place of markup that is not CommonMark.

    All in braces is an expression in MDX, which the suffix of the file's name tells.
    """
    is_mdx = name.lower().endswith(".mdx")
    return Masker(mask_statements(text), EXPRESSION_OF_MDX if is_mdx else EXPRESSION).mask()


def make_tag(length: int) -> str:
    """A tag of HTML of at least three characters."""
    return f"<x{'-' * (length - 4)}/>" if length > 3 else "<x>"


class Masker:
    """Puts tags in place of markup in a text."""

    def __init__(self, text: str, expression: re.Pattern[str]) -> None:
        """`expression` matches the brace with which one begins outside of tags."""
        self.text = text
        self.expression = expression
        self.ends: dict[int, int] = {}  # of braces that close, by where they open
        self.counted = 0  # up to where braces were counted

    def mask(self) -> str:
        """The text with tags in place of markup."""
        parts: list[str] = []
        done = place = 0
        while match := START.search(self.text, place):
            begin, place = match.span()
            masked = self.mask_tag(match) if match["tag"] else ""
            if (match["math"] and is_math(match)) or (match["brace"] and (place := self.find_expression(begin))):
                masked = make_tag(place - begin)
            if masked:
                parts += [self.text[done:begin], masked]
                done = begin + len(masked)
            place = max(begin + len(masked), match.end() if match["code"] or match["escape"] else begin + 1)
        return "".join([*parts, self.text[done:]])

    def mask_tag(self, match: re.Match[str]) -> str:
        """What stands for a tag that begins somewhere; empty if it is valid as it is, or none."""
        begin, place = match.span()
        parts = [match[0].replace(".", "-")]
        while found := ATTRIBUTE.match(self.text, place):
            if match["end"]:
                return ""
            own, place = found[0], found.end()
            if found["spread"] or found["value"]:
                brace, place = place - 1, self.find_end(place - 1)
                own = f"{own[:-1]}{'_' * (place - brace)}"
            if name := found["other"] or found["slot"]:
                own = own.replace(name, f"_{INVALID.sub('_', name[1:])}", 1)
                if parts[0] == "<template":
                    parts[0] = "<vue-slot"  # as long; what is in <template> stays in HTML
            if place <= found.start():
                return ""
            parts.append(own)
        end = TAG_END.match(self.text, place)
        masked = "".join([*parts, end[0]]) if end else ""
        return LINE_END.sub(" ", masked) if masked != self.text[begin : begin + len(masked)] else ""

    def find_expression(self, begin: int) -> int:
        """Where an expression ends that begins at a place; 0 if none does."""
        if not self.expression.match(self.text, begin) or ATTRIBUTES.match(self.text, begin):
            return 0
        end = self.find_end(begin)
        return 0 if self.text.startswith("`", end) else end  # {role}`text` of MyST

    def find_end(self, begin: int) -> int:
        """Where braces end that open at a place; 0 if they do not end before code begins or ends."""
        if begin >= self.counted:
            opened: list[int] = []
            for part in PART.finditer(self.text, begin):
                self.counted = part.end()
                if part[0] == "{":
                    opened.append(part.start())
                elif part[0] == "}":
                    self.ends[opened.pop()] = part.end()
                if not opened or part.lastgroup == "fence":
                    break
        return self.ends.get(begin, 0)


def is_math(match: re.Match[str]) -> bool:
    """Whether what was found is math, and not text in brackets that are escaped."""
    own = COMMAND.sub("", match["inline"] or match["display"] or "")
    if TEXT.search(own) or len(LONG_WORD.findall(own)) > 1:
        return False
    if SIGN.search(match["inline"] or match["display"] or ""):
        return True
    return match["display"] is None and WORD.search(match["inline"] or "") is None
