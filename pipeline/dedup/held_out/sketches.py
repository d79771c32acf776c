"""Which documents may share 13 consecutive tokens with held-out text, told without comparing texts.

A sketch is a few hashes of a document, chosen such that two documents with a 13-gram in common share
one (`kernels.sketches`). Sketches depend on a document alone: they are made where its tokens are at
hand, and cached with its signature, so that a refresh reads the text of the few documents that may
overlap. They only propose; 13-grams decide.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.split import SPLITS, Split
from pipeline.dedup.corpus import SLICE_BYTES, cuts
from pipeline.dedup.held_out import kernels
from pipeline.dedup.recipe import HELD_OUT_TOKENS
from pipeline.partition_pool import map_in_order
from pipeline.text.tokens import Tokens

GRAM_TOKENS: Final = 9
"""Tokens of a hashed n-gram. Measured with values of 32 bits: of English books in windows of 2,000
characters .37% are proposed (.03% overlap), 117 values a document; with 6, 2.1% and 78; with 12, 1.1%
and 233. Of help pages from one template 23% (8% overlap), with 8 90%."""

_TRAIN: Final = SPLITS.index(Split.TRAIN)
_VALUES_READ: Final = 1 << 20
"""From the file, at a time."""
_VALUE_BYTES: Final = 6
"""Bytes of a stored value: with 4, values that meet by chance propose every tenth document of 10^6,
and every third of 4 x 10^6; with 6 one in 10^5 of the latter, one in 500 of 10^9."""

_BITS: Final = 4
"""Bits of the filter for a value, at least, and twice as many at most: it lets 11 to 22% of other
values through, and lies in the processor's cache where the table does not."""


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
        data = array.buffers()[2] if count else b""
        parts = np.frombuffer(data, "<u2", 3 * count, int(bounds[0]) if count else 0)
        values = kernels.unpack(parts.astype(np.uint16, copy=False))
        return cls(values, (bounds - bounds[0]) // _VALUE_BYTES)


class HeldOutSketches:
    """The sketches of all held-out documents: 7 to 13 bytes of memory a value, and 8 on disk.

    Values that training documents share can be marked, so that of held-out text too only what may be
    shared is read.
    """

    def __init__(
        self,
        text_bytes: NDArray[np.int64],
        splits: NDArray[np.uint8],
        sketch: Callable[[NDArray[np.int64]], Sketches],
        work: Path,
    ) -> None:
        """Sketch the held-out documents.

        Args:
            text_bytes: int64 (rows,), UTF-8 bytes of each document.
            splits: uint8 (rows,), index into `SPLITS`.
            sketch: Gives the sketches of documents by their rows (int64, ascending).
            work: Existing folder for a file.
        """
        self._text_bytes, self._sketch = text_bytes, sketch
        self._is_training = splits == _TRAIN
        self._rows = np.flatnonzero(~self._is_training)
        self._path = work / "held-out-sketches"
        lengths = np.zeros(len(self._rows), np.int64)
        with self._path.open("wb") as file:
            for first, part in self._sketched(self._rows):
                lengths[first : first + len(part.starts) - 1] = np.diff(part.starts)
                file.write(part.values.data)
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        count = int(self._starts[-1])
        self._table = np.zeros(1 << (count + count // 2).bit_length(), np.uint32)
        self._bits = np.zeros(1 << max(_BITS * count // 64, 1).bit_length(), np.uint64)
        for _, part in self._stored():
            kernels.put_values(self._table, part.values)
            kernels.put_bits(self._bits, part.values)

    def met_by(self, first_row: int, sketches: Sketches) -> NDArray[np.bool_]:
        """Tell which training documents may share 13 tokens with a held-out one; others do not.

        Args:
            first_row: Row of the first document.
            sketches: Of consecutive documents; held-out ones are passed over.

        Returns:
            bool (documents,).
        """
        wanted = self._is_training[first_row : first_row + len(sketches.starts) - 1]
        met: NDArray[np.bool_] = kernels.hold_any(self._table, self._bits, *sketches, wanted)
        return met

    def that_meet(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """List the held-out documents that may share 13 tokens with these, or any asked for before.

        Args:
            rows: int64, training documents, ascending.

        Returns:
            int64, ascending rows.
        """
        for _, part in self._sketched(rows):
            kernels.mark(self._table, part.values)
        met = np.zeros(len(self._rows), np.bool_)
        for first, part in self._stored():
            stop = first + len(part.starts) - 1
            met[first:stop] = kernels.hold_marked(self._table, *part)
        return self._rows[met]

    def _stored(self) -> Iterator[tuple[int, Sketches]]:
        with self._path.open("rb") as file:
            for start, stop in cuts(np.diff(self._starts), _VALUES_READ):
                starts = self._starts[start : stop + 1] - self._starts[start]
                yield start, Sketches(np.fromfile(file, np.uint64, int(starts[-1])), starts)

    def _sketched(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, Sketches]]:
        def work(bounds: tuple[int, int]) -> tuple[int, Sketches]:
            return bounds[0], self._sketch(rows[slice(*bounds)])

        return map_in_order(work, cuts(self._text_bytes[rows], SLICE_BYTES))
