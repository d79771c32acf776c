"""The documents that clean handed on: small columns in memory, texts mapped from disk."""

from binascii import unhexlify
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.arrow_files import MappedTable, partitions
from data_contracts.schemas import DOCUMENTS
from pipeline.buffers import text_buffers
from pipeline.id_halves import ascending

SLICE_BYTES = 8 * 1024 * 1024
"""Text worked on at a time by one thread: scratch memory is about ten times this."""


class Slice(NamedTuple):
    """Consecutive documents of one partition."""

    first_row: int
    """Row of the first one in the corpus."""
    table: pa.Table
    """DOCUMENTS, a view."""


class Corpus(NamedTuple):
    """All documents, numbered by row in the order they lie on disk: about 32 bytes each.

    Texts stay on disk: pages of a partition are handed back when it was passed.
    """

    tables: list[MappedTable]
    """DOCUMENTS, one per partition."""
    table_starts: NDArray[np.int64]
    """int64 (partitions + 1,): first row of each."""
    ids: NDArray[np.uint64]
    """uint64 (rows, 2): record_id as two numbers, high half first."""
    sources: NDArray[np.int32]
    """int32 (rows,): index into `source_names`."""
    source_names: list[str]
    """Sorted."""
    quality: NDArray[np.float32]
    """float32 (rows,)."""
    text_bytes: NDArray[np.int64]
    """int64 (rows,): UTF-8 bytes of each text."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map a folder of DOCUMENTS partitions.

        Raises:
            SchemaMismatch: A file is not of the promised columns.
        """
        mapped = [MappedTable.open(path, DOCUMENTS) for path in partitions(folder)]
        tables = [one.table for one in mapped]
        names = sorted({name for table in tables for name in table["source"].unique().to_pylist()})
        counts = [table.num_rows for table in tables]
        corpus = cls(
            tables=mapped,
            table_starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            ids=_joined([numbers_of(table["record_id"]) for table in tables], (0, 2), np.uint64),
            sources=_joined([_codes(table, names) for table in tables], (0,), np.int32),
            source_names=names,
            quality=_joined([table["quality"].to_numpy() for table in tables], (0,), np.float32),
            text_bytes=_joined([_lengths(table) for table in tables], (0,), np.int64),
        )
        for one in mapped:
            one.release()
        return corpus

    @property
    def rows(self) -> int:
        """How many documents there are."""
        return int(self.table_starts[-1])

    def slices(self) -> Iterator[Slice]:
        """Cut the corpus into pieces of about `SLICE_BYTES`, in order."""
        passed: MappedTable | None = None
        for mapped, first in zip(self.tables, self.table_starts[:-1].tolist(), strict=True):
            table = mapped.table
            lengths = self.text_bytes[first : first + table.num_rows]
            for start, stop in cuts(lengths, SLICE_BYTES):
                yield Slice(first + start, table.slice(start, stop - start))
            if passed is not None:  # the last slices of this one may still be worked on
                passed.release()
            passed = mapped
        if passed is not None:
            passed.release()

    def by_id(self, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """List documents in the order of record_id.

        Args:
            wanted: bool (rows,), which of them.

        Returns:
            int64, their rows.
        """
        rows = np.flatnonzero(wanted)
        return rows[ascending((self.ids[rows, 0], self.ids[rows, 1]))]

    def texts(self, rows: NDArray[np.int64]) -> pa.Array:
        """Fetch texts: large_string, in the order of `rows` (int64, ascending)."""
        return self.take("text", rows)

    def take(self, column: str, rows: NDArray[np.int64]) -> pa.Array:
        """Fetch values.

        Args:
            column: Of DOCUMENTS.
            rows: int64, ascending.

        Returns:
            Array, in the order of `rows`.
        """
        bounds = np.searchsorted(rows, self.table_starts)
        chunks = []
        for number, mapped in enumerate(self.tables):
            wanted = rows[bounds[number] : bounds[number + 1]] - self.table_starts[number]
            if len(wanted):
                chunks.extend(mapped.table[column].take(pa.array(wanted)).chunks)
                mapped.release()
        return pa.concat_arrays(chunks) if chunks else pa.array([], DOCUMENTS.field(column).type)


def cuts(sizes: NDArray[np.int64], limit: int) -> Iterator[tuple[int, int]]:
    """Cut consecutive items into groups of about `limit` in total size.

    Args:
        sizes: int64 (items,).
        limit: Size at which a group ends; one larger item is a group by itself.

    Yields:
        (start, stop) of each group.
    """
    totals = np.cumsum(sizes)
    start, before = 0, 0
    while start < len(sizes):
        stop = max(start + 1, int(np.searchsorted(totals, before + limit, side="right")))
        yield start, stop
        start, before = stop, int(totals[stop - 1])


def numbers_of(ids: pa.ChunkedArray) -> NDArray[np.uint64]:
    """Read 32-digit hex ids as uint64 (ids, 2), high half first."""
    buffers = text_buffers(ids)
    digits = buffers.text_bytes[buffers.starts[0] : buffers.starts[-1]]
    return np.frombuffer(unhexlify(digits.data), ">u8").reshape(-1, 2).astype(np.uint64)


def ids_of(numbers: NDArray[np.uint64]) -> pa.Array:
    """Write uint64 (ids, 2) as a string array of 32 hex digits each."""
    digits = numbers.astype(">u8").tobytes().hex().encode()
    starts = np.arange(0, 32 * len(numbers) + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(starts), pa.py_buffer(digits))


def _codes(table: pa.Table, names: list[str]) -> NDArray[np.int32]:
    column = table["source"].combine_chunks()
    encoded = column.dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    numbers = np.array([names.index(name) for name in encoded.dictionary.to_pylist()], np.int32)
    codes: NDArray[np.int32] = numbers[encoded.indices.to_numpy()]
    return codes


def _lengths(table: pa.Table) -> NDArray[np.int64]:
    return np.diff(text_buffers(table["text"]).starts)


def _joined(parts: list, shape: tuple[int, ...], kind: type) -> NDArray:  # type: ignore[type-arg]
    return np.concatenate(parts) if parts else np.zeros(shape, kind)
