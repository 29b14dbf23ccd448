"""Signs in training text that something went wrong before: wrong encodings, subword marks, markup.

Everything here is a note to a person; nothing is changed or left out.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

from nmt.progress import format_count
from nmt.text.corpus import Pair
from nmt.text.signs import (
    EXAMPLE_CHARACTERS,
    SUBWORD_MARKS,
    find_bars,
    find_element,
    find_encoded_twice,
    find_entity,
    find_nul,
    find_undecoded,
)

SOME = 100  # of so many pairs one has a sign: fewer are hardly noticed
MOST = 2


class Sign(NamedTuple):
    """What shows that something went wrong in a text, and what to do. One of `share` pairs has it where it is noted."""

    find: Callable[[str], str | None]  # an example of it in a text
    share: int
    what: str
    advice: str


SIGNS = (
    Sign(
        find_entity,
        SOME,
        "entities of HTML",
        "Replace them by their characters in all texts, unless translations must have them",
    ),
    Sign(
        find_encoded_twice,
        SOME,
        "text that was encoded as UTF-8 twice",
        "Decode it once more, by ftfy for example, or make the text again",
    ),
    Sign(
        find_undecoded,
        SOME,
        "U+FFFD, which stands for what could not be decoded",
        "Make the text again with the right encoding, or leave these pairs out",
    ),
    Sign(find_nul, SOME, "NUL characters", "Make the text again, or remove them: tr -d '\\000'"),
    *(
        Sign(
            kind.find,
            SOME,
            "marks of subwords",
            f"Join the subwords first, as by {kind.joining}: the text that is given here must be plain",
        )
        for kind in SUBWORD_MARKS
    ),
    Sign(find_element, MOST, "markup around a text", "Remove it in all texts, unless translations must have it"),
    Sign(find_bars, MOST, "three bars in a text", "If they divide the sides of pairs, give a TSV: sed 's/ ||| /\\t/'"),
)


def describe_damage(sample: Sequence[Pair]) -> list[str]:
    """Notes on a sample of the training pairs, on each sign that enough of them have."""
    return list(chain.from_iterable(describe_sign(sample, sign) for sign in SIGNS))


def describe_sign(sample: Sequence[Pair], sign: Sign) -> list[str]:
    """A note where enough pairs have a sign, on one side or both."""
    found = [example for pair in sample if (example := sign.find(pair.source) or sign.find(pair.target))]
    if sign.share * len(found) < len(sample) or not found:
        return []
    have = "has" if len(found) == 1 else "have"
    return [
        f"of {format_count(len(sample), 'training pair')}, {len(found):,} {have} {sign.what}, such as "
        f"{found[0][:EXAMPLE_CHARACTERS]}\n  {sign.advice}"
    ]
