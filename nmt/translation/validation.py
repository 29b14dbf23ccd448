"""The validation score of a model in training: BLEU of its translations of the validation set."""

from collections.abc import Callable, Sequence

from nmt.analysis.metrics import score_corpus
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import Progress
from nmt.settings import SearchSettings
from nmt.text.subword import Subword
from nmt.translation.pipeline import translate_lines


def build_validation_bleu(
    sources: Sequence[str],
    references: Sequence[str],
    source_subword: Subword,
    target_subword: Subword,
    search: SearchSettings,
    progress: Progress,
) -> Callable[[Seq2Seq], float]:
    """A function that translates `sources` with a model and returns the BLEU of the translations."""

    def compute_bleu(model: Seq2Seq) -> float:
        device = next(model.parameters()).device
        found = translate_lines(model, source_subword, target_subword, sources, search, device=device)
        counted = progress.track(found, "validation", len(sources), "lines")
        (bleu,) = score_corpus([translations[0].text for translations in counted], [references], ["bleu"])
        return bleu.score

    return compute_bleu
