"""Subtitles: SubRip (SRT) and WebVTT.

Their libraries (pysubs2, srt, webvtt-py) write a file anew: positions, comments, styles, blank lines and numbers would
change. Both formats are lines around lines of text, so that a few patterns find the text and leave the rest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape as escape_markup
from html import unescape
from itertools import accumulate

from nmt.documents.cues import BRACKETS, Cue, Fragment, describe_times, make_cue, split_cues
from nmt.documents.division import CLOSING, OPENING
from nmt.documents.document import InlineUnit, Kind, Languages, Lines, Splice, Splices, Token, Unit, describe_foreign
from nmt.documents.encoding import DecodedText, decode_lines
from nmt.documents.inline_units import build_inline_unit
from nmt.documents.placeholders import keep_parts
from nmt.documents.segment import Mark, Segment
from nmt.errors import DataError
from nmt.text.languages import get_primary_language, is_other_language
from nmt.text.words import UNSPACED
from nmt.translation import long_lines

TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[,.:](\d{1,3}))?"
TIMING = re.compile(rf"[ \t]*{TIME}[ \t]*--+>[ \t]*{TIME}(?=[ \t\r\n]|\Z)[^\n]*", re.ASCII)
TAG = re.compile(r"<(/?)([a-zA-Z]\w*)[^<>\n]*>|<\d[\d:.]*>|\{\\[^{}\n]*\}|\{/?[a-zA-Z]:[^{}\n]*\}")
READING = re.compile(  # beside the words of <ruby>, in WebVTT; its end tag may be left out
    r"<(r(?:t|p|tc))(?:\.[^<>\n]*)?>[^<]*(?:<(?!/?r(?:t|p|tc|uby)\b)[^<]*)*(?:</\1>)?"
)
VOICE_LANGUAGE = re.compile(r"<lang(?:\.[^\s<>]*)?[ \t]+([\w-]+)\s*>")  # of WebVTT
OTHER_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?=\s|$)")  # of WebVTT
ENDS = re.compile(rf"[.!?…♪♫{long_lines.SENTENCE_ENDS}][\s{re.escape(long_lines.CLOSING)}]*$")
PAUSE = 2.0  # seconds between cues that end a sentence
MOST_CUES, MOST_CHARACTERS = 8, 400  # of a unit
WIDEST_LINE = 42  # letters; twice as wide ones count twice
ENCODINGS = {  # usual ones of subtitles that are not UTF-8, by language
    **dict.fromkeys(("ru", "uk", "bg", "be", "mk", "sr"), "windows-1251"),
    **dict.fromkeys(("cs", "sk", "pl", "hu", "hr", "sl", "ro", "sq", "bs"), "windows-1250"),
    **dict.fromkeys(("lt", "lv", "et"), "windows-1257"),
    **dict.fromkeys(("ar", "fa"), "windows-1256"),
    "el": "windows-1253",
    "tr": "windows-1254",
    "he": "windows-1255",
    "vi": "windows-1258",
    "th": "cp874",
    "zh": "gb18030",
    "ja": "cp932",
    "ko": "cp949",
}


class SubtitleDocument:
    """Cues. Those that share a sentence are a unit, of which times, numbers and the like between two cues divide it.

    A sentence ends at a pause of two seconds, at a cue without text, and where another voice begins. Captions in
    brackets, songs between notes, and what follows a dash or a name in capitals and a colon are units of their own; the
    brackets, notes, dashes and names stay as they are, and so do readings in <ruby>. A translated cue has as many lines
    as the original, or two if it is too wide for one; empty lines in it stay.
    """

    form = "SubRip"
    is_markup = False  # whether & and < are written as references

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the file. Raises DataError for what is no such file, or has wrong times."""
        self.decoded = self.decode(content, name, languages.source)
        self.lines = Lines(self.decoded.text)
        self.language = languages.source
        self.foreign: list[str] = []  # the language of each part that stays as it is because of that
        cues = list(self.find_cues(name))
        if not cues and self.form == "SubRip" and self.decoded.text.strip():
            raise DataError(f"{name} has no cues: it is not SubRip")
        other = f"{name} is not UTF-8: it is read as {self.decoded.encoding}, and written so if that is possible"
        self.notes = [*([other] if self.decoded.note else []), *describe_times(name, cues)]
        groups = self.group(cues, split_cues(cues, self.decoded.text))
        self.inline = [one for group in groups if (one := self.build_unit(group))]
        self.notes += describe_foreign(name, self.foreign, self.language)
        self.units: Sequence[Unit] = [one.unit for one in self.inline]

    def decode(self, content: bytes, name: str, language: str) -> DecodedText:
        """The text of a file; one that is not UTF-8 has the usual encoding of its language."""
        usual = ENCODINGS.get(get_primary_language(language), "windows-1252")
        return decode_lines(content, name, fallbacks=(usual, "windows-1252", "latin-1"))

    def find_cues(self, name: str) -> Iterator[Cue]:
        """The cues: lines after times, up to the next times and the number before them."""
        text = self.decoded.text
        lines = range(1, len(self.lines.begins) + 1)
        found = [(line, match) for line in lines if (match := self.read_timing(line, name))]
        ends = [*(match.start() for _, match in found), len(text)][1:]
        for (line, match), end in zip(found, ends, strict=True):
            begin = match.end() + 1
            if end < len(text) and (number := re.search(r"(?:\A|\n)[ \t]*\d+[ \t\r]*\n\s*\Z", text[begin - 1 : end])):
                end = begin - 1 + number.start()
            yield make_cue(match, text, begin, end, line)

    def read_line(self, line: int) -> str:
        """A line, which counts from 1, with its end."""
        begins = self.lines.begins
        return self.decoded.text[begins[line - 1] : begins[line] if line < len(begins) else None]

    def read_timing(self, line: int, name: str) -> re.Match[str] | None:
        """The times in a line; None if it has none. Raises DataError if it has an arrow, and no times."""
        match = TIMING.match(self.decoded.text, self.lines.begins[line - 1])
        shown = self.read_line(line).strip()
        if match is None and "-->" in shown and shown[0].isdigit():
            raise DataError(
                f'{name}, line {line:,}: "{shown[:60]}" has no times of {self.form}\n'
                "  They look like 00:01:02,345 --> 00:01:04,000"
            )
        return match

    def group(self, cues: Sequence[Cue], fragments: Iterable[Fragment]) -> list[list[Fragment]]:
        """Fragments that belong to one sentence, or to sentences that share a cue."""
        groups: list[list[Fragment]] = []
        previous: Fragment | None = None
        length = 0
        for fragment in fragments:
            text = self.read_text(fragment)
            if not any(map(str.isalpha, text)):
                previous = None
                continue
            is_new = previous is None or fragment.is_new or length > MOST_CHARACTERS or len(groups[-1]) == MOST_CUES
            if previous and not is_new:
                pause = cues[fragment.cue].start - cues[previous.cue].stop if fragment.cue != previous.cue else 0
                is_new = not 0 <= pause < PAUSE or ends_sentence(self.read_text(previous), text)
            if is_new:
                groups.append([])
                length = 0
            groups[-1].append(fragment)
            previous, length = None if fragment.is_alone else fragment, length + len(text)
        return groups

    def read_text(self, fragment: Fragment) -> str:
        """The text of a fragment without tags."""
        return TAG.sub("", READING.sub("", self.decoded.text[fragment.begin : fragment.end])).strip()

    def build_unit(self, group: Sequence[Fragment]) -> InlineUnit | None:
        """The unit of a group of fragments."""
        tokens: list[Token] = []
        for number, fragment in enumerate(group):
            if tokens:
                tokens.append(Token("single", tokens[-1].end, fragment.begin, "next cue", is_break=True))
            tokens += self.make_tokens(fragment, number)
        inline = build_inline_unit(keep_parts(tokens, self.decoded.text), self.lines)
        if inline is None:
            return None
        unit = inline.unit
        dividers = frozenset(tag for tag, label in enumerate(unit.labels) if label == "next cue")
        return inline._replace(unit=Unit(unit.segment, unit.labels, unit.line, dividers), before=(), after=())

    def make_tokens(self, fragment: Fragment, number: int) -> Iterator[Token]:
        """The text and tags of a fragment, which are paired within it."""
        text, begin = self.decoded.text, fragment.begin
        for match in TAG.finditer(text, fragment.begin, fragment.end):
            if match.start() < begin:  # in a reading
                continue
            if begin < match.start():
                yield self.make_text(begin, match.start())
            if reading := READING.match(text, match.start(), fragment.end):
                yield Token("single", *reading.span(), f"<{reading[1]}>")
                begin = reading.end()
                continue
            kind: Kind = "single" if not match[2] else "close" if match[1] else "open"
            marked = VOICE_LANGUAGE.match(match[0])
            is_foreign = marked is not None and is_other_language(marked[1], self.language)
            self.foreign += [marked[1]] if marked and is_foreign else []
            yield Token(kind, *match.span(), match[0], f"{number} {match[2]}", is_kept=is_foreign)
            begin = match.end()
        if begin < fragment.end:
            yield self.make_text(begin, fragment.end)

    def make_text(self, begin: int, end: int) -> Token:
        """A token of text."""
        text = self.decoded.text[begin:end]
        return Token("text", begin, end, unescape(text) if self.is_markup else text)

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document. What the encoding does not have makes the file UTF-8."""
        text = self.decoded.text
        splices = [
            Splice(one.begin, one.end, self.render(one, translation))
            for one, translation in zip(self.inline, translations, strict=True)
            if translation != one.unit.segment
        ]
        written = Splices(splices).apply(text)
        try:
            return self.decoded.encode(written)
        except UnicodeEncodeError:
            return replace(self.decoded, encoding="UTF-8", mark=b"").encode(written)

    def render(self, inline: InlineUnit, translation: Segment) -> str:
        """A translation with the tags and dividers of its unit, each cue in its lines."""
        text = self.decoded.text
        line_end = "\r\n" if "\r\n" in text[max(inline.begin - 200, 0) : inline.end + 200] else "\n"
        parts: list[list[str | Mark]] = [[]]
        dividers: list[Mark] = []
        for part in translation.split():
            if isinstance(part, Mark) and part.tag in inline.unit.dividers:
                dividers.append(part)
                parts.append([])
            else:
                parts[-1].append(part)
        dividers.sort()  # they are alike but for their text
        spans = inline.locate_marks()
        begins = [inline.begin, *(spans[one][1] for one in dividers)]
        ends = [*(spans[one][0] for one in dividers), inline.end]
        written = []
        for number, (own, begin, end) in enumerate(zip(parts, begins, ends, strict=True)):
            count = text.count("\n", begin, end) + 1
            for part in wrap(own, count):
                if isinstance(part, str):
                    part = escape_markup(part, quote=False) if self.is_markup else part
                    written.append(part.replace("\n", line_end))
                else:
                    written.append(text[slice(*spans[part])])
            written.append(text[slice(*spans[dividers[number]])] if number < len(dividers) else "")
        return "".join(written)


class SrtDocument(SubtitleDocument):
    """SubRip."""


class VttDocument(SubtitleDocument):
    """WebVTT. Notes, styles, regions and the settings of cues stay as they are."""

    form = "WebVTT"
    is_markup = True

    def decode(self, content: bytes, name: str, language: str) -> DecodedText:
        """The text of a file, which is UTF-8."""
        decoded = decode_lines(content, name)
        if not re.match(r"WEBVTT(?=\s|$)", decoded.text):
            raise DataError(f'{name} does not begin with "WEBVTT", so it is not WebVTT')
        return decoded

    def find_cues(self, name: str) -> Iterator[Cue]:
        """The cues: lines after times, up to a blank line or other times. Blocks of notes, styles and regions have
        none."""
        text = self.decoded.text
        timing: re.Match[str] | None = None
        since, is_first, is_skipped = 0, True, False
        for line, place in enumerate(self.lines.begins, 1):
            own = self.read_line(line)
            if not own.strip():
                if timing:
                    yield make_cue(timing, text, timing.end() + 1, place, since)
                timing, is_first, is_skipped = None, True, False
                continue
            is_skipped = is_skipped or (is_first and OTHER_BLOCK.match(own) is not None)
            is_first = False
            if not is_skipped and (found := self.read_timing(line, name)):
                if timing:
                    yield make_cue(timing, text, timing.end() + 1, place, since)
                timing, since = found, line
        if timing:
            yield make_cue(timing, text, timing.end() + 1, len(text), since)


def ends_sentence(before: str, after: str) -> bool:
    """Whether a sentence ends between two texts: at its marks, or where a caption of several cues begins or ends."""
    for opening, closing in BRACKETS:
        if before.endswith(closing) and before.count(closing) > before.count(opening):
            return True
        if after.startswith(opening) and after.count(opening) > after.count(closing):
            return True
    first = next(filter(str.isalpha, after), "")
    return ENDS.search(before) is not None and not first.islower()


def measure_width(text: str) -> int:
    """The width of a text in letters."""
    return len(text) + len(UNSPACED.findall(text))


def wrap(parts: Sequence[str | Mark], lines: int) -> list[str | Mark]:
    """The parts of a cue with line ends in place of blanks, so that its lines have about the same width.

    It has so many lines, or two if one were too wide. Where there are no blanks, as in Japanese, lines end anywhere but
    before marks.
    """
    text = "".join(part for part in parts if isinstance(part, str))
    blanks = len(text) - len(text.lstrip()), len(text.rstrip())
    lines = max(lines, 2 if measure_width(text) > WIDEST_LINE else 1)
    places = [match.start() for match in re.finditer(r"(?<=\S)\s+(?=\S)", text)]
    if not places and UNSPACED.search(text):
        places = [n for n in range(1, len(text)) if text[n - 1] not in OPENING and text[n] not in CLOSING]
    widths = list(accumulate(map(measure_width, text), initial=0))  # of the text before each place
    chosen: set[int] = set()
    for number in range(1, lines):
        wanted = widths[-1] * number / lines
        if places:  # an end after a mark is better by two letters
            best = min(places, key=lambda place: abs(widths[place] - wanted) - 2 * (text[place - 1] in CLOSING))
            chosen.add(best)
            places = [place for place in places if place > best]
    found: list[str | Mark] = []
    done = 0
    for part in parts:
        if isinstance(part, str):
            characters = [
                ("" if not blanks[0] <= place < blanks[1] else character)
                if place not in chosen
                else "\n" + character.strip()
                for place, character in enumerate(part, done)
            ]
            done += len(part)
            part = "".join(characters)
        found.append(part)
    return found
