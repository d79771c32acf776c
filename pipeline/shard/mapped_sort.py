"""Sort rows that lie in mapped files without writing them anywhere first.

For tables that the system can keep in memory (`pipeline.page_cache`), as pages of their files: rows are read
where they lie, in any order, and each is copied once. `scatter.Scatter` sorts what is larger.
"""

import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.id_halves import ascending, id_halves
from pipeline.partition_pool import map_in_order
from pipeline.rows.gather import gather

RANGE_BYTES: Final = 16 * 1024 * 1024
"""Bytes that come out at a time; one such range per worker is in memory."""


class MappedSort:
    """Rows of one schema on their way to being sorted by (key, record_id).

    Memory: 39 bytes a row, and columns that were appended to what lies in the files.
    """

    def __init__(self, total_bytes: int) -> None:
        """Start with nothing.

        Args:
            total_bytes: About as much as will be added: decides how much comes out at a time.
        """
        self._ranges = -(-total_bytes // RANGE_BYTES) or 1
        self._lock = threading.Lock()
        self._tables: list[pa.Table] = []
        self._rows: list[NDArray[np.int32]] = []
        self._groups: list[NDArray[np.uint8]] = []
        self._keys: list[NDArray[np.uint64]] = []

    def add(
        self,
        table: pa.Table,
        keys: NDArray[np.uint64],
        group_of: NDArray[np.uint8] | None = None,
        wanted: NDArray[np.bool_] | None = None,
    ) -> None:
        """Note rows and where they lie; may be called from several threads.

        Args:
            table: The rows, of a mapped file; has `record_id`.
            keys: uint64 (rows,).
            group_of: uint8 (rows,), each row's group; None: all are of group 0.
            wanted: bool (rows,), which of them; None: all.
        """
        group_of = np.zeros(len(keys), np.uint8) if group_of is None else group_of
        rows = np.arange(len(keys)) if wanted is None else np.flatnonzero(wanted)
        high, low = (half[rows] for half in id_halves(table["record_id"]))
        with self._lock:
            self._tables.append(table)
            self._rows.append(rows.astype(np.int32))
            self._groups.append(group_of[rows])
            self._keys.append(np.stack([keys[rows], high, low]))

    def sorted(self) -> Iterator[pa.Table]:
        """Yield all rows in order, some at a time, each column in one chunk."""
        for (table,) in self.grouped(1):
            yield table

    def grouped(self, groups: int) -> Iterator[list[pa.Table]]:
        """Yield all rows in order, some at a time, as one table for each group.

        Args:
            groups: How many there are.
        """
        if not self._tables:
            return
        order = ascending(list(np.concatenate(self._keys, axis=1)))
        counts = list(map(len, self._rows))
        table_of = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[order]
        row_of = np.concatenate(self._rows)[order]
        group_of = np.concatenate(self._groups)[order]

        def part(bounds: tuple[int, int]) -> list[pa.Table]:
            members = (np.flatnonzero(group_of[slice(*bounds)] == one) for one in range(groups))
            places = (bounds[0] + rows for rows in members)
            return [gather(self._tables, table_of[rows], row_of[rows]) for rows in places]

        ends = np.linspace(0, len(order), min(self._ranges, len(order)) + 1).astype(np.int64)
        yield from map_in_order(part, pairwise(ends.tolist()))
