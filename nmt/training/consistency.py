"""Consistency: every batch is read twice, and the two passes are to predict the same.

The passes differ by dropout and, in SimCut, by tokens that are cut from the second. Both are computed together, as one
batch with every sentence twice. The loss is `consistent_loss` in nmt.training.loss.
"""

# B sentences, or 2 * B   S source positions   T target positions

import torch
from torch import Tensor

from nmt.data.batches import Batch
from nmt.ids import EOS
from nmt.kernels.consistency_fused import Consistency
from nmt.model.dropout import KeptTokens
from nmt.settings import TrainSettings

KINDS = {"simcut": (1.0, 0.0, 1.0, 0.0), "r-drop": (0.5, 0.5, 0.5, 0.5)}


def choose_consistency(settings: TrainSettings) -> Consistency | None:
    """The consistency that `settings.consistency` names; None for none.

    simcut:  CE(x, y) + weight KL(p(x, y) || p(x_cut, y_cut))       Gao et al. 2022, arXiv:2206.02368
    r-drop:  (CE_1 + CE_2) / 2 + weight (KL(p_1 || p_2) + KL(p_2 || p_1)) / 2   Liang et al. 2021, arXiv:2106.14448, 2.1

    In SimCut the gradient reaches both sides of KL, as in the authors' program: they find that this is what helps.
    Their weight is 3, and their probability of a cut 0.05. R-Drop's loss is the sum of the two cross-entropies in the
    paper and their mean in the authors' README and here, where the paper's weight of 5 is 2.5.
    """
    if settings.consistency == "none":
        return None
    return Consistency(*KINDS[settings.consistency], settings.consistency_weight)


def double_batch(batch: Batch, settings: TrainSettings) -> tuple[tuple[Tensor, Tensor, Tensor], KeptTokens | None]:
    """Source, lengths and target of a batch with all its sentences twice, first pass first, and the tokens to keep.

    In SimCut, `settings.cut` is the probability that a token is cut from the second pass: its embedding is zero, and
    the others are not scaled. As in the authors' program, the end of the source and the beginning of the target stay.
    In R-Drop nothing is drawn here.
    """
    source_BS, lengths_B, target_BT = (
        torch.cat((side, side)) for side in (batch.source_BS, batch.source_lengths_B, batch.target_BT)
    )
    if settings.consistency != "simcut":
        return (source_BS, lengths_B, target_BT), None
    first = len(batch.source_BS)
    kept_BS, kept_BT = (torch.rand(side.shape, device=side.device) >= settings.cut for side in (source_BS, target_BT))
    kept_BS[:first], kept_BT[:first], kept_BT[:, 0] = True, True, True
    return (source_BS, lengths_B, target_BT), KeptTokens(kept_BS | (source_BS == EOS), kept_BT)
