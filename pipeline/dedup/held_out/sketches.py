"""Which documents may share 13 consecutive tokens with held-out text, told without comparing texts.

A sketch is a few hashes of a document, chosen such that two documents with a 13-gram in common share
one (`kernels.sketches`). Sketches depend on a document alone: they are made where its tokens are at
hand, and cached with its signature, so that a refresh reads the text of the few documents that may
overlap. They only propose; 13-grams decide.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.split import SPLITS, Split
from pipeline.dedup.corpus import SLICE_BYTES, Corpus, cuts
from pipeline.dedup.held_out import kernels
from pipeline.dedup.recipe import HELD_OUT_TOKENS
from pipeline.partition_pool import map_in_order
from pipeline.text.tokens import Tokens, token_hashes

GRAM_TOKENS: Final = 9
"""Tokens of a hashed n-gram. Measured with values of 32 bits: of English books in windows of 2,000
characters .37% are proposed (.03% overlap), 117 values a document; with 6, 2.1% and 78; with 12, 1.1%
and 233. Of help pages from one template 23% (8% overlap), with 8 90%."""

_TRAIN: Final = SPLITS.index(Split.TRAIN)
_VALUE_BYTES: Final = 6
"""Bytes of a stored value: with 4, values that meet by chance propose every tenth document of 10^6,
and every third of 4 x 10^6; with 6 one in 10^5 of the latter, one in 500 of 10^9."""


class Sketches(NamedTuple):
    """The sketches of several documents."""

    values: NDArray[np.uint64]
    """uint64 (values,), of 48 bits, documents end to end."""
    starts: NDArray[np.int64]
    """int64 (documents + 1,)."""

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        """Compute the sketches of documents from their tokens."""
        return cls(*kernels.sketches(*tokens, HELD_OUT_TOKENS, GRAM_TOKENS))

    def packed(self) -> pa.Array:
        """Write each sketch as large_binary: its values, 6 bytes each, little-endian."""
        kept = self.values.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :_VALUE_BYTES]
        buffers = [self.starts * _VALUE_BYTES, np.ascontiguousarray(kept)]
        count = len(self.starts) - 1
        return pa.Array.from_buffers(
            pa.large_binary(), count, [None, *(pa.py_buffer(one) for one in buffers)]
        )

    @classmethod
    def unpacked(cls, column: pa.ChunkedArray) -> Self:
        """Read what `packed` wrote."""
        array = column.combine_chunks()
        bounds = np.frombuffer(array.buffers()[1], np.int64, len(array) + 1, 8 * array.offset)
        count = int(bounds[-1] - bounds[0]) // _VALUE_BYTES
        wide = np.zeros((count, 8), np.uint8)
        if count:
            kept = np.frombuffer(array.buffers()[2], np.uint8, count * _VALUE_BYTES, int(bounds[0]))
            wide[:, :_VALUE_BYTES] = kept.reshape(-1, _VALUE_BYTES)
        values = wide.view("<u8").ravel().astype(np.uint64, copy=False)
        return cls(values, (bounds - bounds[0]) // _VALUE_BYTES)


class HeldOutSketches:
    """The sketches of all held-out documents: 8 to 16 bytes a value.

    They remember which of their values training documents share, so that of held-out text too only
    what may be shared is looked at.
    """

    def __init__(self, corpus: Corpus, splits: NDArray[np.uint8]) -> None:
        """Read the held-out texts.

        Args:
            corpus: All documents.
            splits: uint8 (rows,), index into `SPLITS`.
        """
        self._corpus, self._is_training = corpus, splits == _TRAIN
        found = [part.values for _, part in self._sketched(np.flatnonzero(~self._is_training))]
        count = sum(len(values) for values in found)
        self._table = np.zeros(1 << (2 * count).bit_length(), np.uint32)
        for values in found:
            kernels.put_values(self._table, values)

    def meet(self, first_row: int, sketches: Sketches) -> NDArray[np.bool_]:
        """Tell which training documents may share 13 tokens with a held-out one; others do not.

        Args:
            first_row: Row of the first document.
            sketches: Of consecutive documents; held-out ones are passed over.

        Returns:
            bool (documents,).
        """
        wanted = self._is_training[first_row : first_row + len(sketches.starts) - 1]
        met: NDArray[np.bool_] = kernels.meet(self._table, *sketches, wanted)
        return met

    def were_met(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which held-out documents may share 13 tokens with one that was asked about.

        Args:
            rows: int64, ascending.

        Returns:
            bool (rows given,).
        """
        met = np.zeros(len(rows), np.bool_)
        for first, part in self._sketched(rows):
            stop = first + len(part.starts) - 1
            met[first:stop] = kernels.were_met(self._table, *part)
        return met

    def _sketched(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, Sketches]]:
        def work(bounds: tuple[int, int]) -> tuple[int, Sketches]:
            texts = self._corpus.texts(rows[slice(*bounds)])
            return bounds[0], Sketches.of(token_hashes(texts))

        return map_in_order(work, cuts(self._corpus.text_bytes[rows], SLICE_BYTES))
