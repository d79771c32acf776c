"""The exact similarity of candidate pairs, from their texts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.dedup import kernels
from pipeline.dedup.corpus import Corpus, cuts
from pipeline.dedup.distinct import distinct
from pipeline.partition_pool import map_in_order
from pipeline.text.tokens import token_hashes

BATCH_BYTES = 32 * 1024 * 1024
"""Text of the pairs compared at a time by one thread (a text in several pairs counts for each)."""


class _Batch(NamedTuple):
    pairs: NDArray[np.int64]  # indices into the result
    left: NDArray[np.int64]  # rows
    right: NDArray[np.int64]


def exact_similarities(
    corpus: Corpus, left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute the Jaccard similarity of pairs of documents on their 64-bit shingle hashes.

    Shingles are computed anew from the text, in the order the texts lie on disk, so that memory
    does not grow with the corpus.

    Args:
        corpus: The documents.
        left: int64 (pairs,), rows.
        right: int64 (pairs,), rows.

    Returns:
        float64 (pairs,).
    """
    found = np.zeros(len(left), np.float64)
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    sizes = corpus.text_bytes[right] + corpus.text_bytes[left] * (np.diff(left, prepend=-1) != 0)
    batches = (
        _Batch(order[start:stop], left[start:stop], right[start:stop])
        for start, stop in cuts(sizes, BATCH_BYTES)
    )

    def compare(batch: _Batch) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        rows = distinct(np.concatenate([batch.left, batch.right]))
        values, starts = kernels.shingle_sets(*token_hashes(corpus.texts(rows)))
        left, right = np.searchsorted(rows, batch.left), np.searchsorted(rows, batch.right)
        return batch.pairs, kernels.similarities(values, starts, left, right)

    for pairs, similarities in map_in_order(compare, batches):
        found[pairs] = similarities
    return found
