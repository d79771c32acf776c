"""Which training text repeats 13 consecutive tokens of held-out text.

Compared by 64-bit hashes: 10^9 held-out and 10^12 training n-grams would give 54 collisions
(10^21 / 2^64), so at most that many documents of a corpus of that size are dropped by chance.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

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


_MOST_SLOTS: Final = 1 << 25
"""Of a table of n-grams: 268 MB."""


class HeldOutNgrams:
    """The 13-grams of held-out documents: 16 to 32 bytes of memory each, 268 MB at most.

    When there are more than fit, they are parted by their hash; a table is then made for one part
    after the other, and texts are read once for each.
    """

    def __init__(self, corpus: Corpus, rows: Rows, tokens: int) -> None:
        """Take the documents whose n-grams count.

        Args:
            corpus: All documents.
            rows: The held-out ones that are in the dataset, ascending.
            tokens: How many tokens they have: there are no more n-grams than that.
        """
        self._corpus, self._rows = corpus, rows
        self._parts = 1 + 3 * tokens // _MOST_SLOTS
        self._expected = tokens // self._parts
        self._ignored: dict[int, NDArray[np.uint64]] = {}
        self._only: NDArray[np.uint64] | None = None

    def ignore_common(self, rows: Rows, documents: int) -> None:
        """Ignore from now on the n-grams that more than this many of these documents hold."""
        for part, table in self._tables():
            holders = np.zeros(len(table), np.int32)
            for _, (slots, _) in self._shared_slots(rows, table):
                np.add.at(holders, slots, 1)
            self._ignored[part] = table[holders > documents]

    def shared(self, rows: Rows) -> NDArray[np.int64]:
        """Count the different held-out 13-grams in each document.

        Args:
            rows: The documents to look at, ascending.

        Returns:
            int64 (rows given,).
        """
        counts = np.zeros(len(rows), np.int64)
        for part, table in self._tables() if len(rows) else ():
            counts_of = np.ones(len(table), np.bool_)
            counts_of[kernels.slots_of(table, self._ignored.get(part, table[:0]))] = False
            for first, (slots, starts) in self._shared_slots(rows, table):
                counted = np.concatenate([[0], np.cumsum(counts_of[slots])])
                counts[first : first + len(starts) - 1] += np.diff(counted[starts])
        return counts

    def _tables(self) -> Iterator[tuple[int, NDArray[np.uint64]]]:
        """Make one table of hashes after the other, at most half full; one alone is kept."""
        if self._only is not None:
            yield 0, self._only
            return
        for part in range(self._parts):
            table = self._table(part)
            if self._parts == 1:
                self._only = table
            yield part, table

    def _table(self, part: int) -> NDArray[np.uint64]:
        table, used = np.zeros(1 << (2 * self._expected).bit_length(), np.uint64), 0
        for _, ngrams in over_texts(self._corpus, self._rows, _all_ngrams):
            own = ngrams[ngrams % np.uint64(self._parts) == part] if self._parts > 1 else ngrams
            if 2 * (used + len(own)) > len(table):  # hashes are spread less evenly than they should
                larger = np.zeros(1 << (2 * (used + len(own))).bit_length(), np.uint64)
                kernels.fill(larger, table[table != 0])
                table = larger
            used += kernels.fill(table, own)
        return table

    def _shared_slots(
        self, rows: Rows, table: NDArray[np.uint64]
    ) -> Iterator[tuple[int, tuple[NDArray[np.int64], NDArray[np.int64]]]]:
        def slots(texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            found, starts = kernels.shared_slots(*token_hashes(texts), HELD_OUT_TOKENS, table)
            return found, starts

        return over_texts(self._corpus, rows, slots)


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
