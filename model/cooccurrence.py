"""First embeddings from which tokens stand near which, before a model has read anything.

Tokens that stand among the same others get like vectors. Guessing tokens teaches that too, but slowly:
a rare one is guessed a few times, while counting uses every place where it or a neighbour stands, at
a hundredth of the time per token. The steps are those that Levy, Goldberg and Dagan (2015, "Improving
distributional similarity with lessons learned from word embeddings") found to matter: neighbours
weighted by nearness, positive pointwise mutual information, the frequencies of contexts smoothed,
singular values by their root.

Letters: V vocabulary, N contexts (the tokens that are counted as neighbours), C width.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_contracts.token_shards import TokenShards
from model.candidates import token_counts

_CONTEXTS: Final = 8192
"""Neighbours told apart: the most frequent tokens. They bound memory: 540 MB for a vocabulary of 16,384,
1.6 GB for 49,152."""
_SMOOTHING: Final = 0.75
"""Power of a context's frequency: without it rare contexts say too much."""
_BLOCK: Final = 1 << 20
"""Tokens counted at a time."""
_SPARE, _ROUNDS = 16, 3
"""Columns and rounds that the random projection takes beyond the width, for exactness (Halko,
Martinsson and Tropp 2011, arXiv 0909.4061)."""


def start_embeddings(
    embeddings_VC: Tensor, tokens: TokenShards, reach: int, spread: float, seed: int
) -> None:
    """Put such vectors in the place of embeddings drawn at random, in place.

    Rows of tokens that do not occur stay, as do columns beyond the number of contexts.

    Args:
        embeddings_VC: float32 on the CPU; V may exceed what occurs in `tokens`.
        tokens: What is counted.
        reach: Tokens to either side that count as near.
        spread: The vectors' standard deviation.
        seed: Decides the random projection, so hardly anything.
    """
    counts_VN = near_counts(tokens, len(embeddings_VC), reach)
    make_informative(counts_VN)
    found_VC = _projected(torch.from_numpy(counts_VN), embeddings_VC.shape[1], seed)
    length_V1 = found_VC.norm(dim=1, keepdim=True)
    found_VC /= length_V1.sqrt().clamp(min=1e-6)  # frequent tokens have long vectors
    occurs_V = length_V1[:, 0] > 0
    found_VC *= spread / found_VC[occurs_V].std()
    embeddings_VC[occurs_V, : found_VC.shape[1]] = found_VC[occurs_V]


def near_counts(tokens: TokenShards, vocabulary_size: int, reach: int) -> NDArray[np.float32]:
    """Count which tokens stand near which, a neighbour at distance d as 1 / d.

    Args:
        tokens: A stream; the ends of documents are tokens like others.
        vocabulary_size: V; all ids are below it.
        reach: The largest distance counted, on either side.

    Returns:
        float32 VN, a column for each of the most frequent tokens, in the order of their ids.
    """
    often_V = token_counts(tokens, vocabulary_size)
    contexts = min(vocabulary_size, _CONTEXTS)
    kept_N = np.sort(np.argsort(-often_V, kind="stable")[:contexts])
    column_V = np.full(vocabulary_size, -1)
    column_V[kept_N] = np.arange(contexts)
    counts_VN = np.zeros((vocabulary_size, contexts), np.float32)
    flat = counts_VN.reshape(-1)
    for first in range(0, len(tokens), _BLOCK):
        ids = tokens.read(first, min(_BLOCK + reach, len(tokens) - first)).astype(np.int64)
        columns = column_V[ids]
        for distance in range(1, min(reach, len(ids) - 1) + 1):
            before, after = slice(0, -distance), slice(distance, _BLOCK + distance)
            for one, other in ((before, after), (after, before)):
                token, column = ids[one][:_BLOCK], columns[other][:_BLOCK]
                counted = column >= 0
                places = token[counted] * contexts + column[counted]
                np.add.at(flat, places, np.float32(1 / distance))
    return counts_VN


def make_informative(counts_VN: NDArray[np.float32]) -> None:
    """Turn counts into how much likelier tokens stand near each other than by chance, in place.

    It is the logarithm of that ratio, or 0 where it is below.
    """
    chance_N = counts_VN.sum(0) ** _SMOOTHING
    chance_N /= max(chance_N.sum(), 1e-9)
    for row_N in counts_VN:  # one by one: the table may fill most of the memory
        near = row_N > 0
        row_N[near] = np.maximum(np.log(row_N[near] / (row_N.sum() * chance_N[near])), 0)


def _projected(table_VN: Tensor, width: int, seed: int) -> Tensor:
    """Give the leading singular vectors, each times the root of its value: V by `width` at most."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        many = min(width + _SPARE, *table_VN.shape)
        left_VM, values_M, _ = torch.svd_lowrank(table_VN, many, niter=_ROUNDS)
    return (left_VM * values_M.sqrt())[:, :width]
