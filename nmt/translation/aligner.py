"""Word links of given pairs by the attention of a run, or of two runs of opposite directions.

nmt.translation.forced_pairs decodes the pairs; nmt.analysis.alignment derives links from their attention.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from nmt.analysis.alignment import Symmetrisation, reverse_links, symmetrise
from nmt.analysis.page import AttentionView
from nmt.errors import FolderError, Option, UsageError
from nmt.progress import Progress
from nmt.step import StepModel
from nmt.text.corpus import Pair
from nmt.text.links import Link, describe_inner_blank
from nmt.text.units import WORDS, Units
from nmt.translation import batching
from nmt.translation.forced_pairs import ForcedPair, force_pairs
from nmt.translation.result import Translation
from nmt.translation.translator import Translator
from nmt.translation.views import build_forced_view, build_gate_view, build_translation_view

NO_PROGRESS = Progress()


class AlignedPair(NamedTuple):
    """A pair, its word links, and the attention from which they were derived.

    `links` is `forward`, or `forward` and `backward` symmetrised. A link is (source word, target word), counted from 0.
    `view` has the words, attention and diagnostics of the run; `parts` has the same for each part of its attention, by
    the name of the part. `is_whole` is False when only the first 1,000 pieces of a side were read, by either run: what
    follows has no links.
    """

    forced: ForcedPair
    view: AttentionView
    links: list[Link]
    forward: list[Link]
    backward: list[Link] | None
    parts: dict[str, AttentionView]

    def __repr__(self) -> str:
        return f"AlignedPair({self.forced.source.text!r}, {self.forced.target.text!r}, links={self.links})"

    @property
    def is_whole(self) -> bool:
        """Whether all pieces of both sides were read."""
        return self.view.is_whole

    @property
    def source_words(self) -> list[str]:
        """The words of the source, or its other units."""
        return self.forced.source.words

    @property
    def target_words(self) -> list[str]:
        """The words of the target, or its other units."""
        return self.forced.target.words


def align_pairs(
    translator: Translator,
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    reverse: Translator | None = None,
    symmetrisation: Symmetrisation = "grow-diag",
    offset: int = 0,
    threshold: float | None = None,
    units: tuple[Units, Units] = (WORDS, WORDS),
    with_parts: bool = False,
    batch_size: int = 64,
    progress: Progress = NO_PROGRESS,
) -> Iterator[AlignedPair]:
    """Derive the links of every pair, in order. With `reverse`, a translator of the opposite direction, both directions
    are symmetrised.

    `offset` and `threshold` are those of select_rows and extract_links in nmt.analysis.alignment. `units` are those of
    source and target, which become their words. `with_parts` adds each head, branch and gate of the attention.

    Raises UsageError for a run without attention, or without parts when `with_parts` is True; FolderError when
    `reverse` does not translate the opposite direction.
    """
    require_attention(translator)
    pairs = enumerate(zip(sources, targets, strict=True), 1)
    if warning := next(filter(None, (describe_inner_blank(pair, f"pair {number:,}") for number, pair in pairs)), ""):
        progress.note(f"nmt: {warning}")
    names = translator.runs[0].model.part_names if with_parts else ()
    if with_parts and not names:
        raise UsageError(
            f"the attention of {translator.runs[0].path} has no parts, such as heads or a gate\n  Leave out ",
            Option("parts"),
        )
    model = translator.networks[0] if with_parts else translator.model
    forced = force_lines(translator, sources, targets, batch_size, progress, units=units, model=model)
    reversed_pairs: Iterator[ForcedPair | None] = iter([None] * len(sources))
    if reverse is not None:
        require_attention(reverse)
        refuse_same_direction(translator, reverse)
        reversed_pairs = iter(force_lines(reverse, targets, sources, batch_size, units=units[::-1]))
    return (
        align_pair(pair, reversed_pair, names, symmetrisation, offset, threshold)
        for pair, reversed_pair in zip(forced, reversed_pairs, strict=True)
    )


def align_pair(
    pair: ForcedPair,
    reversed_pair: ForcedPair | None,
    part_names: Sequence[str],
    symmetrisation: Symmetrisation,
    offset: int,
    threshold: float | None,
) -> AlignedPair:
    """Derive the links of one pair. `reversed_pair` is the same pair in the opposite direction."""
    view = build_forced_view(0, pair, offset, threshold)
    forward, backward = view.links, None
    links = forward
    if reversed_pair is not None:
        sources, targets = len(pair.source.words), len(pair.target.words)
        found = reverse_links(build_forced_view(0, reversed_pair, offset, threshold).links)
        backward = [(i, j) for i, j in found if i < sources and j < targets]  # the other run may read more words
        links = symmetrise(forward, backward, symmetrisation)
        view = view._replace(is_whole=pair.is_whole and reversed_pair.is_whole)
    parts = {
        name: build_gate_view(number + 1, pair.select_part(number), offset)
        if name == "gate"
        else build_forced_view(number + 1, pair.select_part(number), offset, threshold)
        for number, name in enumerate(part_names)
    }
    return AlignedPair(pair, view._replace(links=links), links, forward, backward, parts)


def force_lines(
    translator: Translator,
    sources: Sequence[str],
    targets: Sequence[str],
    batch_size: int = 64,
    progress: Progress = NO_PROGRESS,
    *,
    units: tuple[Units, Units] = (WORDS, WORDS),
    model: StepModel | None = None,
) -> Iterator[ForcedPair]:
    """Forced decoding of every pair by the first run of a translator. `progress` notes sides that are too long.

    `model` replaces the translator's step model, for example by one that returns the parts of attention.
    """
    run = translator.runs[0]
    forced = force_pairs(
        model or translator.model,
        run.source_subword,
        run.target_subword,
        map(Pair, sources, targets),
        batch_size=batch_size,
        units=units,
    )
    for number, pair in enumerate(progress.track(forced, f"{run.path}, forced", len(sources), "pairs"), 1):
        for side, segmented in (("source", pair.source), ("target", pair.target)):
            if len(segmented.ids) > batching.MAX_PIECES:
                progress.note(
                    f"nmt: pair {number:,}: only the first {batching.MAX_PIECES:,} pieces of its {side} are read"
                )
        yield pair


def build_other_views(
    translators: Sequence[Translator],
    sources: Sequence[str],
    targets: Sequence[str],
    units: tuple[Units, Units],
    n_best: int,
    batch_size: int,
    offset: int,
    threshold: float | None,
) -> Iterator[list[AttentionView]]:
    """For each pair the views of the other translators, and the views of the `n_best` translations by every one."""

    def view_pairs(number: int, translator: Translator) -> Iterator[list[AttentionView]]:
        for pair in force_lines(translator, sources, targets, batch_size, units=units):
            yield [build_forced_view(number, pair, offset, threshold)]

    def view_translations(number: int, found: Iterator[list[Translation]]) -> Iterator[list[AttentionView]]:
        for ranked in found:
            yield [build_translation_view(number, rank, one, offset, threshold) for rank, one in enumerate(ranked, 1)]

    streams = []
    for number, translator in enumerate(translators):
        if number:
            streams.append(view_pairs(number, translator))
        if n_best:
            found = translator.stream(sources, n_best=n_best, batch_size=batch_size, units=units)
            streams.append(view_translations(number, found))
    if not streams:
        return iter([[] for _ in sources])
    return (list(chain.from_iterable(views)) for views in zip(*streams, strict=True))


def load_aligner(model: Path | str, **options: Any) -> Translator:
    """Load a run. `options` are those of Translator.load. Raises UsageError when the run has no attention."""
    translator = Translator.load(model, **options)
    require_attention(translator)
    return translator


def require_attention(translator: Translator) -> None:
    """Raise UsageError when the first run has no attention."""
    run = translator.runs[0]
    if run.settings.model.attention == "none":
        raise UsageError(
            f"{run.path} has no attention, from which word links could be derived\n"
            '  Use a run whose model.attention is not "none"'
        )


def refuse_same_direction(translator: Translator, opposite: Translator) -> None:
    """Raise FolderError when two runs do not translate in opposite directions."""
    one, other = translator.runs[0], opposite.runs[0]
    if one.languages != other.languages[::-1]:
        raise FolderError(
            f"{other.path} is not the opposite of {one.path}: they translate {other.info.source_lang} to "
            f"{other.info.target_lang} and {one.info.source_lang} to {one.info.target_lang}\n  ",
            *(Option("reverse"), " must be a run from the target language to the source language"),
        )
