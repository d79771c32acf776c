"""Sort rows that lie in mapped files without writing them anywhere first.

For tables that the system can keep in memory beside all else, as pages of their files: rows are read
where they lie, in any order, and each is copied once. `scatter.Scatter` sorts what is larger.
"""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
import psutil
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.id_halves import id_halves
from pipeline.partition_pool import map_in_order
from pipeline.rows.gather import LONG, gather
from pipeline.shard.scatter import GroupOf

MEMORY_SHARE: Final = 4
"""A table of one in so many bytes of the machine's memory, at most, is sorted this way."""
RANGE_BYTES: Final = 16 * 1024 * 1024
"""Bytes that come out at a time; one such range per worker is in memory."""


def fits(total_bytes: int) -> bool:
    """Tell whether the system can keep so many bytes of files at hand."""
    return total_bytes <= int(psutil.virtual_memory().total) // MEMORY_SHARE


class MappedSort:
    """Rows of one schema on their way to being sorted by (key, record_id).

    Memory: 38 bytes a row, and columns that were appended to what lies in the files.
    """

    def __init__(self, total_bytes: int) -> None:
        """Start with nothing.

        Args:
            total_bytes: About as much as will be added: decides how much comes out at a time.
        """
        self._ranges = -(-total_bytes // RANGE_BYTES) or 1
        self._lock = threading.Lock()
        self._added: list[tuple[pa.Table, NDArray[np.int32], NDArray[np.uint64]]] = []

    def add(
        self, table: pa.Table, keys: NDArray[np.uint64], wanted: NDArray[np.bool_] | None = None
    ) -> None:
        """Note rows and where they lie; may be called from several threads.

        Args:
            table: The rows, of a mapped file; has `record_id`.
            keys: uint64 (rows,).
            wanted: bool (rows,), which of them; None: all.
        """
        rows = np.arange(len(keys)) if wanted is None else np.flatnonzero(wanted)
        high, low = (half[rows] for half in id_halves(table["record_id"]))
        with self._lock:
            self._added.append((table, rows.astype(np.int32), np.stack([keys[rows], high, low])))

    def sorted(self) -> Iterator[pa.Table]:
        """Yield all rows in order, some at a time, each column in one chunk."""
        for (table,) in self.grouped(lambda table: np.zeros(table.num_rows, np.uint8), 1):
            yield table

    def grouped(self, group_of: GroupOf, groups: int) -> Iterator[list[pa.Table]]:
        """Yield all rows in order, some at a time, as one table for each group.

        Args:
            group_of: Gives each row's group, 0 to `groups - 1`; called in threads. It is shown
                rows without their long values (large_string, large_binary).
            groups: How many there are.
        """
        if not self._added:
            return
        tables = [table for table, _, _ in self._added]
        counts = [len(rows) for _, rows, _ in self._added]
        table_of = np.repeat(np.arange(len(tables), dtype=np.int32), counts)
        row_of = np.concatenate([rows for _, rows, _ in self._added])
        order = _order(np.concatenate([keys for _, _, keys in self._added], axis=1))
        table_of, row_of = table_of[order], row_of[order]
        work = partial(_range, tables, table_of, row_of, group_of=group_of, groups=groups)
        ends = np.linspace(0, len(order), min(self._ranges, len(order)) + 1).astype(np.int64)
        yield from map_in_order(work, map(slice, ends[:-1].tolist(), ends[1:].tolist()))


def _order(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Sort by key, then by both halves of the id: hardly ever do two rows have the same key."""
    order = np.argsort(keys[0])
    ordered = keys[0][order]
    if (ordered[1:] == ordered[:-1]).any():
        return np.lexsort((keys[2], keys[1], keys[0]))
    return order


def _range(
    tables: list[pa.Table],
    table_of: NDArray[np.int32],
    row_of: NDArray[np.int32],
    which: slice,
    *,
    group_of: GroupOf,
    groups: int,
) -> list[pa.Table]:
    short = [field.name for field in tables[0].schema if field.type not in LONG]
    table_of, row_of = table_of[which], row_of[which]
    group = group_of(gather([table.select(short) for table in tables], table_of, row_of))
    members = (np.flatnonzero(group == number) for number in range(groups))
    return [gather(tables, table_of[rows], row_of[rows]) for rows in members]
