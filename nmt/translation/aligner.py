"""Word links of given pairs by the attention of a run, or of two runs of opposite directions.

Forced decoding stands in nmt.translation.forced_pairs; how attention becomes links stands in nmt.analysis.alignment.
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
from nmt.text.links import Link
from nmt.translation import batching
from nmt.translation.forced_pairs import ForcedPair, force_pairs
from nmt.translation.result import Translation
from nmt.translation.translator import Translator
from nmt.translation.views import forced_view, gate_view, translation_view

SILENT = Progress()


class AlignedPair(NamedTuple):
    """A pair, its word links, and the attention that they come from.

    `links` are those of `forward`, or `forward` and `backward` symmetrised; all are (source word, target word), counted
    from 0. `view` holds words, attention and diagnostics of the run itself, `parts` the same of each part of its
    attention by name.
    """

    forced: ForcedPair
    view: AttentionView
    links: list[Link]
    forward: list[Link]
    backward: list[Link] | None
    parts: dict[str, AttentionView]

    @property
    def source_words(self) -> list[str]:
        """What blanks separate in the source."""
        return self.forced.source.words

    @property
    def target_words(self) -> list[str]:
        """What blanks separate in the target."""
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
    with_parts: bool = False,
    batch_size: int = 64,
    progress: Progress = SILENT,
) -> Iterator[AlignedPair]:
    """Every pair with its links, in order. `reverse` translates the opposite direction; its links are combined.

    `offset` and `threshold` are those of nmt.analysis.alignment's select_rows and extract_links. `with_parts` also
    gives each head, branch and gate of the attention.

    Raises UsageError for a run without attention, or without parts where they are asked for; FolderError when `reverse`
    does not translate the opposite direction.
    """
    require_attention(translator)
    network = translator.runs[0].model
    names = network.part_names if with_parts else ()
    if with_parts and not names:
        raise UsageError(
            f"the attention of {translator.runs[0].path} has no parts, such as heads or a gate\n  Leave out ",
            Option("parts"),
        )
    model = network if with_parts else translator.model
    fronts = force_lines(translator, sources, targets, batch_size, progress, model=model)
    backs: Iterator[ForcedPair | None] = iter([None] * len(sources))
    if reverse is not None:
        require_attention(reverse)
        refuse_same_direction(translator, reverse)
        backs = iter(force_lines(reverse, targets, sources, batch_size, SILENT))
    return (
        align_pair(front, back, names, symmetrisation, offset, threshold)
        for front, back in zip(fronts, backs, strict=True)
    )


def align_pair(
    front: ForcedPair,
    back: ForcedPair | None,
    part_names: Sequence[str],
    symmetrisation: Symmetrisation,
    offset: int,
    threshold: float | None,
) -> AlignedPair:
    """The links of one pair, `back` being the same pair in the opposite direction."""
    view = forced_view(0, front, offset, threshold)
    forward, backward = view.links, None
    links = forward
    if back is not None:
        backward = reverse_links(forced_view(0, back, offset, threshold).links)
        links = symmetrise(forward, backward, symmetrisation)
    parts = {
        name: gate_view(number + 1, front.part(number), offset)
        if name == "gate"
        else forced_view(number + 1, front.part(number), offset, threshold)
        for number, name in enumerate(part_names)
    }
    return AlignedPair(front, view._replace(links=links), links, forward, backward, parts)


def force_lines(
    translator: Translator,
    sources: Sequence[str],
    targets: Sequence[str],
    batch_size: int = 64,
    progress: Progress = SILENT,
    *,
    model: StepModel | None = None,
) -> Iterator[ForcedPair]:
    """Forced decoding of every pair by a translator; a side that is not read to its end is noted.

    `model` takes the place of the translator's own, where another one shows more.
    """
    run = translator.runs[0]
    forced = force_pairs(
        model or translator.model,
        run.source_subword,
        run.target_subword,
        map(Pair, sources, targets),
        batch_size=batch_size,
        device=translator.device,
    )
    for number, one in enumerate(progress.track(forced, f"{run.path}, forced", len(sources), "pairs"), 1):
        for side, segmented in (("source", one.source), ("target", one.target)):
            if len(segmented.ids) > batching.MAX_PIECES:
                progress.note(
                    f"nmt: pair {number:,}: only the first {batching.MAX_PIECES:,} pieces of its {side} are read"
                )
        yield one


def views_beside(
    translators: Sequence[Translator],
    sources: Sequence[str],
    targets: Sequence[str],
    n_best: int,
    batch_size: int,
    offset: int,
    threshold: float | None,
) -> Iterator[list[AttentionView]]:
    """For each pair the views beside that of the first translator: the other ones', and all their translations."""

    def given(number: int, translator: Translator) -> Iterator[list[AttentionView]]:
        for one in force_lines(translator, sources, targets, batch_size):
            yield [forced_view(number, one, offset, threshold)]

    def translated(number: int, found: Iterator[list[Translation]]) -> Iterator[list[AttentionView]]:
        for ranked in found:
            yield [translation_view(number, rank, one, offset, threshold) for rank, one in enumerate(ranked, 1)]

    streams = []
    for number, translator in enumerate(translators):
        if number:
            streams.append(given(number, translator))
        if n_best:
            streams.append(translated(number, translator.stream(sources, n_best=n_best, batch_size=batch_size)))
    if not streams:
        return iter([[] for _ in sources])
    return (list(chain.from_iterable(views)) for views in zip(*streams, strict=True))


def load_aligner(model: Path | str, **options: Any) -> Translator:
    """Load a run that can align; `options` are those of Translator.load. Raises UsageError when it has no attention."""
    translator = Translator.load(model, **options)
    require_attention(translator)
    return translator


def require_attention(translator: Translator) -> None:
    """Raise UsageError when the first run has no attention."""
    run = translator.runs[0]
    if run.settings.model.attention == "none":
        raise UsageError(
            f"{run.path} has no attention, so it has no word links\n"
            '  Train a run with another model.attention than "none"'
        )


def refuse_same_direction(translator: Translator, opposite: Translator) -> None:
    """Raise FolderError when a run does not translate back what the other translates."""
    one, other = translator.runs[0], opposite.runs[0]
    if (one.info.source_lang, one.info.target_lang) != (other.info.target_lang, other.info.source_lang):
        raise FolderError(
            f"{other.path} is not the opposite of {one.path}: they translate {other.info.source_lang} to "
            f"{other.info.target_lang} and {one.info.source_lang} to {one.info.target_lang}\n  ",
            *(Option("reverse"), " is a run that translates the target language back"),
        )
