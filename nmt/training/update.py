"""One update: forward, backward, clip and a step of the optimizer, over the batches that share it.

It knows a model and batches, and nothing of epochs, validation or files.
"""

# B sentences   T target positions   R readout   N real target positions

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nmt.config import TrainSettings
from nmt.data.batches import Batch, split_batch
from nmt.errors import TrainingError, is_out_of_memory
from nmt.ids import PAD
from nmt.model.seq2seq import Seq2Seq
from nmt.model.unroll import unroll
from nmt.model.unroll_fused import unroll_fused
from nmt.training.loss import plain_loss
from nmt.training.loss_fused import fused_loss
from nmt.training.optim import build_optimizer

LOOPS = {"reference": (unroll, plain_loss), "fused": (unroll_fused, fused_loss), "auto": (unroll_fused, fused_loss)}


class Updater:
    """A model, its optimizer and how the two are driven. Same updates whatever `settings.loop` says."""

    def __init__(
        self, model: Seq2Seq, settings: TrainSettings, *, device: torch.device, precision: torch.dtype
    ) -> None:
        self.model = model.to(device)
        self.settings = settings
        self.device = device
        self.precision = precision
        self.decode, self.word_loss = LOOPS[settings.loop]
        self.optimizer = build_optimizer(model, settings)

    def update(self, batches: Sequence[Batch], rate: float) -> tuple[Tensor, Tensor, int]:
        """One step of the optimizer. -> summed loss, summed negative log-likelihood, target tokens

        A batch that does not fit in memory is done again in halves; one pair that does not fit raises TrainingError.
        """
        self.model.train()
        tokens = sum(batch.target_tokens for batch in batches)
        while True:
            self.optimizer.zero_grad(set_to_none=True)
            try:
                figures = [self._accumulate(batch, tokens) for batch in batches]
                break
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            if all(len(batch.source_BS) == 1 for batch in batches):
                raise TrainingError(
                    "one sentence pair alone does not fit in memory\n"
                    "  Prepare with a smaller --max-length, or train a smaller model"
                )
            parts = [split_batch(batch) if len(batch.source_BS) > 1 else (batch,) for batch in batches]
            batches = [half for halves in parts for half in halves]
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        if self.settings.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        self.optimizer.step()
        losses, nlls = zip(*figures, strict=True)
        return torch.stack(losses).sum(), torch.stack(nlls).sum(), tokens

    def _accumulate(self, batch: Batch, tokens: int) -> tuple[Tensor, Tensor]:
        """Add a batch's share of the gradient. -> summed loss, summed negative log-likelihood"""
        loss, nll = self.loss(batch)
        (loss / tokens).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), nll

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """-> summed loss, summed negative log-likelihood"""
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            readout_BTR, _ = self.model(batch.source_BS, batch.source_lengths_B, batch.target_BT, self.decode)
            real_N = (batch.target_BT != PAD).flatten().nonzero_static(size=batch.target_tokens).squeeze(1)
            return self.word_loss(
                readout_BTR.flatten(0, 1)[real_N],
                self.model.output_vectors,
                self.model.output_bias,
                batch.target_BT.flatten()[real_N],
                self.settings.label_smoothing,
            )
