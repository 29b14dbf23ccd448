"""Splits lines that are too long for a model, at the ends of sentences or clauses where possible."""

import re
from collections.abc import Iterator
from itertools import accumulate, takewhile

from nmt.text.subword import Subword

# words, which end at blanks and after these marks of scripts without blanks
UNIT = re.compile(r"[^\s。！？；：，、]+[。！？；：，、]*|[。！？；：，、]+")
CLOSING = "\"'”’»«)]}」』）"
SENTENCE = re.compile(rf"[.!?…。！？][{re.escape(CLOSING)}]*$")
CLAUSE_ENDS = [re.compile(rf"[{marks}][{re.escape(CLOSING)}]*$") for marks in (".!?…;:。！？；：", ",，、–—)")]


def split_line(line: str, subword: Subword, longest: int) -> list[str]:
    """Split a line into parts of at most `longest` pieces. The concatenated parts are the line.

    A line of at most `longest` pieces is one part. A longer line is split after every sentence, because models are
    trained on sentences; a sentence ends with a mark that no lower-case letter follows. A sentence that is too long is
    split after the last clause that fits, otherwise after the last comma or dash, otherwise at the last blank. Only a
    word that is too long is split inside.
    """
    if len(subword.encode(line)) <= longest:
        return [line]
    units = [unit for word in UNIT.finditer(line) for unit in split_in_half(*word.span(), line, subword, longest)]
    parts, begin, done = [], 0, 0
    while done < len(units):
        sizes = accumulate(units[number][2] for number in range(done, len(units)))
        stop = done + max(1, sum(1 for _ in takewhile(lambda size: size <= longest, sizes)))
        inside = range(done, min(stop, len(units) - 1))
        if (sentence := next((n for n in inside if ends_sentence(line, units[n], units[n + 1])), None)) is not None:
            stop = sentence + 1
        elif stop < len(units):
            ends = [[n for n in range(done, stop) if mark.search(line, *units[n][:2])] for mark in CLAUSE_ENDS]
            stop = next((found[-1] + 1 for found in ends if found), stop)
        end = units[stop][0] if stop < len(units) else len(line)
        parts.append(line[begin:end])
        begin, done = end, stop
    return parts


def ends_sentence(line: str, unit: tuple[int, int, int], after: tuple[int, int, int]) -> bool:
    """Whether a sentence ends with a unit, and another one begins after it."""
    return bool(SENTENCE.search(line, *unit[:2])) and not line[after[0]].islower()


def split_in_half(begin: int, end: int, line: str, subword: Subword, longest: int) -> Iterator[tuple[int, int, int]]:
    """(begin, end, number of pieces) of the parts of a line from `begin` to `end`, halved until each part fits."""
    pieces = len(subword.encode(line[begin:end]))
    if pieces <= longest or end - begin == 1:
        yield begin, end, pieces
        return
    middle = (begin + end) // 2
    yield from split_in_half(begin, middle, line, subword, longest)
    yield from split_in_half(middle, end, line, subword, longest)
