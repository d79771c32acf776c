"""Batches of texts of like length, as a pure function of (lengths, seed, epoch)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_POOL: Final = 50
"""Batches whose texts are drawn together and then sorted by length: within so many, order is lost to
padding little; over all of them, each epoch groups other texts."""


def grouped(
    lengths: NDArray[np.int64], batch_tokens: int, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """Group texts into batches for one epoch: each text once, like lengths together.

    Args:
        lengths: int64 (texts,), tokens of each, at least 1.
        batch_tokens: Most tokens of a batch, padding included (a longer text is alone).
        seed: Decides the groups,
        epoch: for each epoch anew.

    Returns:
        int64 (texts of the batch,) each: which texts.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    pool = max(1, int(_POOL * batch_tokens / max(lengths.mean(), 1)))
    batches: list[NDArray[np.int64]] = []
    for first in range(0, len(order), pool):
        some = order[first : first + pool]
        some = some[np.argsort(lengths[some], kind="stable")]
        start = 0
        for place in range(1, len(some) + 1):
            full = place == len(some) or (place + 1 - start) * lengths[some[place]] > batch_tokens
            if full:
                batches.append(some[start:place])
                start = place
    return [batches[number] for number in generator.permutation(len(batches))]


def padded(rows: list[NDArray[np.int64]], filler: int) -> NDArray[np.int64]:
    """Put texts into a rectangle, filled up on the right."""
    table = np.full((len(rows), max(map(len, rows), default=0)), filler, np.int64)
    for row, ids in zip(table, rows, strict=True):
        row[: len(ids)] = ids
    return table
