"""The source side: embedded tokens in, memory and a summary for the decoder's first state out."""

# B sentences   S source positions   E embedding   H encoder state, one direction   M = 2 * H memory

import torch
from torch import Tensor, nn

from nmt.model.dropout import Dropout


class Encoder(nn.Module):
    """Bidirectional GRU layers                    Bahdanau et al. 2015, arXiv:1409.0473, A.2.1

    The memory of a word is the forward state after it beside the backward state before it. Unlike the paper's single
    layer, any number are stacked, with dropout between them and layer normalisation after each when asked.

    The backward direction is a forward GRU over sentences turned round within their own length, so that nothing is
    packed: padding comes last in both directions and is never read, and no length leaves the device.
    """

    def __init__(self, input_size: int, size: int, layers: int, dropout: Dropout, layer_norm: bool) -> None:
        super().__init__()
        widths = [2 * size if depth else input_size for depth in range(layers)]
        self.forwards = nn.ModuleList(nn.GRU(width, size, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(nn.GRU(width, size, batch_first=True) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(2 * size) if layer_norm else nn.Identity() for _ in widths)
        self.dropout = dropout

    def forward(self, embedded_BSE: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """-> values_BSM, final_BM: memory, zero on padding; the last state of each direction of the top layer.

        `lengths_B` counts real positions, each at least one.
        """
        positions_S = torch.arange(embedded_BSE.shape[1], device=embedded_BSE.device)
        real_BS1 = (positions_S < lengths_B[:, None])[..., None]
        turned_BS = (lengths_B[:, None] - 1 - positions_S) % len(positions_S)
        values_BSM = embedded_BSE
        for depth, (ahead, back, norm) in enumerate(zip(self.forwards, self.backwards, self.norms, strict=True)):
            if depth:
                values_BSM = self.dropout(values_BSM)
            ahead_BSH, _ = ahead(values_BSM)
            back_BSH, _ = back(turn(values_BSM, turned_BS))
            values_BSM = torch.cat((ahead_BSH, turn(back_BSH, turned_BS)), dim=-1)
            values_BSM = norm(values_BSM) * real_BS1
        last_BM = values_BSM.gather(1, (lengths_B - 1)[:, None, None].expand(-1, 1, values_BSM.shape[-1]))[:, 0]
        size = last_BM.shape[-1] // 2
        return values_BSM, torch.cat((last_BM[:, :size], values_BSM[:, 0, size:]), dim=-1)


def turn(values_BSF: Tensor, turned_BS: Tensor) -> Tensor:
    """Positions in the order `turned_BS` gives. Turning twice restores them. -> turned_BSF"""
    return values_BSF.gather(1, turned_BS[..., None].expand(-1, -1, values_BSF.shape[-1]))
