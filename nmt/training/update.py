"""One update: forward and backward over its batches, gradient clipping and a step of the optimizer."""

# B sentences   T target positions   R readout   N real target positions   P parameters, or the two passes

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.profiler import record_function

from nmt.data.batches import Batch, measure_size, split_batch, split_to_size
from nmt.errors import Option, TrainingError, is_out_of_memory
from nmt.ids import PAD
from nmt.kernels.compiled import compile_function, compile_kernels
from nmt.kernels.consistency_fused import (
    consistent_gradient,
    consistent_gradient_in_blocks,
    fused_consistent_loss,
)
from nmt.kernels.loss_fused import ScoreBuffer, fused_loss, softmax_gradient, softmax_gradient_in_blocks
from nmt.kernels.pointwise import EAGER_KERNELS
from nmt.kernels.scan import scan_layer
from nmt.kernels.unroll_fused import unroll_fused
from nmt.model.encoder import Layer, run_layer
from nmt.model.seq2seq import Seq2Seq
from nmt.model.unroll import Unroll, unroll
from nmt.progress import Progress
from nmt.settings import TrainSettings
from nmt.training.consistency import choose_consistency, double_batch
from nmt.training.cuda_graphs import GraphedGradients
from nmt.training.distributed import ALONE, Group
from nmt.training.loss import consistent_loss, guided_loss, smoothed_loss
from nmt.training.optim import apply_update, build_optimizer


class Loops(NamedTuple):
    """The functions that compute a network in training: an encoder layer, the decoder, and losses of target words."""

    layer: Layer = run_layer
    decode: Unroll = unroll
    word_loss: Callable[..., tuple[Tensor, Tensor]] = smoothed_loss
    consistent_loss: Callable[..., tuple[Tensor, Tensor, Tensor]] = consistent_loss


Observe = Callable[[Tensor, Batch], None]  # gets attention_BTS and its batch
REFERENCE, FUSED = Loops(), Loops(scan_layer, unroll_fused, fused_loss, fused_consistent_loss)
LOOPS = {"reference": REFERENCE, "fused": FUSED, "auto": FUSED}


def build_loops(settings: TrainSettings, device: torch.device) -> Loops:
    """The loops that `settings.loop` names, with compiled element-wise operations if `settings.compile` is True.

    On a GPU each encoder layer is one call of cuDNN, because a loop there waits for Python at every position.
    """
    if LOOPS[settings.loop] is REFERENCE:
        return REFERENCE
    kernels, gradient_kernel, consistent_kernel = (
        (compile_kernels(), compile_function(softmax_gradient), compile_function(consistent_gradient))
        if settings.compile is True
        else (EAGER_KERNELS, softmax_gradient_in_blocks, consistent_gradient_in_blocks)
    )
    buffer = ScoreBuffer()
    return Loops(
        run_layer if device.type == "cuda" else partial(scan_layer, kernels=kernels),
        partial(unroll_fused, kernels=kernels),
        partial(fused_loss, gradient_kernel=gradient_kernel, buffer=buffer),
        partial(fused_consistent_loss, gradient_kernel=consistent_kernel, buffer=buffer),
    )


class UpdateSums(NamedTuple):
    """Sums over the positions of an update, in all processes.

    `guided` and `linked` are 0 without guided attention, `divergence` is 0 without consistency.
    """

    loss: Tensor
    nll: Tensor  # negative log-likelihood of the target words
    tokens: int  # number of target tokens
    guided: Tensor  # guided loss, not multiplied by its weight
    linked: Tensor  # number of target pieces with links, which the guided loss is a sum over
    divergence: Tensor  # between the two passes, not multiplied by the weight of consistency; see `consistent_loss`
    norms_P: Tensor  # norm of the gradient of each parameter, in the order of `Updater.parameter_names`
    is_unchanged: Tensor  # whether the update changed nothing; see `apply_update`
    split_from: int  # the size from which batches are split, 0 if all have fitted in memory; see `measure_size`


class Updater:
    """Updates a model. The updates are the same for every value of `settings.loop`; only their speed differs.

    Each process of a `group` has its share of the batches, and all of them make the same update: that of the batches.
    """

    def __init__(
        self,
        model: Seq2Seq,
        settings: TrainSettings,
        *,
        device: torch.device,
        precision: torch.dtype,
        group: Group = ALONE,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self.model = model.to(device)
        self.settings = settings
        self.device = device
        self.precision = precision
        self.group = group
        self.loops = build_loops(settings, device)
        self.consistency = choose_consistency(settings)
        self.optimizer = build_optimizer(model, settings)
        names = {parameter: name for name, parameter in model.named_parameters()}
        self.parameter_names = [names[one] for group in self.optimizer.param_groups for one in group["params"]]
        self.graphed = None
        if device.type == "cuda" and settings.cuda_graphs:
            self.graphed = GraphedGradients(self._accumulate, list(model.parameters()), device, note or Progress().note)

    def update(
        self, batches: Sequence[Batch], rate: float, guided_weight: float = 0.0, split_from: int = 0
    ) -> UpdateSums:
        """One step of the optimizer on the loss of target words, plus the guided loss with its weight.

        Batches whose size is `split_from` or more are split in halves first, and so is a batch that does not fit in
        memory, after which its size is that from which batches are split. Raises TrainingError when a single pair does
        not fit. Other processes wait meanwhile: they communicate when each has the gradients of all its batches.
        """
        self.model.train()
        tokens = sum(batch.target_tokens if batch.whole_tokens is None else batch.whole_tokens for batch in batches)
        batches = [batch for batch in batches if batch.target_tokens]
        while True:
            parts = [part for batch in batches for part in split_to_size(batch, split_from)]
            self.optimizer.zero_grad(set_to_none=self.graphed is None)  # graphs add to gradients that stay in place
            sums: list[tuple[Tensor, ...]] = []
            try:
                for part in parts:
                    sums.append((self.graphed or self._accumulate)(part, tokens, guided_weight))
                break
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            failed = parts[len(sums)]
            if len(failed.source_BS) == 1:
                raise TrainingError(
                    "one sentence pair alone does not fit in memory\n  Prepare with a smaller ",
                    *(Option("max_length"), ", or train a smaller model"),
                )
            split_from = measure_size(failed)
            if self.graphed is not None:
                self.graphed.stop("they need memory of their own, and a batch did not fit")
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        sums = sums or [tuple(torch.zeros(5, device=self.device, dtype=self.model.output_bias.dtype))]
        loss, nll, guided, linked, divergence = (
            torch.stack(terms).sum().to(sums[0][0].dtype) for terms in zip(*sums, strict=True)
        )
        self.group.add_gradients(self.model)
        self.group.add([loss, nll, guided, linked, divergence])
        with record_function("optimizer"):
            norms_P, is_unchanged = apply_update(self.optimizer, rate, self.settings.clip)
        return UpdateSums(loss, nll, tokens, guided, linked, divergence, norms_P, is_unchanged, split_from)

    def measure(self, batch: Batch, observe: Observe | None = None) -> float:
        """The negative log-likelihood of a batch, summed, in nats. It is split in halves if it does not fit in memory.

        `observe` gets the attention. Raises TrainingError when a single pair does not fit.
        """
        try:
            return float(self.loss(batch, 0.0, observe)[1])
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch.source_BS) == 1:
                raise TrainingError(
                    "one validation pair alone does not fit in memory, and training is saved\n  Free memory, or train "
                    "a smaller model"
                ) from error
        return sum(self.measure(half, observe) for half in split_batch(batch))

    def _accumulate(self, batch: Batch, tokens: int | Tensor, guided_weight: float | Tensor) -> tuple[Tensor, ...]:
        """Add the gradient of a batch. -> what `loss` returns, without gradients"""
        with record_function("forward"):
            loss, *others = self.loss(batch, guided_weight)
        with record_function("backward"):
            (loss / tokens).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), *others

    def loss(
        self, batch: Batch, guided_weight: float | Tensor = 0.0, observe: Observe | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """-> summed loss, negative log-likelihood and guided loss, number of pieces with links, and summed divergence

        Guided attention is that of the first pass, where there are two. On a CPU scores are computed for real positions
        only. On a GPU padding takes part and counts nothing, so that no size depends on how much of it there is.
        """
        training = self.model.training
        layer, decode, word_loss, consistent_loss = self.loops if training else LOOPS[self.settings.loop]
        consistency = self.consistency if training else None
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            sides = batch.source_BS, batch.source_lengths_B, batch.target_BT
            sides, kept = (sides, None) if consistency is None else double_batch(batch, self.settings)
            readout_BTR, attention_BTS = self.model(*sides, layer, decode, kept)
            if observe is not None:
                observe(attention_BTS, batch)
            readout_NR, target_N = readout_BTR.flatten(0, 1), batch.target_BT.flatten()
            if self.device.type == "cpu":
                passes = 1 if consistency is None else 2
                real_N = (sides[2] != PAD).flatten().nonzero_static(size=passes * batch.target_tokens).squeeze(1)
                readout_NR, target_N = readout_NR[real_N], target_N[real_N[: batch.target_tokens]]
            words = self.model.output_vectors, self.model.output_bias, target_N, self.settings.label_smoothing
            if consistency is None:
                loss, nll = word_loss(readout_NR, *words)
                divergence = torch.zeros_like(nll)
            else:
                loss, nll, divergence = consistent_loss(readout_NR.unflatten(0, (2, -1)), *words, consistency)
            if batch.guide_BTS is None or not (isinstance(guided_weight, Tensor) or guided_weight):
                return loss, nll, torch.zeros_like(nll), torch.zeros_like(nll), divergence
            guided = guided_loss(attention_BTS[: len(batch.guide_BTS)], batch.guide_BTS)
        return loss + guided_weight * guided, nll, guided.detach(), batch.guide_BTS.sum(), divergence
