"""The units of source and target that links of a run are between."""

from collections.abc import Sequence

from nmt.checkpoint import Run
from nmt.errors import UsageError
from nmt.text.subword import Subword
from nmt.text.units import AUTO, Units, choose_units, find_units, is_vocabulary_unspaced
from nmt.validation import write_value


def choose_units_of_run(units: str | tuple[str | Units, str | Units], run: Run) -> tuple[Units, Units]:
    """The units of source and target by their name, or a name for each, or by how the languages are written.

    Raises UsageError for another type, and what choose_units raises.
    """
    pair = units if isinstance(units, tuple | list) and not isinstance(units, Units) else (units, units)
    if len(pair) != 2 or not all(isinstance(one, str | Units) for one in pair):
        raise UsageError(f"units are {write_value(units)}, and must be a name or a pair of names, such as words")

    def choose(name: str | Units, language: str, subword: Subword, is_unspaced: bool | None) -> Units:
        if isinstance(name, Units):
            return name
        if is_unspaced is None:
            is_unspaced = is_vocabulary_unspaced(language, subword.ids_to_pieces(range(subword.size)), run.info.joint)
        return choose_units(name, language, is_unspaced)

    info = run.info
    return (
        choose(pair[0], info.source_lang, run.source_subword, info.is_source_unspaced),
        choose(pair[1], info.target_lang, run.target_subword, info.is_target_unspaced),
    )


def is_target_spaced(run: Run) -> bool:
    """Whether words of the target language have blanks between them."""
    return choose_units_of_run(AUTO, run)[1].name == "words"


def count_units(
    run: Run, units: tuple[Units, Units], sources: Sequence[str], targets: Sequence[str]
) -> list[tuple[int, int]]:
    """The numbers of source and target units of each pair."""
    subwords = run.source_subword, run.target_subword
    counts = (
        [len(subword.segment(line, own).words if own.name == "pieces" else find_units(line, own)) for line in lines]
        for subword, own, lines in zip(subwords, units, (sources, targets), strict=True)
    )
    return list(zip(*counts, strict=True))
