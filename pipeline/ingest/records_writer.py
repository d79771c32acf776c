"""records/: the texts of kept rows, linked where an earlier run wrote the same rows.

Most of what ingest writes is text, and most of a refresh's text was there before: a partition whose
rows have the names and the text of a partition of an earlier run is its file.
"""

from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from data_contracts.arrow_files import PARTITION_BYTES, partition_name, write_ipc
from data_contracts.fingerprint import fingerprint
from data_contracts.schemas import RECORDS
from pipeline.partition_memo import PartitionMemo

_NAMES = [name for name in RECORDS.names if name != "text"]


class _Rows(NamedTuple):
    """Rows that wait for their partition to be full."""

    described: pa.Table
    """RECORDS without the text; `reason` says which rows are not kept."""
    texts: pa.ChunkedArray
    identity: str
    """Stands for both."""


class RecordsWriter:
    """Writes rows into partitions of bounded size."""

    def __init__(self, folder: Path, cache: Path | None) -> None:
        """Write into this folder, made if need be.

        Args:
            folder: Where partitions go.
            cache: Folder of notes on earlier runs; None: everything is written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._memo = folder, PartitionMemo(cache, RECORDS.names)
        self._waiting: list[_Rows] = []
        self._bytes = self._written = 0

    def add(self, described: pa.Table, texts: pa.ChunkedArray, checksum: str) -> int:
        """Append those rows that are kept; a partition is written whenever one is full.

        Args:
            described: RECORDS without the text, and `reason`: null where a row is kept.
            texts: large_string, their texts.
            checksum: Of the file that the texts lie in.

        Returns:
            UTF-8 bytes of the texts kept.
        """
        described = described.select([*_NAMES, "reason"])
        is_kept = pc.is_null(described["reason"])
        if not pc.any(is_kept).as_py():
            return 0
        lengths = pc.binary_length(texts).filter(is_kept)
        text_bytes = int(pc.sum(lengths).as_py() or 0)
        self._waiting.append(_Rows(described, texts, f"{checksum} {_hashed(described)}"))
        self._bytes += text_bytes
        if self._bytes >= PARTITION_BYTES:
            self._write()
        return text_bytes

    def end_unit(self) -> None:
        """End the partition with this unit, unless it is small.

        The next one begins with the same row again, whatever came or went before it, and what is
        made of it is found again.
        """
        if self._bytes >= PARTITION_BYTES // 2:
            self._write()

    def close(self) -> None:
        """Write what is left."""
        self._write()
        self._memo.save()

    def _write(self) -> None:
        if not self._waiting:
            return
        target = self._folder / partition_name(self._written)

        def join() -> dict[str, Any]:
            # Not combined: every chunk becomes a batch of the file, and text is copied once.
            write_ipc(target, pa.concat_tables(_records(rows) for rows in self._waiting))
            return {}

        identity = fingerprint([rows.identity for rows in self._waiting])
        self._memo.fetch(identity, {"records": target}, join)
        self._waiting, self._bytes, self._written = [], 0, self._written + 1


def _records(rows: _Rows) -> pa.Table:
    table = rows.described.append_column("text", rows.texts)
    if table["reason"].null_count < table.num_rows:
        table = table.filter(pc.is_null(table["reason"]))
    return table.select(RECORDS.names).cast(RECORDS)


def _hashed(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return xxhash.xxh3_128_hexdigest(sink.getvalue())
