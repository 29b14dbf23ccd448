"""The validation scores of a model in training: those of its translations of the validation set."""

from collections.abc import Callable, Sequence

from nmt.analysis.metrics import score_validation
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import Progress
from nmt.settings import SearchSettings
from nmt.text.subword import Subword
from nmt.translation.pipeline import translate_lines


def build_validation_scores(
    sources: Sequence[str],
    references: Sequence[str],
    source_subword: Subword,
    target_subword: Subword,
    search: SearchSettings,
    tokenizer: str,
    progress: Progress,
) -> Callable[[Seq2Seq], dict[str, float]]:
    """A function that translates `sources` with a model and scores the translations; see score_validation."""

    def compute_scores(model: Seq2Seq) -> dict[str, float]:
        device = next(model.parameters()).device
        found = translate_lines(model, source_subword, target_subword, sources, search, device=device)
        counted = progress.track(found, "validation", len(sources), "lines")
        return score_validation([translations[0].text for translations in counted], references, tokenizer)

    return compute_scores
