"""Coverage: which source positions attention has attended to, so that none is left out or translated twice.

Each row of the decoder has its own. Scores depend on it, and every target position updates it.
"""

# B sentences   K rows of a sentence   S source positions   M memory   D decoder state   C coverage
# Y keys of coverage for a source position: 1 or 3 * C

import torch
from torch import Tensor, nn

from nmt.model.gates import update_state
from nmt.settings import ModelSettings


class Coverage(nn.Module):
    """C(t, i), from C(t - 1, i) and the weight a(t, i) of source position i; C(0, i) = 0.

    `size` is C. `key_weight` projects the memory of a sentence to the Y keys of coverage, once.
    """

    size: int
    key_weight: nn.Linear

    def forward(self, coverage_BKSC: Tensor, weights_BKS: Tensor, state_BKD: Tensor, keys_BSY: Tensor) -> Tensor:
        """-> coverage_BKSC"""
        raise NotImplementedError


class LinguisticCoverage(Coverage):
    """C(t, i) = C(t-1, i) + a(t, i) / phi(i);  phi(i) = N sigm(u . h_i)

    Tu et al. 2016, arXiv:1601.04811, 3.1.1. phi is the fertility: how many target words a source word has, at most N.
    N is 2, as in their experiments.
    """

    fertility = 2

    def __init__(self, settings: ModelSettings, memory_size: int) -> None:
        super().__init__()
        self.size = 1
        self.key_weight = nn.Linear(memory_size, 1, bias=False)

    def forward(self, coverage_BKSC: Tensor, weights_BKS: Tensor, state_BKD: Tensor, keys_BSY: Tensor) -> Tensor:
        fertility_BSY = self.fertility * torch.sigmoid(keys_BSY.to(weights_BKS.dtype))
        return coverage_BKSC + weights_BKS[..., None] / fertility_BSY[:, None]


class NeuralCoverage(Coverage):
    """C(t, i) = GRU([a(t, i); h_i; s_t], C(t-1, i))

    Tu et al. 2016, arXiv:1601.04811, 3.1.2, with the gated function that they recommend.
    """

    def __init__(self, settings: ModelSettings, memory_size: int) -> None:
        super().__init__()
        self.size = settings.coverage_size
        gates = 3 * self.size
        self.key_weight = nn.Linear(memory_size, gates)
        self.state_weight = nn.Linear(settings.decoder_size, gates, bias=False)
        self.attention_weight = nn.Linear(1, gates, bias=False)
        self.from_hidden = nn.Linear(self.size, gates)

    def forward(self, coverage_BKSC: Tensor, weights_BKS: Tensor, state_BKD: Tensor, keys_BSY: Tensor) -> Tensor:
        dtype = state_BKD.dtype
        sums_BKSY = self.attention_weight(weights_BKS[..., None].to(dtype)) + keys_BSY[:, None]
        sums_BKSY = sums_BKSY + self.state_weight(state_BKD)[:, :, None]
        return update_state(sums_BKSY, self.from_hidden(coverage_BKSC.to(dtype)), coverage_BKSC)


COVERAGES: dict[str, type[LinguisticCoverage] | type[NeuralCoverage]] = {
    "linguistic": LinguisticCoverage,
    "neural": NeuralCoverage,
}
