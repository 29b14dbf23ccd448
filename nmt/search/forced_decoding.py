"""Forced decoding: the log-probabilities and the attention that a model gives to a known translation.

It takes the same steps as search, so that both agree on every hypothesis.
"""

# B sentences   S source positions   T target positions   H parts of attention

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nmt.ids import BOS
from nmt.search.hypothesis import raise_if_nan
from nmt.step import Array, StepModel


@dataclass(frozen=True, eq=False)
class ForcedTarget:
    """A known translation with a model's log-probabilities and attention; the fields are those of Hypothesis."""

    log_prob: float
    token_log_probs: tuple[float, ...]
    attention_TS: Array
    parts_HTS: Array | None = None  # heads, branches or gates of the attention, from a model that returns them


def force_decode(
    model: StepModel,
    source_BS: Array,
    lengths_B: Array,
    target_BT: Array,
    target_lengths_B: Array,
    check: Callable[[], object] = bool,
) -> list[ForcedTarget]:
    """Feed each target to the model, word by word. Targets end with EOS, then PAD.

    `check` is called before each step, and may raise an error to stop.

    Raises NmtError when the model returns NaN.
    """
    state = model.start(source_BS, lengths_B)
    previous_B = np.full_like(lengths_B, BOS)
    log_probs, attention, parts = [], [], []
    for target_B in target_BT.T:
        check()
        out = model.step(previous_B, state).expand_to_vocabulary(model.vocabulary)
        log_probs.append(out.log_probs_NV[np.arange(len(target_B)), target_B])
        attention.append(out.attention_NS)
        parts.append(out.parts_NHS)
        state, previous_B = out.state, target_B
    log_probs_BT, attention_BTS = np.stack(log_probs, 1), np.stack(attention, 1).astype(np.float32, copy=False)
    parts_BHTS = None if parts[0] is None else np.stack(parts, 2).astype(np.float32, copy=False)  # type: ignore[arg-type]
    real_BT = np.arange(target_BT.shape[1]) < target_lengths_B[:, None]
    for position, least in enumerate(log_probs_BT.min(0, where=real_BT, initial=0), 1):
        raise_if_nan(least, position)
    results = []
    for row, (length, source_length) in enumerate(zip(target_lengths_B.tolist(), lengths_B.tolist(), strict=True)):
        token_log_probs = tuple(log_probs_BT[row, :length].tolist())
        attention_TS = attention_BTS[row, :length, :source_length]
        parts_HTS = None if parts_BHTS is None else parts_BHTS[row, :, :length, :source_length]
        results.append(ForcedTarget(sum(token_log_probs), token_log_probs, attention_TS, parts_HTS))
    return results
