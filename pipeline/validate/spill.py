"""Join more rows than fit into memory: scatter every table by record, then join bucket by bucket.

A bucket is a range of record_ids. Ids are hashes, so buckets are of about the same size, and one
after another they are sorted.
"""

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from data_contracts.arrow_files import read_partitions
from pipeline.id_halves import id_halves

BUCKET_ROWS: Final = 500_000
"""Input records that a bucket should hold: the ledger needs about 1 KB of memory for each."""
_HALF: Final = np.uint64(32)


class Spill:
    """Tables on disk, cut by record_id into the same buckets."""

    def __init__(self, folder: Path, records: int, bucket_rows: int = BUCKET_ROWS) -> None:
        """Start with nothing.

        Args:
            folder: For temporary files; the caller removes it.
            records: Input records: with `bucket_rows`, decides the number of buckets.
            bucket_rows: Records that a bucket should hold.
        """
        folder.mkdir(parents=True)
        self._folder = folder
        self.buckets = -(-records // bucket_rows) or 1

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
        if not path.exists():
            return self.read(name, 0).slice(0, 0)
        with pa.OSFile(str(path), "rb") as source:
            tables = []
            while source.tell() < source.size():
                tables.append(pa.ipc.open_stream(source).read_all())
        return pa.concat_tables(tables).combine_chunks()

    def _path(self, name: str, bucket: int) -> Path:
        return self._folder / f"{name}-{bucket:05d}"

    def _append(self, name: str, bucket: int, rows: pa.Table) -> None:
        # One stream after another in the same file: no file stays open, however many buckets.
        with (
            pa.OSFile(str(self._path(name, bucket)), "ab") as sink,
            pa.ipc.new_stream(sink, rows.schema) as writer,
        ):
            writer.write_table(rows)
