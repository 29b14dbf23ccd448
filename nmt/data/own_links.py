"""Links of training pairs that the statistical aligner learns from these pairs, to guide attention."""

from collections.abc import Iterable
from pathlib import Path

from nmt.analysis.alignment import format_pharaoh
from nmt.files import write_atomically
from nmt.progress import Progress
from nmt.text.corpus import Pair
from nmt.text.units import AUTO, Units, choose_units, is_text_unspaced
from nmt.word_alignment.aligner import link_pairs


def choose_units_of_sample(sample: Iterable[Pair]) -> tuple[Units, Units]:
    """The units that are linked on each side: characters where there are no blanks between words, otherwise words."""
    sides = zip(*sample, strict=True)
    source, target = (choose_units(AUTO, "", is_text_unspaced(lines)) for lines in sides)
    return source, target


def write_own_links(path: Path, pairs: Iterable[Pair], units: tuple[Units, Units], progress: Progress) -> None:
    """Write the links of pairs to a file, a line for each pair."""
    with write_atomically(path) as file:
        for linked in link_pairs(pairs, units, "grow-diag-final-and", progress):
            file.write(f"{format_pharaoh(linked.links)}\n")
