"""Cues of subtitles, and the parts of their text that stand alone: captions of sounds, songs, and lines of speakers.

Which lines are cues the formats find, see nmt.documents.subtitles.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

NOTES = "♩♪♫♬"
MARKUP = r"\s*(?:<[^<>\n]*>|\{\\[^{}\n]*\})*"  # tags before the text of a line
DASHED = re.compile(rf"{MARKUP}(?:[-‐‑‒–—―]+|[{NOTES}]+|\#|(?:>|&gt;){{2,}})[^\S\n]*")  # a speaker, or a song, begins
NAMED = re.compile(rf"{MARKUP}(?P<name>[^\n:：<>,;!?\"]{{1,40}})[:：](?!//)[^\S\n]*")
ROLE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")  # beside a name: JOHN (on the phone)
MOST_WORDS = 3  # of a name
BRACKETS = (("[", "]"), ("(", ")"), ("（", "）"), ("［", "］"), ("【", "】"), ("〔", "〕"))
BRACKETED = "|".join(rf"\{a}([^\{a}\{b}]*)\{b}" for a, b in BRACKETS)
ALONE = re.compile(
    rf"{MARKUP}(?:[-‐‑‒–—―]+[^\S\n]*{MARKUP})?"
    rf"(?:{BRACKETED}|[{NOTES}]+([^{NOTES}]*)[{NOTES}]+|\#([^\#\n]*)\#|\*([^*\n]*)\*)"
    rf"[.:：。]?(?:[^\S\n]|<[^<>\n]*>)*(?=\r?\n|\Z)"
)
EMPTY_LINE = re.compile(r"[^\S\n]*\n")
VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>]*)>")  # of WebVTT


class Cue(NamedTuple):
    """A subtitle: its times in seconds, and its text from `begin` to `end`. `line` is that of its times."""

    start: float
    stop: float
    begin: int
    end: int
    line: int


class Fragment(NamedTuple):
    """A part of a cue's text: what one speaker says, a caption, or all up to an empty line.

    `is_new` where it cannot continue what is before it, and `is_alone` where nothing can continue it either.
    """

    cue: int
    begin: int
    end: int
    is_new: bool
    is_alone: bool = False


def make_cue(match: re.Match[str], text: str, begin: int, end: int, line: int) -> Cue:
    """A cue with its times, and its text without the blanks around it."""
    start, stop = (read_seconds(*match.groups()[place : place + 4]) for place in (0, 4))
    begin = min(begin, end)
    inside = text[begin:end]
    begin, end = begin + len(inside) - len(inside.lstrip()), begin + len(inside.rstrip())
    return Cue(start, stop, begin, max(begin, end), line)


def read_seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    """A time in seconds."""
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")


def describe_times(name: str, cues: Sequence[Cue]) -> list[str]:
    """Notes of cues that end before they begin, or begin before the one before them ends."""
    backward = [cue.line for cue in cues if cue.stop < cue.start]
    overlapping = [cue.line for previous, cue in pairwise(cues) if cue.start < previous.stop - 0.0005]
    notes = []
    for lines, one, several in (
        (backward, "cue ends before it begins", "cues end before they begin"),
        (overlapping, "cue begins before the one before it ends", "cues begin before the one before them ends"),
    ):
        if lines:
            what = f"1 {one}, in line" if len(lines) == 1 else f"{len(lines):,} {several}, the first in line"
            notes.append(f"{name}: {what} {lines[0]:,}; times stay as they are")
    return notes


def split_cues(cues: Iterable[Cue], text: str) -> Iterator[Fragment]:
    """The fragments of cues. One of a cue without text is empty."""
    voice = ""
    for number, cue in enumerate(cues):
        begin, is_new = cue.begin, False
        for match in VOICE.finditer(text, cue.begin, cue.end):
            if match[1] != voice:
                yield from split_voice(number, text, begin, match.start(), is_new) if begin < match.start() else ()
                begin, voice, is_new = match.start(), match[1], True
        yield from split_voice(number, text, begin, cue.end, is_new)


def split_voice(number: int, text: str, begin: int, end: int, is_new: bool) -> Iterator[Fragment]:
    """The fragments of a part of cue `number`, without what marks a caption or a speaker, and the blanks around."""

    def make_fragment(end: int, is_alone: bool = False) -> Fragment:
        inside = text[begin:end]
        first, last = begin + len(inside) - len(inside.lstrip()), begin + len(inside.rstrip())
        return Fragment(number, first, max(first, last), is_new, is_alone)

    line = begin
    while line <= end:
        if alone := ALONE.match(text, line, end):
            if begin < line:
                yield make_fragment(line)
            is_new = True
            begin, line = alone.span(alone.lastindex or 0)
            yield make_fragment(line, is_alone=True)
            begin = line = alone.end()
        elif (place := find_speech(text, line, end)) is not None:
            if begin < line:
                yield make_fragment(line)
            begin = line = place
            is_new = True
        elif begin < line and EMPTY_LINE.match(text, line, end):
            yield make_fragment(line)
            begin, is_new = line, False
        found = text.find("\n", line, end)
        line = found + 1 if found >= 0 else end + 1
    yield make_fragment(end)


def find_speech(text: str, line: int, end: int) -> int | None:
    """Where the text of a line begins after a dash, a note or the name of a speaker; None if it has none of them."""
    dashed = DASHED.match(text, line, end)
    place = dashed.end() if dashed else line
    named = NAMED.match(text, place, end)
    name = (ROLE.sub("", named["name"]).strip() or named["name"]) if named else ""
    if named and name.upper() == name != name.lower() and len(name.split()) <= MOST_WORDS:
        return named.end()
    return dashed and place
