"""Converts translations and forced pairs to the views of the attention page."""

from nmt.analysis.alignment import extract_links, summarise_attention
from nmt.analysis.page import AttentionView
from nmt.translation import batching
from nmt.translation.forced_pairs import ForcedPair
from nmt.translation.result import Translation


def build_gate_view(model: int, one: ForcedPair, offset: int = 0) -> AttentionView:
    """The view of a gate, whose weights are means over the pieces of words; it has no links."""
    shown = build_forced_view(model, one, offset)
    return shown._replace(weights_JI=one.compute_mean_attention(offset), links=[], diagnostics=None)


def build_forced_view(model: int, one: ForcedPair, offset: int = 0, threshold: float | None = None) -> AttentionView:
    """The view of a pair in forced decoding. `offset` and `threshold` determine the links."""
    weights_JI, diagnostics = summarise_attention(
        one.attention_TS,
        one.source.word_of_piece[: batching.MAX_PIECES],
        one.target.word_of_piece[: batching.MAX_PIECES],
        len(one.source.words),
        len(one.target.words),
        offset,
    )
    score = one.log_prob / len(one.token_log_probs)
    is_whole = max(len(one.source.ids), len(one.target.ids)) <= batching.MAX_PIECES
    links = extract_links(weights_JI, threshold)
    return AttentionView(model, 0, one.target.words, weights_JI, links, diagnostics, score, is_whole)


def build_translation_view(
    model: int, rank: int, one: Translation, offset: int = 0, threshold: float | None = None
) -> AttentionView:
    """The view of a translation."""
    weights_JI, diagnostics = summarise_attention(
        one.attention_TS,
        one.source_word_of_piece,
        one.target_word_of_piece,
        len(one.source_words),
        len(one.target_words),
        offset,
    )
    score = one.log_prob / max(len(one.token_log_probs), 1)
    links = extract_links(weights_JI, threshold)
    cut = one.is_whole, one.is_finished
    return AttentionView(model, rank, one.target_words, weights_JI, links, diagnostics, score, *cut)
