"""Join more rows than fit into memory: scatter every table by record, then join bucket by bucket.

A bucket is a range of record_ids. Ids are hashes, so buckets are of about the same size, and one
after another they are sorted.
"""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from data_contracts.arrow_files import read_partitions
from pipeline.id_halves import id_halves

BUCKET_ROWS: Final = 250_000
"""Input records that a bucket should hold: the ledger needs about 1 KB of memory for each."""
HELD_BYTES: Final = 128 * 1024 * 1024
"""Rows that are held in memory; once there are more, they go to disk."""
_OF_A_TABLE: Final = 4096
"""Bytes that a table takes beside its rows."""
_HALF: Final = np.uint64(32)


class Spill:
    """Tables cut by record_id into the same buckets; what is too much for memory lies on disk."""

    def __init__(
        self,
        folder: Path,
        records: int,
        bucket_rows: int = BUCKET_ROWS,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        """Start with nothing.

        Args:
            folder: For temporary files; the caller removes it.
            records: Input records: with `bucket_rows`, decides the number of buckets.
            bucket_rows: Records that a bucket should hold.
            held_bytes: Bytes of rows that are held in memory.
        """
        folder.mkdir(parents=True)
        self._folder = folder
        self.buckets = -(-records // bucket_rows) or 1
        self._held: dict[Path, list[pa.Table]] = defaultdict(list)
        self._room, self._held_bytes = held_bytes, 0

    def add(self, name: str, folder: Path, schema: pa.Schema, columns: list[str]) -> None:
        """Scatter a folder of partitions by record_id.

        Args:
            name: What `read` calls the table.
            folder: `part-*.arrow`.
            schema: Columns that the partitions must have, at least.
            columns: Those to keep.

        Raises:
            SchemaMismatch: A partition has other columns.
        """
        self.begin(name, pa.schema([schema.field(column) for column in columns]))
        for table in read_partitions(folder, schema):
            self.add_table(name, table.select(columns))

    def begin(self, name: str, schema: pa.Schema) -> None:
        """Start a table without rows, so that `read` knows its columns."""
        self._append(name, 0, schema.empty_table())

    def add_table(self, name: str, table: pa.Table, key: str = "record_id") -> None:
        """Scatter rows by the record_id in a column, which is never null."""
        if not table.num_rows:
            return
        if self.buckets == 1:
            self._append(name, 0, table)
            return
        head = id_halves(table[key])[0] >> _HALF
        bucket = (head * np.uint64(self.buckets)) >> _HALF
        rows = table.take(pa.array(np.argsort(bucket, kind="stable")))
        ends = np.cumsum(np.bincount(bucket.astype(np.int64), minlength=self.buckets)).tolist()
        for number, (start, end) in enumerate(pairwise([0, *ends])):
            if end > start:
                self._append(name, number, rows.slice(start, end - start))

    def read(self, name: str, bucket: int) -> pa.Table:
        """Read a table's rows in one bucket (none, but with columns, when there are none)."""
        path = self._path(name, bucket)
        tables = [*_stored(path), *self._held.get(path, [])]
        if not tables:  # what `begin` left has the columns
            return self.read(name, 0).slice(0, 0)
        return pa.concat_tables(tables).combine_chunks()

    def _path(self, name: str, bucket: int) -> Path:
        return self._folder / f"{name}-{bucket:05d}"

    def _append(self, name: str, bucket: int, rows: pa.Table) -> None:
        self._held[self._path(name, bucket)].append(rows)
        self._held_bytes += rows.nbytes + _OF_A_TABLE
        if self._held_bytes > self._room:
            self._store()

    def _store(self) -> None:
        for path, tables in self._held.items():
            # One stream after another in the same file: no file stays open, however many buckets.
            rows = pa.concat_tables(tables)
            with (
                pa.OSFile(str(path), "ab") as sink,
                pa.ipc.new_stream(sink, rows.schema) as writer,
            ):
                writer.write_table(rows)
        self._held.clear()
        self._held_bytes = 0


def _stored(path: Path) -> list[pa.Table]:
    tables: list[pa.Table] = []
    if path.exists():
        with pa.OSFile(str(path), "rb") as source:
            while source.tell() < source.size():
                tables.append(pa.ipc.open_stream(source).read_all())
    return tables
