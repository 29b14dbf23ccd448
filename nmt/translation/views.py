"""Converts translations and forced pairs to the views of the attention page."""

from collections.abc import Sequence

from nmt.analysis.alignment import extract_links, spread_attention, spread_links, summarise_attention
from nmt.analysis.page import AttentionView
from nmt.translation import batching
from nmt.translation.forced_pairs import ForcedPair
from nmt.translation.result import Translation


def spread_view(view: AttentionView, source_groups: Sequence[int], target_groups: Sequence[int]) -> AttentionView:
    """A view of words from a view of groups of words. The arguments are the group of each word."""
    diagnostics = view.diagnostics
    if diagnostics is not None:
        diagnostics = diagnostics._replace(
            unattended=[word for word, group in enumerate(source_groups) if group in diagnostics.unattended],
            unsupported=[word for word, group in enumerate(target_groups) if group in diagnostics.unsupported],
        )
    return view._replace(
        weights_JI=spread_attention(view.weights_JI, source_groups, target_groups),
        links=spread_links(view.links, source_groups, target_groups),
        diagnostics=diagnostics,
    )


def build_gate_view(model: int, one: ForcedPair, offset: int = 0) -> AttentionView:
    """The view of a gate, whose weights are means over the pieces of words; it has no links."""
    shown = build_forced_view(model, one, offset)
    return shown._replace(weights_JI=one.compute_mean_attention(offset), links=[], diagnostics=None)


def build_forced_view(model: int, one: ForcedPair, offset: int = 0, threshold: float | None = None) -> AttentionView:
    """The view of a pair in forced decoding. `offset` and `threshold` determine the links."""
    weights_JI, diagnostics = summarise_attention(
        one.attention_TS,
        one.source.group_of_piece[: batching.MAX_PIECES],
        one.target.group_of_piece[: batching.MAX_PIECES],
        one.source.groups,
        one.target.groups,
        offset,
    )
    score = one.log_prob / len(one.token_log_probs)
    links = extract_links(weights_JI, threshold)
    view = AttentionView(
        model, 0, one.target.words, weights_JI, links, diagnostics, score, one.is_whole, target_text=one.target.text
    )
    return spread_view(view, one.source.group_of_word, one.target.group_of_word)


def build_translation_view(
    model: int, rank: int, one: Translation, offset: int = 0, threshold: float | None = None
) -> AttentionView:
    """The view of a translation."""
    weights_JI, diagnostics = summarise_attention(
        one.attention_TS,
        one.source_group_of_piece,
        one.target_group_of_piece,
        max(one.source_group_of_word, default=-1) + 1,
        max(one.target_group_of_word, default=-1) + 1,
        offset,
    )
    score = one.log_prob / max(len(one.token_log_probs), 1)
    links = extract_links(weights_JI, threshold)
    cut = one.is_whole, one.is_finished
    view = AttentionView(model, rank, one.target_words, weights_JI, links, diagnostics, score, *cut, one.text)
    return spread_view(view, one.source_group_of_word, one.target_group_of_word)
