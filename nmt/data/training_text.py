"""The training text of a prepared folder, and how large a vocabulary it supports."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from nmt.data.prepared import SIDES, PreparedCorpus, Side
from nmt.settings import SUBWORD_SETTINGS
from nmt.text.corpus import Pair
from nmt.text.subword import VocabularySizeError, train_subword

UNKNOWN = " ⁇ "  # how SentencePiece decodes a character that has no piece
OTHER_PIECES = 260  # of bytes, and PAD, UNK, BOS and EOS
MOST_PAIRS = 10_000  # on which subwords are trained to learn how many the text supports: about two seconds


def read_training(prepared: PreparedCorpus) -> Iterator[Pair]:
    """The training pairs of a prepared folder, as its subword models have normalised them."""
    split = prepared.open_split("train")
    subwords = prepared.source_subword, prepared.target_subword
    for row in range(len(split)):
        ids = split.read_source(row), split.read_target(row)
        sides = (subword.decode(own.tolist()) for subword, own in zip(subwords, ids, strict=True))
        yield Pair(*(text.replace(UNKNOWN, UNKNOWN.strip()) for text in sides))


def fit_vocab_size(prepared: PreparedCorpus, sides: Sequence[Side], wanted: int) -> int:
    """The size nearest to `wanted` that the training text of a side, or of both together, supports for a vocabulary.

    Mostly the vocabularies tell that the folder has; if not, subwords are trained once more.
    """
    is_joint, settings = prepared.manifest.joint, prepared.manifest.settings
    subwords = [(prepared.source_subword, prepared.target_subword)[SIDES.index(side)] for side in sides]
    largest = max(subword.size for subword in subwords)
    is_own = is_joint == (len(sides) > 1)  # they are of this very text
    has_adapted = not settings.get(f"{sides[0]}_vocab_size") and largest != settings.get("vocab_size")
    if is_own and has_adapted and largest < wanted:
        return largest
    characters = {piece for one in subwords for piece in one.ids_to_pieces(range(one.size)) if len(piece) == 1}
    if (is_own or not is_joint) and largest >= wanted > len(characters) + OTHER_PIECES:
        return wanted
    lines = (pair[SIDES.index(side)] for pair in islice(read_training(prepared), MOST_PAIRS) for side in sides)
    options: dict[str, Any] = {name: settings[name] for name in SUBWORD_SETTINGS if name in settings}
    try:
        train_subword(lines, vocab_size=wanted, **options)
    except VocabularySizeError as error:
        return error.nearest
    return wanted
