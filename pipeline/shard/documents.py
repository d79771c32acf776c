"""documents/<split>/: Arrow streams and the JSON beside them, as `datasets.load_from_disk` reads.

The format is that of `Dataset.save_to_disk` (datasets 5.2): uncompressed IPC *streams*, the names
of which tell how many there are, `state.json`, `dataset_info.json`, and one `dataset_dict.json`
above. Unlike `save_to_disk` we give an empty split a file of no rows, without which loading fails.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from data_contracts.contract_stamp import ContractStamp, stamped
from data_contracts.errors import RecipeInvalid
from data_contracts.schemas import PUBLISHED_DOCUMENTS, PUBLISHED_METADATA

MAX_DOCUMENT_BYTES: Final = (1 << 31) - 2
"""Arrow strings, and token counts with an end mark, count in 32 bits."""
BATCH_ROWS: Final = 1000
"""Rows of a record batch at most (as `datasets` writes them): the unit of its random access."""
BATCH_BYTES: Final = 16 * 1024 * 1024
"""Text bytes of a record batch at most, unless one document has more."""
RECORD_COLUMN: Final = "_record"
"""Index into `Placements`: travels with a document while it is shuffled, and is not published."""


def _features(names: Sequence[str]) -> dict[str, dict[str, str]]:
    return {name: {"dtype": "string", "_type": "Value"} for name in names}


def _schema(names: Sequence[str]) -> pa.Schema:
    # Nullable, although nothing is null: from a schema other than its own, `datasets` copies all text
    # into memory instead of mapping it, and cannot load an empty split.
    return pa.schema(
        [(name, pa.string()) for name in names],
        metadata={
            "huggingface": json.dumps({"info": {"features": _features(names)}}),
            **PUBLISHED_DOCUMENTS.metadata,
        },
    )


class Written(NamedTuple):
    """Documents that now lie one after another in a file."""

    records: NDArray[np.int64]
    """The values of `RECORD_COLUMN`."""
    shard: int
    """Number of the file."""
    first_row: int
    """Row of the first of them in that file."""
    documents: pa.RecordBatch
    """They, as they were written."""


class DocumentsWriter:
    """Writes one split's documents; the bytes do not depend on how many come at a time."""

    def __init__(
        self,
        folder: Path,
        split: str,
        shard_bytes: int,
        contracts: Sequence[ContractStamp] = (),
        *,
        has_metadata: bool = False,
    ) -> None:
        """Start a split.

        Args:
            folder: documents/<split>, made here.
            split: Its name.
            shard_bytes: Text bytes of a file at most, unless one document has more.
            contracts: What judged the documents.
            has_metadata: Whether documents have the column `PUBLISHED_METADATA`, too.
        """
        names = [*PUBLISHED_DOCUMENTS.names, *([PUBLISHED_METADATA] if has_metadata else [])]
        self._schema = stamped(_schema(names), contracts)
        folder.mkdir(parents=True)
        self._folder, self._split, self._shard_bytes = folder, split, shard_bytes
        self._batch_bytes = min(BATCH_BYTES, shard_bytes)
        self._pending: pa.Table | None = None
        self._shards = 0
        self._rows = 0
        self._bytes = 0
        self._sink: Any = None
        self._stream: pa.ipc.RecordBatchStreamWriter | None = None

    def add(self, table: pa.Table) -> Iterator[Written]:
        """Append documents and yield those that were written: iterate to the end.

        Args:
            table: PUBLISHED_DOCUMENTS with text (and metadata) as large_string, and `RECORD_COLUMN`.
        """
        pending = table if self._pending is None else pa.concat_tables([self._pending, table])
        yield from self._cut(pending, last=False)

    def finish(self) -> Iterator[Written]:
        """Write what is left and give the files their names: iterate to the end."""
        if self._pending is not None:
            yield from self._cut(self._pending, last=True)
        if not self._shards:
            self._next_shard()
        self._close()
        for number, name in enumerate(self.names()):
            os.replace(self._partial(number), self._folder / name)

    def names(self) -> list[str]:
        """Name the files, in order; final only when `finish` is through."""
        return [f"data-{number:05d}-of-{self._shards:05d}.arrow" for number in range(self._shards)]

    def describe(self) -> None:
        """Write the JSON files, after `finish`; what was written is read once more for it."""
        names = self.names()
        digest = xxhash.xxh3_64()
        for name in names:
            with pa.memory_map(str(self._folder / name)) as source:
                digest.update(source.read_buffer())
        state: dict[str, Any] = {
            "_data_files": [{"filename": name} for name in names],
            "_fingerprint": digest.hexdigest(),
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": self._split,
        }
        info = dict.fromkeys(("citation", "description", "homepage", "license"), "")
        _write_json(self._folder / "state.json", state)
        _write_json(
            self._folder / "dataset_info.json", {**info, "features": _features(self._schema.names)}
        )

    def _cut(self, table: pa.Table, *, last: bool) -> Iterator[Written]:
        lengths = pc.binary_length(table["text"]).to_numpy()
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        start = 0
        while start < table.num_rows:
            full = int(np.searchsorted(ends, ends[start] + self._batch_bytes, side="right")) - 1
            end = min(max(full, start + 1), start + BATCH_ROWS)
            if end >= table.num_rows and not last:
                break  # the next rows may belong to this batch
            batch = table.slice(start, end - start).combine_chunks()
            yield self._write(batch, int(ends[end] - ends[start]))
            start = end
        self._pending = table.slice(start)

    def _write(self, rows: pa.Table, text_bytes: int) -> Written:
        if self._stream is None or self._bytes + text_bytes > self._shard_bytes:
            self._next_shard()
        assert self._stream is not None  # noqa: S101
        columns = [_narrow(rows[name].combine_chunks()) for name in self._schema.names]
        batch = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        self._stream.write_batch(batch)
        written = Written(rows[RECORD_COLUMN].to_numpy(), self._shards - 1, self._rows, batch)
        self._rows += rows.num_rows
        self._bytes += text_bytes
        return written

    def _next_shard(self) -> None:
        self._close()
        self._sink = pa.OSFile(str(self._partial(self._shards)), "wb")
        self._stream = pa.ipc.new_stream(self._sink, self._schema)
        self._shards += 1
        self._rows = self._bytes = 0

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()  # writes the end of the stream
            self._sink.close()

    def _partial(self, number: int) -> Path:
        return self._folder / f"data-{number:05d}.partial"


def write_dataset_dict(folder: Path, splits: list[str]) -> None:
    """Name the splits, so that `folder` loads as a `DatasetDict`."""
    _write_json(folder / "dataset_dict.json", {"splits": splits})


def read_documents(folder: Path) -> Iterator[pa.RecordBatch]:
    """Map a split's documents into memory, a batch at a time, in order."""
    # By number: from 100,000 files on, names are not in that order.
    for path in sorted(folder.glob("data-*.arrow"), key=lambda one: (len(one.name), one.name)):
        with pa.memory_map(str(path)) as source:
            yield from pa.ipc.open_stream(source)


def check_lengths(documents: pa.Table, kept: NDArray[np.bool_]) -> None:
    """Refuse a document that a published shard cannot hold.

    Args:
        documents: All documents.
        kept: bool (documents,), which of them are to be published.

    Raises:
        RecipeInvalid: A document has more than `MAX_DOCUMENT_BYTES` of UTF-8.
    """
    longest = pc.binary_length(documents["text"]).to_numpy()[kept].max(initial=0)
    if longest > MAX_DOCUMENT_BYTES:
        raise RecipeInvalid(
            "recipe",
            "ingest.max_record_bytes",
            f"a document has {longest:,} bytes, published ones have under 2 GiB",
            f"Set it to at most {MAX_DOCUMENT_BYTES:,}",
        )


def _narrow(column: pa.Array) -> pa.Array:
    """Give a string column 32-bit offsets from 0 and no null bitmap, sharing its bytes."""
    if column.type == pa.string():
        return column
    wide = np.frombuffer(column.buffers()[1], np.int64)
    wide = wide[column.offset : column.offset + len(column) + 1]
    offsets = (wide - wide[0]).astype(np.int32)
    data = column.buffers()[2].slice(int(wide[0]), int(wide[-1] - wide[0]))
    return pa.StringArray.from_buffers(len(column), pa.py_buffer(offsets), data)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
