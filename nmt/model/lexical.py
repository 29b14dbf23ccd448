"""What the attended source words alone say about the next word (Nguyen and Chiang 2018, arXiv 1710.01329).

Decoders confuse rare words with similar ones, because the state depends on whole sentences. This adds a path from the
embeddings of source words to the scores of target words that only attention lies on:

    f = tanh(sum_s weights(s) e(s));    h = (f + tanh(W f)) / 2;    the logits of words grow by L h

e(s) is the embedding of source word s. The paper has f + tanh(W f); half of it lies in [-1, 1], as a readout does, and
L learns the factor.
"""

# B sentences   K rows of a sentence, or target positions   S source positions   W embedding   V target words

import torch
from torch import Tensor, nn


class LexicalModel(nn.Module):
    """h for attention weights and embeddings of the source; `weight` is L, with a row for each target word."""

    def __init__(self, embedding_size: int, vocabulary: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(embedding_size, embedding_size, bias=False)
        self.weight = nn.Parameter(torch.empty(vocabulary, embedding_size))

    def forward(self, weights_BKS: Tensor, embedded_BSW: Tensor) -> Tensor:
        """-> lexical_BKW"""
        source_BKW = torch.tanh(weights_BKS.to(embedded_BSW.dtype) @ embedded_BSW)
        return (source_BKW + torch.tanh(self.hidden(source_BKW))) / 2
