"""Functions of the public API that load a run: `nmt.load` and `nmt.align`."""

from collections.abc import Iterable
from pathlib import Path

from nmt.analysis.alignment import SYMMETRISATIONS, Symmetrisation, check_link_options
from nmt.arguments import check_count, read_texts
from nmt.errors import DataError, Option, UsageError
from nmt.progress import Progress, choose_progress, format_count
from nmt.translation.aligner import AlignedPair, align_pairs, load_aligner
from nmt.translation.translator import Translator
from nmt.translation.units import choose_units_of_run

load = Translator.load


def align(
    model: Path | str,
    source: Iterable[str],
    target: Iterable[str],
    *,
    reverse: Path | str | None = None,
    symmetrise: Symmetrisation | None = None,
    offset: int = 0,
    threshold: float | None = None,
    units: str = "auto",
    batch_size: int = 64,
    checkpoint: str = "best",
    device: str = "auto",
    precision: str = "auto",
    progress: bool | Progress = False,
) -> list[AlignedPair]:
    """Word links of given pairs by the attention of a run; see nmt.translation.aligner.align_pairs.

    `reverse` is a run of the opposite direction, whose links are combined with those of `model` by `symmetrise`,
    by default "grow-diag".
    `units` are what is linked: "words", "pieces", "characters" or "icu-words"; by default words, and characters where a
    language has no blanks between words.

    Of each side at most 1,000 pieces are read; `is_whole` of a pair is then False, and `progress` gets a note.

    Raises DataError when `source` and `target` differ in length, are strings, or have what is no text; UsageError for a
    run without attention, an unknown `symmetrise` or `units`, a `symmetrise` without `reverse`, a `batch_size` that is
    not a whole number, and an `offset` or `threshold` that cannot be.
    """
    sources, targets = read_texts("source", source), read_texts("target", target)
    check_count("batch_size", batch_size)
    check_link_options(offset, threshold)
    if symmetrise not in (None, *SYMMETRISATIONS):
        raise UsageError(f'there is no symmetrisation "{symmetrise}"\n  It is one of {", ".join(SYMMETRISATIONS)}')
    if symmetrise is not None and reverse is None:
        raise UsageError(
            Option("symmetrise", symmetrise),
            " combines two directions: name a run of the opposite direction with ",
            Option("reverse"),
        )
    if len(sources) != len(targets):
        raise DataError(
            f"{format_count(len(sources), 'source')} cannot be aligned with {format_count(len(targets), 'target')}"
        )
    loading = {"checkpoint": checkpoint, "device": device, "precision": precision}
    opposite = None if reverse is None else load_aligner(reverse, **loading)
    translator = load_aligner(model, **loading)
    return list(
        align_pairs(
            translator,
            sources,
            targets,
            reverse=opposite,
            symmetrisation=symmetrise or "grow-diag",
            offset=offset,
            threshold=threshold,
            units=choose_units_of_run(units, translator.runs[0]),
            batch_size=batch_size,
            progress=choose_progress(progress),
        )
    )
