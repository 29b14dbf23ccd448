"""Translations and forced pairs as the page of attention shows them."""

from nmt.analysis.alignment import extract_links, summarise_attention
from nmt.analysis.page import AttentionView
from nmt.translation import batching
from nmt.translation.forced_pairs import ForcedPair
from nmt.translation.result import Translation


def gate_view(model: int, one: ForcedPair, offset: int = 0) -> AttentionView:
    """A gate on source words, which opens for each by itself: means over their pieces, and no links."""
    shown = forced_view(model, one, offset)
    return shown._replace(weights_JI=one.mean_attention(offset), links=[], diagnostics=None)


def forced_view(model: int, one: ForcedPair, offset: int = 0, threshold: float | None = None) -> AttentionView:
    """A given pair in a model's eyes; `offset` and `threshold` say how attention becomes links."""
    weights_JI, diagnostics = summarise_attention(
        one.attention_TS,
        one.source.word_of_piece[: batching.MAX_PIECES],
        one.target.word_of_piece[: batching.MAX_PIECES],
        len(one.source.words),
        len(one.target.words),
        offset,
    )
    score = one.log_prob / len(one.token_log_probs)
    return AttentionView(
        model, 0, one.target.words, weights_JI, extract_links(weights_JI, threshold), diagnostics, score
    )


def translation_view(
    model: int, rank: int, one: Translation, offset: int = 0, threshold: float | None = None
) -> AttentionView:
    """A translation as its model made it."""
    weights_JI, diagnostics = summarise_attention(
        one.attention_TS,
        one.source_word_of_piece,
        one.target_word_of_piece,
        len(one.source_words),
        len(one.target_words),
        offset,
    )
    score = one.log_prob / max(len(one.token_log_probs), 1)
    return AttentionView(
        model, rank, one.target_words, weights_JI, extract_links(weights_JI, threshold), diagnostics, score
    )
