"""The validation scores of a model in training: those of its translations of the validation set."""

from collections.abc import Callable, Sequence
from itertools import chain

from nmt.analysis.metrics import score_validation
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import Progress
from nmt.settings import SearchSettings
from nmt.text.subword import Subword
from nmt.translation.pipeline import translate_lines

BATCH_SIZE = 64

Numbered = list[tuple[int, str]]  # translations with the numbers of their lines


def build_validation_scores(
    sources: Sequence[str],
    references: Sequence[str],
    source_subword: Subword,
    target_subword: Subword,
    search: SearchSettings,
    tokenizer: str,
    progress: Progress,
    *,
    rank: int = 0,
    processes: int = 1,
    gather: Callable[[Numbered], list[Numbered]] = lambda mine: [mine],
) -> Callable[[Seq2Seq], dict[str, float]]:
    """A function that translates `sources` with a model and scores the translations; see score_validation.

    Of several processes each calls it and translates every n-th batch; `gather` returns the lists of all of them. The
    batches do not depend on the number of processes, and so neither do the translations.
    """
    subwords = source_subword, target_subword
    order = sorted(range(len(sources)), key=lambda number: len(sources[number]))
    mine = [order[begin : begin + BATCH_SIZE] for begin in range(0, len(order), BATCH_SIZE)][rank::processes]
    numbers = list(chain.from_iterable(mine))

    def compute_scores(model: Seq2Seq) -> dict[str, float]:
        found = chain.from_iterable(
            translate_lines(model, *subwords, [sources[number] for number in batch], search) for batch in mine
        )
        counted = progress.track(found, "validation", len(numbers), "lines")
        texts = zip(numbers, (translations[0].text for translations in counted), strict=True)
        merged = sorted(chain.from_iterable(gather(list(texts))))
        return score_validation([text for _, text in merged], references, tokenizer)

    return compute_scores
