"""Sort more rows than fit into memory: scatter them by key, then sort one bucket at a time.

Keys are spread evenly over 64 bits (hashes), so a bucket is a range of keys, buckets are of about
the same size, and one after another they are the sorted whole.
"""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.id_halves import id_halves
from pipeline.partition_pool import map_in_order

BUCKET_BYTES: Final = 64 * 1024 * 1024
"""Bytes that a bucket should hold; one per worker is in memory."""

_KEY: Final = "_key"
_GROUP: Final = "_group"
_HALF: Final = np.uint64(32)


class Scatter:
    """Rows of one schema on their way to being sorted by (key, record_id)."""

    def __init__(self, folder: Path, total_bytes: int) -> None:
        """Start with nothing.

        Args:
            folder: For temporary files; the caller removes it.
            total_bytes: About as much as will be added: decides the number of buckets.
        """
        folder.mkdir(parents=True)
        self._folder = folder
        self._buckets = -(-total_bytes // BUCKET_BYTES) or 1
        self._lock = threading.Lock()

    def add(
        self,
        table: pa.Table,
        keys: NDArray[np.uint64],
        group_of: NDArray[np.uint8] | None = None,
        wanted: NDArray[np.bool_] | None = None,
    ) -> None:
        """Put rows into their buckets; may be called from several threads.

        Args:
            table: The rows; has `record_id`.
            keys: uint64 (rows,).
            group_of: uint8 (rows,), each row's group; None: all are of group 0.
            wanted: bool (rows,), which of them; None: all.
        """
        number = ((keys >> _HALF) * np.uint64(self._buckets)) >> _HALF
        group_of = np.zeros(len(keys), np.uint8) if group_of is None else group_of
        table = table.append_column(_KEY, pa.array(keys)).append_column(_GROUP, pa.array(group_of))
        if self._buckets > 1 or wanted is not None:
            rows = np.arange(len(keys)) if wanted is None else np.flatnonzero(wanted)
            rows = rows[np.argsort(number[rows], kind="stable")]
            table, number = table.take(pa.array(rows)), number[rows]
        ends = np.cumsum(np.bincount(number.astype(np.int64), minlength=self._buckets))
        for bucket, end in enumerate(ends):
            start = ends[bucket - 1] if bucket else 0
            if end > start:
                self._append(bucket, table.slice(start, end - start))

    def sorted(self) -> Iterator[pa.Table]:
        """Yield all rows in order, a bucket at a time, each column in one chunk."""
        for (table,) in self.grouped(1):
            yield table

    def grouped(self, groups: int) -> Iterator[list[pa.Table]]:
        """Yield all rows in order, a bucket at a time, as one table for each group.

        Args:
            groups: How many there are.
        """
        work = partial(self._sorted_bucket, groups=groups)
        for tables in map_in_order(work, range(self._buckets)):
            if tables:
                yield tables

    def _path(self, bucket: int) -> Path:
        return self._folder / f"bucket-{bucket:05d}"

    def _append(self, bucket: int, rows: pa.Table) -> None:
        # One stream after another in the same file: no file stays open, however many buckets.
        with (
            self._lock,
            pa.OSFile(str(self._path(bucket)), "ab") as sink,
            pa.ipc.new_stream(sink, rows.schema) as writer,
        ):
            writer.write_table(rows)

    def _sorted_bucket(self, bucket: int, *, groups: int) -> list[pa.Table]:
        path = self._path(bucket)
        if not path.exists():
            return []
        tables = []
        with pa.memory_map(str(path)) as source:
            while source.tell() < source.size():
                tables.append(pa.ipc.open_stream(source).read_all())
        table = pa.concat_tables(tables)
        high, low = id_halves(table["record_id"])
        order = np.lexsort((low, high, table[_KEY].to_numpy()))
        group = table[_GROUP].to_numpy()[order]
        table = table.drop_columns([_KEY, _GROUP])
        parts = (order[group == number] for number in range(groups))
        # Each row is copied once, into the table of its group.
        sorted_tables = [table.take(pa.array(part)).combine_chunks() for part in parts]
        path.unlink()
        return sorted_tables
