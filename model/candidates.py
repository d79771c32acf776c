"""Guessing hidden tokens among some of the vocabulary, where all of it would take most of the time.

Sampled softmax (Jean et al. 2015, arXiv 1412.2007; Bengio and Senecal 2008): the wrong answers of a step
are drawn anew each time, frequent ones more often, and each one's score is raised by how seldom it is
drawn, so that it stands for those left out. Among the whole vocabulary AdamW moves the vectors of rare
tokens in every step, however little there is to learn about them: the loss falls less.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_contracts.token_shards import TokenShards

_SMOOTHING: Final = 0.75
"""Power of a token's frequency, by which it is drawn (word2vec: Mikolov et al. 2013, arXiv 1310.4546)."""
_BLOCK: Final = 1 << 20
"""Tokens counted at a time."""


class Candidates:
    """Draws each step's answers."""

    def __init__(self, often_V: NDArray[np.int64], drawn: int) -> None:
        """Look at how often each token occurs.

        Args:
            often_V: int64, `token_counts` of what is learned from.
            drawn: Draws a step; tokens drawn twice count once.
        """
        self._drawn = drawn
        chance_V = often_V**_SMOOTHING
        chance_V /= chance_V.sum()
        self._until_V = np.cumsum(chance_V)
        self._share_V = often_V / often_V.sum()
        self._missed_V = (1 - chance_V) ** drawn

    def of_step(self, targets_N: Tensor, seed: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Take all targets of a step, and what is drawn beside them.

        Args:
            targets_N: int64, tokens that occur.
            seed: Decides the draws.

        Returns:
            int64 M, ascending, each once; and float32 M, the logarithm of how likely each was to be
            among them, to be taken off its score.
        """
        draws = np.random.default_rng(seed).random(self._drawn) * self._until_V[-1]
        drawn = np.searchsorted(self._until_V, draws, side="right")
        tokens_M = np.unique(np.concatenate([targets_N.numpy(), drawn]))
        missed_M = self._missed_V[tokens_M] * (1 - self._share_V[tokens_M]) ** len(targets_N)
        likely_M = np.log1p(-missed_M)
        return torch.from_numpy(tokens_M), torch.from_numpy(likely_M.astype(np.float32))


def token_counts(tokens: TokenShards, vocabulary_size: int) -> NDArray[np.int64]:
    """Count how often each token of the vocabulary occurs: int64 V."""
    often_V = np.zeros(vocabulary_size, np.int64)
    for first in range(0, len(tokens), _BLOCK):
        ids = tokens.read(first, min(_BLOCK, len(tokens) - first))
        often_V += np.bincount(ids, minlength=vocabulary_size)
    return often_V
