"""Join more rows than fit into memory: scatter every table by record, then join bucket by bucket.

A bucket is a range of record_ids. Ids are hashes, so buckets are of about the same size, and one
after another they are sorted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from data_contracts.arrow_files import read_partitions

BUCKET_ROWS: Final = 500_000
"""Input records that a bucket should hold: the ledger needs about 1 KB of memory for each."""
_HEAD_DIGITS: Final = 8


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
        self.add_frame(name, pl.DataFrame(schema=_polars_schema(schema.field(c) for c in columns)))
        for table in read_partitions(folder, schema):
            self.add_frame(name, _frame(table.select(columns)))

    def add_frame(self, name: str, frame: pl.DataFrame, key: str = "record_id") -> None:
        """Scatter rows by the record_id in a column; where it is null the row goes to bucket 0."""
        if self.buckets == 1 or frame.is_empty():
            self._append(name, 0, frame)
            return
        head = pl.col(key).str.head(_HEAD_DIGITS).str.to_integer(base=16, dtype=pl.Int64)
        number = (head * self.buckets // 16**_HEAD_DIGITS).fill_null(0).alias("bucket")
        for (bucket,), rows in (
            frame.with_columns(number)
            .partition_by("bucket", as_dict=True, include_key=False)
            .items()
        ):
            self._append(name, int(bucket), rows)

    def read(self, name: str, bucket: int) -> pl.DataFrame:
        """Read a table's rows in one bucket (none, but with columns, when there are none)."""
        path = self._path(name, bucket)
        if not path.exists():
            return self.read(name, 0).clear()
        with pa.OSFile(str(path), "rb") as source:
            tables = []
            while source.tell() < source.size():
                tables.append(pa.ipc.open_stream(source).read_all())
        return _frame(pa.concat_tables(tables))

    def _path(self, name: str, bucket: int) -> Path:
        return self._folder / f"{name}-{bucket:05d}"

    def _append(self, name: str, bucket: int, rows: pl.DataFrame) -> None:
        # One stream after another in the same file: no file stays open, however many buckets.
        table = rows.to_arrow()
        with (
            pa.OSFile(str(self._path(name, bucket)), "ab") as sink,
            pa.ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(table)


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame), "a table becomes a frame"  # noqa: S101
    return frame


def _polars_schema(fields: Iterator[pa.Field]) -> pl.Schema:
    return _frame(pa.schema(list(fields)).empty_table()).schema
