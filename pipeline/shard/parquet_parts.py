"""A long sorted table as Parquet files whose bytes do not depend on how rows arrive."""

import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

GROUP_ROWS: Final = 1 << 16
"""Rows of a row group: a look-up by record_id reads one."""
FILE_GROUPS: Final = 16
"""Row groups of a file."""


class ParquetParts:
    """Writes `part-00000.parquet`, `part-00001.parquet`, ...; at least one, maybe of no rows."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        """Start in a folder, made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._schema = folder, schema
        self._pending = schema.empty_table()
        self._groups = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        """Start writing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is left; the files are complete when there was no error."""
        if kind is None and (self._pending.num_rows or not self._groups):
            self._write(self._pending)
        self._close(keep=kind is None)

    def add(self, table: pa.Table) -> None:
        """Append rows (columns in any order)."""
        table = table.select(self._schema.names).cast(self._schema)
        self._pending = pa.concat_tables([self._pending, table])
        while self._pending.num_rows >= GROUP_ROWS:
            self._write(self._pending.slice(0, GROUP_ROWS))
            self._pending = self._pending.slice(GROUP_ROWS)

    def _path(self) -> Path:
        return self._folder / f"part-{(self._groups - 1) // FILE_GROUPS:05d}.parquet"

    def _write(self, rows: pa.Table) -> None:
        if self._groups % FILE_GROUPS == 0:
            self._close(keep=True)
        self._groups += 1
        if self._writer is None:
            partial = f"{self._path()}.partial"
            self._writer = pq.ParquetWriter(partial, self._schema, compression="zstd")
        # In one chunk: where chunks end decides where pages end.
        self._writer.write_table(rows.combine_chunks(), row_group_size=GROUP_ROWS)

    def _close(self, *, keep: bool) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        if keep:
            os.replace(f"{self._path()}.partial", self._path())
