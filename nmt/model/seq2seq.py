"""The whole network: embeddings, encoder, bridge, decoder and output layer. It is also a step model for search.

It works on token ids and tensors; text and training are elsewhere.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   T target positions
# E embedding   M memory   D decoder state   R readout   V target words

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.ids import BOS, PAD
from nmt.model.attention.base import Memory
from nmt.model.cells import Carry, CellOut, build_cell
from nmt.model.dropout import Dropout, KeptTokens, WordDropout
from nmt.model.encoder import Encoder, Layer, run_layer
from nmt.model.initialise import draw_parameters
from nmt.model.lexical import LexicalModel
from nmt.model.unroll import Unroll, Unrolled, unroll
from nmt.settings import ModelSettings
from nmt.step import Array, StepOut


class State(NamedTuple):
    """A batch in the middle of decoding: the memory of its sentences, and the carry of their rows."""

    memory: Memory
    carry: Carry


def build_undefined_embedding(vocabulary: int, size: int, padding_idx: int) -> nn.Embedding:
    """An embedding without initial draws, for which torch imports its compiler where the device is meta: one second."""
    weight_VE = torch.empty(vocabulary, size)
    embedding: nn.Embedding = nn.Embedding.from_pretrained(weight_VE, False, padding_idx)  # type: ignore[no-untyped-call]
    return embedding


class Seq2Seq(nn.Module):
    """GRU encoder-decoder with attention. `tie="all"` needs one vocabulary for both sides.

    With `initialise=False` parameters are left undefined, which saves time where a checkpoint replaces them.
    """

    def __init__(
        self, settings: ModelSettings, source_vocabulary: int, target_vocabulary: int, *, initialise: bool = True
    ) -> None:
        super().__init__()
        self.settings = settings
        self.vocabulary = target_vocabulary
        memory_size = 2 * settings.encoder_size
        build: Callable[..., nn.Embedding] = nn.Embedding if initialise else build_undefined_embedding
        self.target_embedding = build(target_vocabulary, settings.embedding_size, padding_idx=PAD)
        if settings.tie == "all":
            assert source_vocabulary == target_vocabulary
            self.source_embedding = self.target_embedding
        else:
            self.source_embedding = build(source_vocabulary, settings.embedding_size, padding_idx=PAD)
        self.dropout = Dropout(settings.dropout, settings.variational)
        self.word_dropout = WordDropout(settings.word_dropout)
        self.encoder = Encoder(
            settings.embedding_size,
            settings.encoder_size,
            settings.encoder_layers,
            self.dropout,
            settings.layer_norm,
            settings.encoder_heads,
            settings.weight_dropout,
            settings.residual,
            settings.encoder_cell,
            settings.encoder_transitions,
        )
        self.bridge = nn.Linear(memory_size, settings.decoder_size) if settings.bridge != "zeros" else None
        self.cell = build_cell(settings)
        self.lexical = LexicalModel(settings.embedding_size, target_vocabulary) if settings.lexical else None
        if settings.tie == "none":
            self.output_weight = nn.Parameter(torch.empty(target_vocabulary, settings.scored_size))
        self.output_bias = nn.Parameter(torch.empty(target_vocabulary))
        if initialise:
            self.initialise()

    def initialise(self) -> None:
        """Draw every parameter: see nmt.model.initialise."""
        draw_parameters(self)

    def embed(self, embedding: nn.Embedding, token_BT: Tensor, kept_BT: Tensor | None = None) -> Tensor:
        """The embeddings of tokens, in training with dropout of words and of features. -> embedded_BTE"""
        embedded_BTE: Tensor = embedding(token_BT)
        if kept_BT is not None:
            embedded_BTE = embedded_BTE * kept_BT[:, :, None]
        dropped_BTE: Tensor = self.dropout(self.word_dropout(embedded_BTE))
        return dropped_BTE

    def encode(
        self,
        source_BS: Tensor,
        lengths_B: Tensor,
        layer: Layer = run_layer,
        build_memory: Callable[[Tensor, Tensor], Memory] | None = None,
        kept_BS: Tensor | None = None,
    ) -> tuple[Memory, Carry]:
        """The memory of a batch, and the decoder's carry before its first position.

        `layer` is `run_layer`, or `scan_layer`, which computes the same. `build_memory` replaces the attention's own.
        `kept_BS` is that of KeptTokens.
        """
        embedded_BSE = self.embed(self.source_embedding, source_BS, kept_BS)
        values_BSM, final_BM = self.encoder(embedded_BSE, lengths_B, layer)
        if self.bridge is None:
            hidden_BD = values_BSM.new_zeros(source_BS.shape[0], self.settings.decoder_size)
        else:
            mean = self.settings.bridge == "mean"
            hidden_BD = torch.tanh(self.bridge(values_BSM.sum(1) / lengths_B[:, None] if mean else final_BM))
        build_memory = build_memory or self.cell.attention.build_memory
        memory = build_memory(self.dropout(values_BSM), source_BS != PAD)
        if self.lexical is not None:
            memory = memory._replace(embedded_BSW=embedded_BSE)
        return memory, self.cell.initial_carry(hidden_BD)

    def forward(
        self,
        source_BS: Tensor,
        lengths_B: Tensor,
        target_BT: Tensor,
        layer: Layer = run_layer,
        decode: Unroll = unroll,
        kept: KeptTokens | None = None,
    ) -> Unrolled:
        """Teacher forcing: what the decoder computes at every position of a target that ends with EOS.

        `layer` is `run_layer` or `scan_layer`, `decode` is `unroll` or `unroll_fused`. The second of each is faster and
        computes the same. With `kept`, the embeddings of some tokens are zero.
        """
        kept_BS, kept_BT = kept or (None, None)
        memory, carry = self.encode(source_BS, lengths_B, layer, kept_BS=kept_BS)
        previous_BT = F.pad(target_BT[:, :-1], (1, 0), value=BOS)
        embedded_BTE = self.embed(self.target_embedding, previous_BT, kept_BT)
        readout_BTR, attention_BTS = decode(self.cell, embedded_BTE, carry, memory, layer)
        return Unrolled(self.dropout(self.complete(readout_BTR, attention_BTS, memory)), attention_BTS)

    @property
    def output_vectors(self) -> Tensor:
        """The output vectors of words: the target embeddings when they are tied. -> vectors_VR"""
        vectors_VR = self.output_weight if self.settings.tie == "none" else self.target_embedding.weight
        return vectors_VR if self.lexical is None else torch.cat((vectors_VR, self.lexical.weight), -1)

    def complete(self, readout_BKR: Tensor, weights_BKS: Tensor, memory: Memory) -> Tensor:
        """The readout of rows or target positions, followed by that of the lexical model if there is one."""
        if self.lexical is None:
            return readout_BKR
        assert memory.embedded_BSW is not None
        lexical_BKW = self.lexical(weights_BKS, memory.embedded_BSW)
        return torch.cat((readout_BKR, lexical_BKW.to(readout_BKR.dtype)), -1)

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts of attention in StepOut.parts_NHS; empty where attention has one part."""
        return self.cell.attention.part_names

    def score_words(self, readout_NR: Tensor) -> Tensor:
        """The logits of all words. -> logits_NV"""
        return F.linear(readout_NR, self.output_vectors, self.output_bias)

    @torch.inference_mode()
    def start(self, source_BS: Array, lengths_B: Array) -> State:
        """See nmt.step.StepModel."""
        return State(*self.encode(self.copy_array(source_BS), self.copy_array(lengths_B)))

    @torch.inference_mode()
    def step(self, previous_N: Array, state: State) -> StepOut:
        """See nmt.step.StepModel."""
        output, log_probs_NV = self.predict(previous_N, state)
        return build_step_out(output, state.memory, log_probs_NV)

    @torch.inference_mode()
    def select(self, state: State, rows_BK: Array) -> State:
        """See nmt.step.StepModel. Memory is copied only when sentences have left the batch."""
        memory, carry = state
        sentences, width = carry.hidden_BKD.shape[:2]
        if len(rows_BK) != sentences:
            kept_B = self.copy_array(rows_BK[:, 0] // width)
            memory = Memory(*(part if part is None else part[kept_B] for part in memory))  # type: ignore[arg-type]
        rows = self.copy_array(rows_BK)
        selected = (part if part is None else part.flatten(0, 1)[rows] for part in carry)
        return State(memory, Carry(*selected))  # type: ignore[arg-type]

    def with_best(self, count: int, forbidden_ids: Sequence[int]) -> "NarrowSeq2Seq":
        """A step model that returns the `count` most probable words of each row alone, so that few numbers leave a GPU.

        The forbidden ids have no probability.
        """
        return NarrowSeq2Seq(self, min(count, self.vocabulary), forbidden_ids)

    def predict(self, previous_N: Array, state: State) -> tuple[CellOut, Tensor]:
        """One step of the cell, and the log-probabilities of all words. -> output, log_probs_NV"""
        memory, carry = state
        embedded_BKE = self.target_embedding(self.copy_array(previous_N.reshape(carry.hidden_BKD.shape[:2])))
        output = self.cell(self.cell.project_embedding(embedded_BKE), carry, memory)
        readout_BKR = self.complete(output.readout_BKR, output.attention_BKS, memory)
        logits_NV = self.score_words(readout_BKR.flatten(0, 1))
        return output, logits_NV.to(torch.promote_types(logits_NV.dtype, torch.float32)).log_softmax(-1)

    def copy_array(self, array: Array) -> Tensor:
        """An array as a tensor where the weights are."""
        return torch.from_numpy(array).to(self.output_bias.device)


class NarrowSeq2Seq:
    """A network as a step model that returns some words alone; see `Seq2Seq.with_best`."""

    def __init__(self, model: Seq2Seq, count: int, forbidden_ids: Sequence[int]) -> None:
        self.model = model
        self.vocabulary = model.vocabulary
        self.count = count
        self.forbidden_ids = list(forbidden_ids)
        self.start, self.select = model.start, model.select

    @torch.inference_mode()
    def step(self, previous_N: Array, state: State) -> StepOut:
        """See nmt.step.StepModel."""
        output, log_probs_NV = self.model.predict(previous_N, state)
        log_probs_NV[:, self.forbidden_ids] = -torch.inf
        log_probs_NC, words_NC = log_probs_NV.topk(self.count)
        return build_step_out(output, state.memory, log_probs_NC)._replace(words_NC=to_array(words_NC))


def build_step_out(output: CellOut, memory: Memory, log_probs: Tensor) -> StepOut:
    """The output of a step, copied from where it was computed."""
    parts_NHS = None if output.parts_BKHS is None else to_array(output.parts_BKHS.flatten(0, 1))
    attention_NS = to_array(output.attention_BKS.flatten(0, 1))
    return StepOut(to_array(log_probs), State(memory, output.carry), attention_NS, parts_NHS=parts_NHS)


def to_array(tensor: Tensor) -> Array:
    """A tensor as an array, of float32 where NumPy lacks its type."""
    array: Array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
    return array
