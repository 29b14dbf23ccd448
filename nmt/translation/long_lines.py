"""Splits lines that are too long for a model, at the ends of sentences or clauses where possible."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise, takewhile

from nmt.text.cases import is_small
from nmt.text.subword import Subword
from nmt.translation.full_stops import goes_on

try:
    import sentencex
except ImportError:  # it has no wheel for this machine, or nmt was installed without its dependencies
    sentencex = None

SENTENCE_ENDS = "।॥།༎۔؟።፧։។៕။。！？｡"  # end sentences wherever they stand, unlike ".", "!", "?" and "…"
UNIT = re.compile(
    rf"[^\s{SENTENCE_ENDS}；：，、]+[{SENTENCE_ENDS}；：，、]*|[{SENTENCE_ENDS}；：，、]+"
)  # words; these marks end one as well
MOST_BLANKS = 100  # that are read before a place
CLOSING = "\"'”’»«)]}」』）"
END = re.compile(rf"(?:[།༎]\s*(?=[།༎])|[{SENTENCE_ENDS}])+[{re.escape(CLOSING)}]*\s*")
POINT = re.compile(rf"[.!?…]+[{re.escape(CLOSING)}]*\s+")
ABBREVIATION = re.compile(r"(?:\b[^\W\d_]|\w\.\w+|\b(?:Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs))\.$")  # without sentencex
CONTINUED = re.compile("[ぁ-ん]")  # after a closing quotation mark, as in 「…？」と
CLAUSE_ENDS = [
    re.compile(rf"[{marks}][{re.escape(CLOSING)}]*$") for marks in (f".!?…;:；：{SENTENCE_ENDS}", ",،，、–—)")
]


def split_line(line: str, subword: Subword, longest: int, language: str = "") -> list[str]:
    """Split a line into parts of at most `longest` pieces. The concatenated parts are the line.

    A line of at most `longest` pieces is one part. A longer line is split after every sentence, because models are
    trained on sentences. A sentence that is too long is split after the last clause that fits, otherwise after the last
    comma or dash, otherwise at the last blank. Only a word that is too long is split inside.
    """
    if len(subword.encode(line)) <= longest:
        return [line]
    begins = find_sentences(line, language)
    cuts = sorted(begins)
    words = (span for word in UNIT.finditer(line) for span in cut_span(*word.span(), cuts))
    units = [unit for span in words for unit in split_in_half(*span, line, subword, longest)]
    parts, begin, done = [], 0, 0
    while done < len(units):
        sizes = accumulate(units[number][2] for number in range(done, len(units)))
        stop = done + max(1, sum(1 for _ in takewhile(lambda size: size <= longest, sizes)))
        inside = range(done, min(stop, len(units) - 1))
        if (sentence := next((n for n in inside if units[n + 1][0] in begins), None)) is not None:
            stop = sentence + 1
        elif stop < len(units):
            ends = [[n for n in range(done, stop) if mark.search(line, *units[n][:2])] for mark in CLAUSE_ENDS]
            stop = next((found[-1] + 1 for found in ends if found), stop)
        end = units[stop][0] if stop < len(units) else len(line)
        parts.append(line[begin:end])
        begin, done = end, stop
    return parts


def find_sentences(line: str, language: str) -> set[int]:
    """Where sentences begin in a line, but for the first.

    `language` is a code such as "de" or "pt-BR". sentencex knows the abbreviations of languages. Without it, a sentence
    begins after a mark and a blank with anything but a small letter, or, in a line without capitals, with that too.
    """
    begins = {match.end() for match in END.finditer(line)}
    language = re.split("[-_]", language.lower())[0]
    if sentencex:
        end = 0
        for part in sentencex.segment(language or "en", line):
            begins.add(end + len(part) - len(part.lstrip()))
            end += len(part)
    else:
        ends = [match.span() for match in POINT.finditer(line) if not ABBREVIATION.search(line[: match.start() + 1])]
        begins |= {end for _, end in ends if line == line.lower() or not is_small(line[end : end + 1])}
    has_capitals = line != line.lower()
    inside = (begin for begin in begins if 0 < begin < len(line))
    return {one for one in inside if not continues(line, one) and not goes_on(line, one, language, has_capitals)}


def continues(line: str, begin: int) -> bool:
    """Whether a sentence goes on after a quotation that ends like a sentence: 「…？」と, "…?" he said."""
    before = line[max(begin - MOST_BLANKS, 0) : begin].rstrip()[-1:]
    after_quotation = before in CLOSING and (is_small(line[begin]) or CONTINUED.match(line[begin]))
    return bool(after_quotation) or (line[begin] in CLOSING and not line[begin - 1].isspace())


def cut_span(begin: int, end: int, begins: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(begin, end) of the parts of a line from `begin` to `end`, split where sentences begin; `begins` are sorted."""
    inside = begins[bisect_right(begins, begin) : bisect_left(begins, end)]
    return pairwise([begin, *inside, end])


def split_in_half(begin: int, end: int, line: str, subword: Subword, longest: int) -> Iterator[tuple[int, int, int]]:
    """(begin, end, number of pieces) of the parts of a line from `begin` to `end`, halved until each part fits."""
    pieces = len(subword.encode(line[begin:end]))
    if pieces <= longest or end - begin == 1:
        yield begin, end, pieces
        return
    middle = (begin + end) // 2
    yield from split_in_half(begin, middle, line, subword, longest)
    yield from split_in_half(middle, end, line, subword, longest)
