"""Word links of texts for Python callers and commands."""

from collections.abc import Iterable, Sequence

from nmt.analysis.alignment import SYMMETRISATIONS, Symmetrisation
from nmt.arguments import read_texts
from nmt.errors import DataError, Option, UsageError
from nmt.progress import Progress, choose_progress
from nmt.text.units import Units, choose_units, is_text_unspaced
from nmt.word_alignment.aligner import LinkedText, link_pairs


def align_texts(
    source: Iterable[str],
    target: Iterable[str],
    *,
    symmetrise: Symmetrisation = "grow-diag",
    units: str = "auto",
    progress: bool | Progress = False,
) -> list[LinkedText]:
    """Word links of given pairs, learnt from these pairs alone, without a run; see nmt.word_alignment.aligner.

    The more pairs there are, the better the links: a few hundred are few. `units` are what is linked: "words",
    "characters" or "icu-words"; by default words, and characters where a text has no blanks between words. The links of
    both directions are combined by `symmetrise`. A pair of more than 4,000,000 pairs of words gets no links, and
    `progress` a note.

    Raises DataError when `source` and `target` differ in length, are strings, or have what is no text; UsageError for
    an unknown `symmetrise`, and for `units` that are unknown or those of a run.
    """
    sources, targets = read_texts("source", source), read_texts("target", target)
    if symmetrise not in SYMMETRISATIONS:
        raise UsageError(f'there is no symmetrisation "{symmetrise}"\n  It is one of {", ".join(SYMMETRISATIONS)}')
    if len(sources) != len(targets):
        raise DataError(f"{len(sources):,} sources cannot be aligned with {len(targets):,} targets")
    linked = choose_units_of_texts(units, sources, targets)
    return list(link_pairs(zip(sources, targets, strict=True), linked, symmetrise, choose_progress(progress)))


def choose_units_of_texts(name: str, sources: Sequence[str], targets: Sequence[str]) -> tuple[Units, Units]:
    """The units of both sides by their name or, for "auto", by how the texts are written.

    Raises UsageError for pieces, which texts have only in a run.
    """
    if name == "pieces":
        raise UsageError(Option("units", name), " needs a run, whose pieces they are\n  Name it with ", Option("model"))
    source, target = (choose_units(name, "", is_text_unspaced(lines)) for lines in (sources, targets))
    return source, target
