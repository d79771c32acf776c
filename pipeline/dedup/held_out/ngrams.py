"""Which training text repeats 13 consecutive tokens of held-out text.

Compared by 64-bit hashes: 10^9 held-out and 10^12 training n-grams would give 54 collisions
(10^21 / 2^64), so at most that many documents of a corpus of that size are dropped by chance.
"""

from collections.abc import Callable, Iterator
from typing import Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.dedup.corpus import SLICE_BYTES, Corpus, cuts
from pipeline.dedup.held_out import kernels
from pipeline.dedup.recipe import HELD_OUT_TOKENS
from pipeline.partition_pool import map_in_order
from pipeline.text.tokens import token_hashes

Rows = NDArray[np.int64]
Found = TypeVar("Found")


class HeldOutNgrams:
    """The 13-grams of held-out documents: 16 to 32 bytes of memory each."""

    def __init__(self, table: NDArray[np.uint64]) -> None:
        """Take a table of hashes (see `of`)."""
        self._table = table
        self._ignored = np.zeros(len(table), np.bool_)

    @classmethod
    def of(cls, corpus: Corpus, rows: Rows, tokens: int) -> Self:
        """Collect the 13-grams of documents.

        Args:
            corpus: All documents.
            rows: The held-out ones that are in the dataset, ascending.
            tokens: How many tokens they have: there are no more n-grams than that.
        """
        table = np.zeros(1 << (2 * tokens).bit_length(), np.uint64)
        for _, ngrams in over_texts(corpus, rows, _all_ngrams):
            kernels.fill(table, ngrams)
        return cls(table)

    def ignore_common(self, corpus: Corpus, rows: Rows, documents: int) -> None:
        """Ignore from now on the n-grams that more than this many of these documents hold."""
        holders = np.zeros(len(self._table), np.int64)
        for _, (slots, _) in over_texts(corpus, rows, self._slots):
            holders += np.bincount(slots, minlength=len(holders))
        self._ignored = holders > documents

    def shared(self, corpus: Corpus, rows: Rows) -> NDArray[np.int64]:
        """Count the different held-out 13-grams in each document.

        Args:
            corpus: All documents.
            rows: The documents to look at, ascending.

        Returns:
            int64 (rows given,).
        """
        counts = np.zeros(len(rows), np.int64)
        for first, (slots, starts) in over_texts(corpus, rows, self._slots):
            counted = np.concatenate([[0], np.cumsum(~self._ignored[slots])])
            counts[first : first + len(starts) - 1] = np.diff(counted[starts])
        return counts

    def _slots(self, texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        slots, starts = kernels.shared_slots(*token_hashes(texts), HELD_OUT_TOKENS, self._table)
        return slots, starts


def _all_ngrams(texts: pa.Array) -> NDArray[np.uint64]:
    ngrams: NDArray[np.uint64] = kernels.all_ngrams(*token_hashes(texts), HELD_OUT_TOKENS)
    return ngrams


def over_texts(
    corpus: Corpus, rows: Rows, function: Callable[[pa.Array], Found]
) -> Iterator[tuple[int, Found]]:
    """Apply a function to texts, about `SLICE_BYTES` at a time; yield the first index with it."""

    def work(bounds: tuple[int, int]) -> tuple[int, Found]:
        start, stop = bounds
        return start, function(corpus.texts(rows[start:stop]))

    return map_in_order(work, cuts(corpus.text_bytes[rows], SLICE_BYTES))
