"""A trained network packed for translation: a step model that computes what `Seq2Seq` computes, faster.

Whatever is the same at every step is computed when the engine is built: weights are packed in the chosen precision, and
embeddings are multiplied by the weights of the decoder's step.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   E embedding   M memory   V target words
# I inputs from the embedding   R readout   C words that are scored

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.ids import EOS
from nmt.inference.packed import PackedLayer, pack_cell
from nmt.inference.product import can_multiply_bfloat16, choose_product
from nmt.model.seq2seq import Seq2Seq, State
from nmt.step import StepOut

TABLE = 1 << 26  # largest table of projected embeddings, in numbers: a quarter of a gibibyte
COLUMNS = 256  # the number of scored words is a multiple of this, because oneDNN builds code for every new number


class Engine:
    """A step model built from a `Seq2Seq` in evaluation mode, which it keeps.

    Numbers between products have the model's type. A cell or an attention that has no packed form runs unchanged.
    """

    @torch.no_grad()
    def __init__(self, model: Seq2Seq, precision: str = "float32") -> None:
        self.model = model
        self.vocabulary = model.vocabulary
        embedding_VE = model.target_embedding.weight
        build_product = choose_product(precision, embedding_VE.device)
        settings = model.settings
        is_bounded = settings.encoder_layers > 0 and not (settings.layer_norm or settings.encoder_heads)
        self.cell = pack_cell(model.cell, build_product, is_bounded)
        self.layer = PackedLayer(model.encoder, build_product, is_bounded)
        self.score_words = build_product(model.output_vectors, model.output_bias, True)
        width = model.cell.project_embedding(embedding_VE[:1]).shape[1]
        self.table_VI: Tensor | None = None
        if self.vocabulary * width <= TABLE:
            device = embedding_VE.device
            is_rounded = precision != "float32" and can_multiply_bfloat16(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=is_rounded):
                self.table_VI = model.cell.project_embedding(embedding_VE).to(embedding_VE.dtype)

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> State:
        """See nmt.step.StepModel."""
        build_memory = None if self.cell is None else self.cell.attention.build_memory
        return State(*self.model.encode(source_BS, lengths_B, self.layer, build_memory))

    def step(self, previous_N: Tensor, state: State) -> StepOut:
        """See nmt.step.StepModel."""
        return self.step_with(previous_N, state, self.score_words)

    def step_with(self, previous_N: Tensor, state: State, score_words: Callable[[Tensor], Tensor]) -> StepOut:
        """A step whose logits are computed by `score_words`: readout_NR -> logits_NV."""
        memory, carry = state
        if self.table_VI is None:
            inputs_NI = self.model.cell.project_embedding(self.model.target_embedding(previous_N))
        else:
            inputs_NI = self.table_VI.index_select(0, previous_N)
        if self.cell is None:
            inputs_BKI = inputs_NI.view(*carry.hidden_BKD.shape[:2], -1)
            output = self.model.cell(inputs_BKI, carry, memory)
        else:
            output = self.cell(inputs_NI, carry, memory)
        readout_BKR, carry, attention_BKS, parts_BKHS = output
        log_probs_NV = score_words(readout_BKR.flatten(0, 1)).log_softmax(-1)
        parts_NHS = None if parts_BKHS is None else parts_BKHS.flatten(0, 1)
        return StepOut(log_probs_NV, State(memory, carry), attention_BKS.flatten(0, 1), parts_NHS=parts_NHS)

    def select(self, state: State, rows_BK: Tensor) -> State:
        """See nmt.step.StepModel."""
        return self.model.select(state, rows_BK)

    def with_shortlist(self, allowed_BV: Tensor) -> "ShortlistEngine":
        """A step model for one batch that scores only the words allowed in its sentences."""
        return ShortlistEngine(self, allowed_BV)


class ShortlistState(NamedTuple):
    """The state of `ShortlistEngine`."""

    inner: State
    allowed_BC: Tensor


class ShortlistEngine:
    """An engine that generates only words of a list. It serves one batch, which has a list for each sentence.

    Only words that are on a list of the batch are scored. Probabilities are a softmax over the sentence's own list, so
    they do not depend on the other sentences.
    """

    def __init__(self, engine: Engine, allowed_BV: Tensor) -> None:
        self.engine = engine
        self.vocabulary = engine.vocabulary
        allowed_BV = allowed_BV.to(engine.model.target_embedding.weight.device)
        is_listed_V = allowed_BV.any(0)
        is_listed_V[: EOS + 1] = True
        words_C = is_listed_V.nonzero()[:, 0]
        others_V = (~is_listed_V).nonzero()[:, 0]
        words_C = torch.cat([words_C, others_V[: -len(words_C) % COLUMNS]]).sort().values
        self.allowed_BC = allowed_BV[:, words_C]
        self.words_C = words_C
        self.score_words = engine.score_words.select_outputs(words_C)

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> ShortlistState:
        """See nmt.step.StepModel."""
        return ShortlistState(self.engine.start(source_BS, lengths_B), self.allowed_BC)

    def step(self, previous_N: Tensor, state: ShortlistState) -> StepOut:
        """See nmt.step.StepModel."""

        def score_words(readout_NR: Tensor) -> Tensor:
            logits_NC = self.score_words(readout_NR)
            logits_BKC = logits_NC.view(len(state.allowed_BC), -1, len(self.words_C))
            logits_BKC.masked_fill_(~state.allowed_BC[:, None], -torch.inf)
            return logits_NC

        out = self.engine.step_with(previous_N, state.inner, score_words)
        return out._replace(state=ShortlistState(out.state, state.allowed_BC), words_V=self.words_C)

    def select(self, state: ShortlistState, rows_BK: Tensor) -> ShortlistState:
        """See nmt.step.StepModel."""
        sentences, width = state.inner.carry.hidden_BKD.shape[:2]
        is_same = len(rows_BK) == sentences
        allowed_BC = state.allowed_BC if is_same else state.allowed_BC[rows_BK[:, 0] // width]
        return ShortlistState(self.engine.select(state.inner, rows_BK), allowed_BC)
