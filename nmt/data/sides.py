"""Whether training text is what it is said to be: two languages, in one order in all corpora, and plain.

Most findings are notes to a person; nothing is changed or left out.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from nmt.data.damage import describe_damage
from nmt.data.prepared import SIDES
from nmt.errors import DataError
from nmt.progress import format_count
from nmt.text.corpus import Pair, ParallelFiles
from nmt.text.words import is_blank

LINE_ENDS = re.compile("[\v\f\x85\u2028\u2029]")  # of other programs
FEW_LINES = 10
SEPARATORS_OF_LINE = 10  # a line that has more, on both sides together, may be a text of many lines
COMPARED_PAIRS = 1000  # of the beginning of a corpus
FEWEST_COMPARED = 20
COMPARED_CHARACTERS = 1000  # of a line
MARGIN = 0.3  # of two cosines; two corpora of the same languages have 0.5 or more between the sides of one language

Profile = Counter[str]  # how often a text has each three letters in a row


class SideOrder:
    """Compares the corpora while they are read: in each the first side must be in the language of the first one's."""

    def __init__(self) -> None:
        self.profiles: dict[str, tuple[Profile, Profile]] = {}  # by the name of a corpus

    def watch(self, split: str, corpus: object, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """The pairs of a corpus of a split, of which those at its beginning are remembered.

        Raises DataError for a corpus that is blank, or seems to end its lines otherwise.
        """
        remaining = iter(pairs)
        head = list(islice(remaining, COMPARED_PAIRS))
        if len(head) < COMPARED_PAIRS:
            refuse_blank(str(corpus), head)
        if len(head) <= FEW_LINES:
            refuse_other_line_ends(str(corpus), head)
        if len(head) >= FEWEST_COMPARED:
            source, target = (make_profile(lines) for lines in zip(*head, strict=True))
            self.profiles[split if is_from_memory(corpus) else str(corpus)] = source, target
        return chain(head, remaining)

    def describe(self, source_lang: str, target_lang: str) -> list[str]:
        """A note on corpora whose sides are in the other order than those of the first; none where there are none."""
        if not self.profiles:
            return []
        (first, expected), *others = self.profiles.items()
        turned = [name for name, profiles in others if are_exchanged(profiles, expected)]
        if not turned:
            return []
        have = "has its" if len(turned) == 1 else "have their"
        return [
            f"{', '.join(turned)} {have} sides in the other order than {first}: what one has as {source_lang} is like "
            f"what the other has as {target_lang}\n  Exchange the two files or columns where they are wrong"
        ]


def refuse_blank(name: str, pairs: Sequence[Pair]) -> None:
    """Raise DataError for a corpus that has lines, but no text in them."""
    if pairs and all(is_blank(source) and is_blank(target) for source, target in pairs):
        raise DataError(f"{name} is blank: it has {format_count(len(pairs), 'line')} without text")


def refuse_other_line_ends(name: str, pairs: Sequence[Pair]) -> None:
    """Raise DataError for a corpus of few lines with so many separators that these seem to end its lines."""
    found = Counter(mark for pair in pairs for side in pair for mark in LINE_ENDS.findall(side))
    if found.total() <= SEPARATORS_OF_LINE * len(pairs):
        return
    [(mark, _)] = found.most_common(1)
    raise DataError(
        f"{name} has {format_count(len(pairs), 'line')}, with U+{ord(mark):04X} inside, {found[mark]:,} times on both "
        'sides together: do these end lines?\n  Lines are split at "\\n" only; convert the text first: '
        "perl -CSD -pe 's/\\R/\\n/g'"
    )


def is_from_memory(corpus: object) -> bool:
    """Whether a corpus is what `store_pairs` wrote, so that its name means nothing to a person."""
    return isinstance(corpus, ParallelFiles) and (corpus.source_lang, corpus.target_lang) == tuple(SIDES)


def are_exchanged(one: tuple[Profile, Profile], other: tuple[Profile, Profile]) -> bool:
    """Whether the source of each of two corpora is like the target of the other one, and hardly like its source."""
    straight = measure_similarity(one[0], other[0]) + measure_similarity(one[1], other[1])
    crossed = measure_similarity(one[0], other[1]) + measure_similarity(one[1], other[0])
    return crossed > straight + MARGIN


def make_profile(lines: Iterable[str]) -> Profile:
    """How often a text has each three letters in a row, where a blank is a letter. Each language has its own habits."""
    counts = Profile()
    for line in lines:
        text = f" {line[:COMPARED_CHARACTERS].strip().lower()} "
        counts.update(text[place : place + 3] for place in range(len(text) - 2))
    return counts


def measure_similarity(one: Profile, other: Profile) -> float:
    """The cosine of two profiles: 1 for the same text, 0 for texts without three letters in common."""
    shared = sum(count * other[letters] for letters, count in one.items() if letters in other)
    lengths = [math.sqrt(sum(count * count for count in profile.values())) for profile in (one, other)]
    return shared / (lengths[0] * lengths[1]) if shared else 0.0


def describe_sample(sample: Sequence[Pair], source_lang: str, target_lang: str) -> list[str]:
    """Notes on a sample of the training pairs."""
    copies = describe_copies(sample, source_lang, target_lang)
    return [*copies, *describe_damage(sample), *describe_quotations(sample)]


def describe_copies(sample: Sequence[Pair], source_lang: str, target_lang: str) -> list[str]:
    """A note where most training pairs have the same text on both sides."""
    copies = sum(source == target and not is_blank(source) for source, target in sample)
    if 2 * copies <= len(sample):
        return []
    return [
        f"of {format_count(len(sample), 'training pair')}, {copies:,} have the same text on both sides: are these "
        f"files {source_lang} and {target_lang}?"
    ]


def describe_quotations(sample: Sequence[Pair]) -> list[str]:
    """A note where most training pairs have quotation marks around both texts, as spreadsheets write their cells."""
    quoted = sum(is_quoted(source) and is_quoted(target) for source, target in sample)
    if 2 * quoted <= len(sample):
        return []
    return [
        f"of {format_count(len(sample), 'training pair')}, {quoted:,} have quotation marks around both texts\n"
        "  If a spreadsheet has written them, give the file as CSV, which leaves them out"
    ]


def is_quoted(text: str) -> bool:
    """Whether a text is between quotation marks of a keyboard."""
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'
