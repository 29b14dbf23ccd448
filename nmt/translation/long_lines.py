"""Lines that are too long for a model, cut into parts where a reader would pause.

What becomes of the parts stands in nmt.translation.pipeline.
"""

import re
from collections.abc import Iterator
from itertools import accumulate, takewhile

from nmt.text.subword import Subword

UNIT = re.compile(
    r"[^\s。！？；：，、]+[。！？；：，、]*|[。！？；：，、]+"
)  # words; between blanks, these end one as well
CLOSING = "\"'”’»«)]}」』）"
SENTENCE = re.compile(rf"[.!?…。！？][{re.escape(CLOSING)}]*$")
ENDS = [re.compile(rf"[{marks}][{re.escape(CLOSING)}]*$") for marks in (".!?…;:。！？；：", ",，、–—)")]


def split_line(line: str, subword: Subword, longest: int) -> list[str]:
    """A line in parts of at most `longest` pieces, whose concatenation is the line; one part where it fits.

    A line that does not fit is cut after every sentence, which is what models are trained on: a mark that ends one, and
    no small letter behind it. What still does not fit is cut at the last end of a clause that does, else the last comma
    or dash, else the last blank; only a word that does not fit is cut in its middle.
    """
    if len(subword.encode(line)) <= longest:
        return [line]
    units = [unit for word in UNIT.finditer(line) for unit in split_in_half(*word.span(), line, subword, longest)]
    parts, begin, done = [], 0, 0
    while done < len(units):
        sizes = accumulate(units[place][2] for place in range(done, len(units)))
        stop = done + max(1, sum(1 for _ in takewhile(lambda size: size <= longest, sizes)))
        inside = range(done, min(stop, len(units) - 1))
        if (sentence := next((n for n in inside if ends_sentence(line, units[n], units[n + 1])), None)) is not None:
            stop = sentence + 1
        elif stop < len(units):
            ends = [[n for n in range(done, stop) if mark.search(line, *units[n][:2])] for mark in ENDS]
            stop = next((found[-1] + 1 for found in ends if found), stop)
        end = units[stop][0] if stop < len(units) else len(line)
        parts.append(line[begin:end])
        begin, done = end, stop
    return parts


def ends_sentence(line: str, unit: tuple[int, int, int], after: tuple[int, int, int]) -> bool:
    """Whether a sentence ends with a unit, and another begins."""
    return bool(SENTENCE.search(line, *unit[:2])) and not line[after[0]].islower()


def split_in_half(begin: int, end: int, line: str, subword: Subword, longest: int) -> Iterator[tuple[int, int, int]]:
    """(begin, end, pieces) of a stretch of a line, cut in two until each part fits."""
    pieces = len(subword.encode(line[begin:end]))
    if pieces <= longest or end - begin == 1:
        yield begin, end, pieces
        return
    middle = (begin + end) // 2
    yield from split_in_half(begin, middle, line, subword, longest)
    yield from split_in_half(middle, end, line, subword, longest)
