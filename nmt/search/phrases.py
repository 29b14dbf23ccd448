"""Phrases: sequences of ids that a translation must contain, or may contain only so often."""

# V target words

from collections.abc import Sequence
from typing import NamedTuple

from nmt.step import Array


class Phrase(NamedTuple):
    """Ids that spell a text.

    After them comes an id that begins a word, unless `may_continue`. A phrase that `is_attached` has no blank before
    it, and begins only where the text before it does not end inside a word: after a bracket, for example. One that
    `is_initial` begins only at the beginning of the text.
    """

    ids: tuple[int, ...]
    may_continue: bool = True
    is_attached: bool = False
    is_initial: bool = False


Alternatives = Sequence[Phrase]  # of which one is enough: spellings of a text, or several translations of a term


def list_lengths(group: Alternatives) -> list[int]:
    """The numbers of ids of the phrases of a group that can begin anywhere in a text; of all if none can."""
    anywhere = [len(phrase.ids) for phrase in group if not (phrase.is_attached or phrase.is_initial)]
    return anywhere or [len(phrase.ids) for phrase in group]


class WordBounds(NamedTuple):
    """Which ids cannot continue a word, and after which ids a word can begin without a blank."""

    begins_V: Array
    ends_V: Array
