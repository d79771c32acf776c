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


NOTHING: Final = np.zeros(0, np.uint64)
"""No n-grams."""
_MOST_SLOTS: Final = 1 << 25
"""Of a table of n-grams: 268 MB."""


class HeldOutNgrams:
    """The 13-grams of held-out documents: 16 to 32 bytes of memory each, 268 MB at most.

    When there are more than fit, they are parted by their hash; a table is then made for one part
    after the other, and texts are read once for each.
    """

    def __init__(
        self, corpus: Corpus, rows: Rows, tokens: int, ignored: NDArray[np.uint64] = NOTHING
    ) -> None:
        """Take the documents whose n-grams count.

        Args:
            corpus: All documents.
            rows: The held-out ones that are in the dataset, ascending.
            tokens: How many tokens they have: there are no more n-grams than that.
            ignored: uint64, hashes of n-grams that do not count.
        """
        self._corpus, self._rows = corpus, rows
        self._parts = 1 + 3 * tokens // _MOST_SLOTS
        self._expected = tokens // self._parts
        self._ignored = ignored

    def common(self, rows: Rows, documents: int) -> NDArray[np.uint64]:
        """List the n-grams that more than this many of these documents hold: uint64, hashes."""
        found = [NOTHING]
        for table in self._tables():
            holders = np.zeros(len(table), np.int32)
            for _, (slots, _) in self._shared_slots(rows, table):
                np.add.at(holders, slots, 1)
            found.append(table[holders > documents])
        return np.concatenate(found)

    def shared(self, rows: Rows) -> NDArray[np.int64]:
        """Count the different held-out 13-grams in each document.

        Args:
            rows: The documents to look at, ascending.

        Returns:
            int64 (rows given,).
        """
        counts = np.zeros(len(rows), np.int64)
        for table in self._tables() if len(rows) else ():
            counts_of = np.ones(len(table), np.bool_)
            # One that this table does not hold leads to a free slot, which nobody asks for.
            counts_of[kernels.slots_of(table, self._ignored)] = False
            for first, (slots, starts) in self._shared_slots(rows, table):
                counted = np.concatenate([[0], np.cumsum(counts_of[slots])])
                counts[first : first + len(starts) - 1] += np.diff(counted[starts])
        return counts

    def _tables(self) -> Iterator[NDArray[np.uint64]]:
        """Make one table of hashes after the other, at most half full."""
        for part in range(self._parts):
            yield self._table(part)

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
