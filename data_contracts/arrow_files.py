"""Arrow files on disk: partitions written atomically, read back by memory map.

A partition is a bounded batch of rows in one IPC file, `part-00000.arrow`. It schedules work and
has no meaning: no result may depend on where one ends.
"""

import ctypes
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.schemas import check_schema

_LIBC = ctypes.CDLL(None)

PARTITION_BYTES = 64 * 1024 * 1024
"""Text bytes after which a writer starts the next partition."""


def partition_name(number: int) -> str:
    """Name the partition of this number."""
    return f"part-{number:05d}.arrow"


def partitions(folder: Path) -> list[Path]:
    """List a folder's partitions in order (empty when there are none)."""
    return sorted(folder.glob("part-*.arrow"))


def write_ipc(path: Path, table: pa.Table) -> None:
    """Write a table as an uncompressed IPC file, so that reading it back copies nothing.

    The file appears under its name only when it is whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    os.replace(partial, path)


def read_ipc(path: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Map an IPC file into memory; pages are read as columns are touched.

    Args:
        path: The file.
        schema: The promised columns; None reads whatever is there.

    Raises:
        SchemaMismatch: The columns are not the promised ones.
    """
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    if schema is not None:
        check_schema(str(path), table.schema, schema)
    return table


class MappedTable(NamedTuple):
    """A table in a mapped file, whose pages can be handed back while the table is in use."""

    table: pa.Table
    """Copies nothing; valid as long as anything refers to it."""
    pages: pa.Buffer
    """The whole file."""

    @classmethod
    def open(cls, path: Path, schema: pa.Schema) -> Self:
        """Map an IPC file into memory.

        Raises:
            SchemaMismatch: The columns are not the promised ones.
        """
        with pa.memory_map(str(path)) as source:
            pages = source.read_buffer()
            source.seek(0)
            table = pa.ipc.open_file(source).read_all()
        check_schema(str(path), table.schema, schema)
        return cls(table, pages)

    def release(self) -> None:
        """Let the process hold none of the file's pages; what is read again comes back by itself.

        The system would take them when it needs them, but until then they count as the process's,
        also for limits on its memory. (Python's own maps can do this too, but each keeps a file open.)
        """
        _LIBC.madvise(
            ctypes.c_void_p(self.pages.address),
            ctypes.c_size_t(self.pages.size),
            mmap.MADV_DONTNEED,
        )


def read_partitions(folder: Path, schema: pa.Schema | None = None) -> Iterator[pa.Table]:
    """Map each partition of a folder in turn."""
    for path in partitions(folder):
        yield read_ipc(path, schema)


def read_all(folder: Path, schema: pa.Schema) -> pa.Table:
    """Map all partitions of a folder as one table (of no rows when there are none)."""
    tables = list(read_partitions(folder, schema))
    return pa.concat_tables(tables) if tables else schema.empty_table()


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table as a zstd Parquet file that appears only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    pq.write_table(table, partial, compression="zstd", write_statistics=True)
    os.replace(partial, path)
