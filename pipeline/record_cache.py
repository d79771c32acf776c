"""Results per record, found again by content_id: a refresh computes only what it has not seen.

A cache is a folder of immutable Arrow segments, one stage and one fingerprint of everything that
decides the result. It is always safe to delete. Lookups map the segments into memory and copy only
the rows asked for. A segment is named by its checksum, which is compared when a cache is opened: what
a disk did to it is told, taken away and computed again, never believed.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.arrow_files import MappedTable, read_ipc, write_ipc
from data_contracts.checksums import checksum
from data_contracts.identity import HALF, half
from pipeline.id_halves import Halves, find_halves, id_halves, sorted_halves
from pipeline.rows.gather import gather

_LOG = logging.getLogger(__name__)

_UNNAMED = ".partial"
"""Ends the name of a segment that is being written; what a killed run leaves is found by it."""


SEGMENT_BYTES = 32 * 1024 * 1024
"""New results that are collected before they are stored: a refresh of a little adds one file."""


class RecordCache:
    """A table of results by content_id. Safe to read and append from several threads.

    A context manager: what was added is stored at its end, at the latest. Rows added are found by the next `RecordCache` opened on the folder, not by this one: within a
    run what counts as cached does not change.
    """

    def __init__(self, folder: Path | None, schema: pa.Schema) -> None:
        """Open a cache.

        Args:
            folder: Where the segments lie; None caches nothing.
            schema: Columns of the results, without `content_id`.
        """
        self.folder = folder
        self.schema = schema
        self._stored = pa.schema([pa.field("content_id", pa.string(), nullable=False), *schema])
        self._lock = threading.Lock()
        self._new: list[pa.Table] = []
        self._new_bytes = 0
        self._segments: list[MappedTable] = []
        self._in_use: set[int] = set()
        if folder is not None and folder.exists():
            self._segments = [MappedTable.open(path, self._stored) for path in _sound(folder)]
        tables = [one.table for one in self._segments]
        counts = [table.num_rows for table in tables]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        chunks = [chunk for table in tables for chunk in table["content_id"].chunks]
        self._order, self._ids = sorted_halves(id_halves(pa.chunked_array(chunks, pa.string())))
        for one in self._segments:
            one.release()

    def __len__(self) -> int:
        """Rows in the cache when it was opened."""
        return int(self._starts[-1])

    def find(self, content_ids: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
        """Look up records.

        Args:
            content_ids: 32 hex digits each, no nulls.

        Returns:
            int64 (records,): a row to give to `take`, or -1 where nothing is cached.
        """
        return self.find_halves(id_halves(content_ids))

    def find_halves(self, content_ids: Halves) -> NDArray[np.int64]:
        """Look records up by their ids as numbers (see `find`)."""
        if not len(self):
            return np.full(len(content_ids[0]), -1, np.int64)
        found = find_halves(self._ids, content_ids)
        return np.where(found >= 0, self._order[found], -1)

    def take(
        self,
        rows: NDArray[np.int64],
        fresh: pa.Table | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Fetch results in the order of `rows`; those that lie one after another are not copied.

        Args:
            rows: int64, from `find`.
            fresh: Results of the rows that are -1, in their order; None: none is.
            columns: Which of `schema`, as `fresh` has them; None: all.
        """
        names = self.schema.names if columns is None else list(columns)
        new = rows < 0
        segments = np.searchsorted(self._starts, rows, side="right") - 1
        local = rows - self._starts[segments]
        segments[new], local[new] = len(self._segments), np.arange(np.count_nonzero(new))
        used, table_of = np.unique(segments, return_inverse=True)
        stored = [number for number in used.tolist() if number < len(self._segments)]
        self._use(set(stored))
        tables = [self._segments[number].table.select(names) for number in stored]
        if new.any():
            assert fresh is not None, "the caller has what is not stored"  # noqa: S101
            tables.append(fresh)
        if len(tables) == 1 and (np.diff(local) == 1).all():
            return tables[0].slice(local[0], len(local))
        return (
            gather(tables, table_of, local) if tables else self.schema.empty_table().select(names)
        )

    def _use(self, numbers: set[int]) -> None:
        """Hand back the pages of segments that were asked for before and are not now."""
        with self._lock:
            passed, self._in_use = self._in_use - numbers, numbers
        for number in passed:
            self._segments[number].release()

    def add(self, content_ids: pa.Array, results: pa.Table) -> None:
        """Store new results: in few segments, so some wait for others, or for `flush`."""
        if self.folder is None or not results.num_rows:
            return
        table = results.select(self.schema.names).add_column(
            0, self._stored.field("content_id"), content_ids
        )
        with self._lock:
            self._new.append(table.cast(self._stored))
            self._new_bytes += table.nbytes
            full = self._new_bytes >= SEGMENT_BYTES
        if full:
            self.flush()

    def flush(self) -> None:
        """Store what waits."""
        with self._lock:
            new, self._new, self._new_bytes = self._new, [], 0
        if new and self.folder is not None:
            # In one chunk: from several, all would be copied before a row is taken.
            _write(self.folder, pa.concat_tables(new).combine_chunks())

    def __enter__(self) -> Self:
        """Use the cache until the work is done."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Store what waits; after an error (the disk may be full) it is left to be computed again."""
        if kind is None:
            self.flush()

    def fetch(
        self, ids: pa.ChunkedArray, compute: Callable[[NDArray[np.int64]], pa.Table]
    ) -> tuple[pa.Table, int]:
        """Take what is there, and compute and add what is not.

        Args:
            ids: As for `find`.
            compute: Given places in `ids`, ascending, gives the results there (`schema`).

        Returns:
            The results in the order of `ids`; how many were there.
        """
        found = self.find(ids)
        missing = np.flatnonzero(found < 0)
        if not len(missing):
            return self.take(found), len(found)
        fresh = compute(missing).cast(self.schema)
        self.add(ids.take(pa.array(missing)).combine_chunks(), fresh)
        return self.take(found, fresh), len(found) - len(missing)


def segments(folder: Path) -> list[Path]:
    """List the segments of a cache."""
    return sorted(folder.glob("*.arrow"))


def forget(folder: Path, content_ids: Collection[str]) -> int:
    """Take the results of records out of a cache, those on what other records left of them too.

    Returns:
        Rows taken out.
    """
    listed = pa.array(sorted(map(half, content_ids)), pa.string())
    removed = 0
    for path in segments(folder):
        table = read_ipc(path)
        halves = pc.utf8_slice_codeunits(table["content_id"], HALF)
        kept = table.filter(pc.invert(pc.is_in(halves, value_set=listed)))
        if kept.num_rows < table.num_rows:
            removed += table.num_rows - kept.num_rows
            _write(folder, kept)
            path.unlink()
    return removed


def _write(folder: Path, table: pa.Table) -> None:
    """Write a segment, and give it the name that its bytes call for."""
    written = folder / f"{uuid.uuid4().hex}{_UNNAMED}"
    write_ipc(written, table)
    written.rename(folder / f"{checksum(written)}.arrow")


def _sound(folder: Path) -> list[Path]:
    """List the segments that are what was written; take the others away."""
    sound = []
    for path in segments(folder):
        if checksum(path) == path.stem:
            sound.append(path)
        else:
            _LOG.warning("%s is not what was cached: taken away, to be computed again", path)
            path.unlink()
    return sound
