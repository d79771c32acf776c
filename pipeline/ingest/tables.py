"""From segments of rows to the stage's tables: records, origins and decisions."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.arrow_files import PARTITION_BYTES, partition_name, read_ipc, write_ipc
from data_contracts.reasons import Reason
from data_contracts.results import SourceCounts
from data_contracts.schemas import DECISIONS, METADATA, ORIGINS, RULE_EVIDENCE
from pipeline.ingest.fields import as_json
from pipeline.ingest.naming import name_records
from pipeline.ingest.recipe import Source
from pipeline.ingest.records_writer import RecordsWriter
from pipeline.ingest.units import SEGMENT, ReadUnit

_INDEX = [name for name in SEGMENT.names if name not in {"text", "metadata"}]


_SHOWN = ("path", "position", "content_id", "origin", "value", "threshold")


class PartitionWriter:
    """Writes a table into a folder of partitions of bounded size."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        """Write tables of this schema into this folder, made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._schema = folder, schema
        self._waiting: list[pa.Table] = []
        self._bytes = self._written = 0

    def add(self, table: pa.Table) -> None:
        """Append rows; a partition is written whenever one is full."""
        if not table.num_rows:
            return
        self._waiting.append(table.select(self._schema.names).cast(self._schema))
        self._bytes += table.nbytes
        if self._bytes >= PARTITION_BYTES:
            self.close()

    def close(self) -> None:
        """Write what is left."""
        if self._waiting:
            # Not combined: every chunk becomes a batch of the file, and text is copied once.
            table = pa.concat_tables(self._waiting)
            write_ipc(self._folder / partition_name(self._written), table)
            self._waiting, self._bytes, self._written = [], 0, self._written + 1


class Tables(NamedTuple):
    """Where the stage's tables go."""

    records: RecordsWriter
    origins: PartitionWriter
    decisions: PartitionWriter
    metadata: PartitionWriter

    @classmethod
    def in_folder(cls, folder: Path, cache: Path | None) -> "Tables":
        """Start the tables of a stage folder; `cache` is that of `RecordsWriter`."""
        return cls(
            RecordsWriter(folder / "records", cache),
            PartitionWriter(folder / "origins", ORIGINS),
            PartitionWriter(folder / "decisions", DECISIONS),
            PartitionWriter(folder / "metadata", METADATA),
        )

    def close(self) -> None:
        """Write what is left of each."""
        for writer in self:
            writer.close()


class SourceTables(NamedTuple):
    """What became of a source."""

    counts: SourceCounts
    text_bytes: int
    """UTF-8 bytes of the records handed on."""
    rows_reused: int
    first_unreadable: str
    """`path:position: reason` of the first record that could not be read; empty: all could."""


def write_source(source: Source, read: list[ReadUnit], tables: Tables) -> SourceTables:
    """Name a source's rows and write them.

    Args:
        source: The source.
        read: Its units, in order of path.
        tables: Where the rows go.
    """
    index, name = _index(read), source.name
    named = pa.table(name_records(name, _for_naming(index)).to_arrow())
    lost = pc.and_(named["lost_key"], pc.is_null(index["reason"]))
    reasons = pc.if_else(lost, pa.scalar(Reason.DUPLICATE_KEY.value), index["reason"])
    described = pa.table(
        {
            "record_id": named["record_id"].cast(pa.string()),
            "key": named["key"].cast(pa.string()),
            "source": pa.repeat(name, index.num_rows),
            "reason": reasons,
            **{c: index[c] for c in _SHOWN},
        }
    )
    tables.origins.add(described)
    tables.decisions.add(_decisions(described.filter(pc.is_valid(reasons))))
    text_bytes = _write_records(read, described.combine_chunks(), tables, source.constants)
    counted = described["reason"].value_counts().to_pylist()
    dropped = {Reason(c["values"]): c["counts"] for c in counted if c["values"] is not None}
    rows = described.num_rows
    return SourceTables(
        counts=SourceCounts(
            rows_in=rows, rows_kept=rows - sum(dropped.values()), rows_dropped=dropped
        ),
        text_bytes=text_bytes,
        rows_reused=sum(unit.rows for unit in read if unit.is_reused),
        first_unreadable=_first_unreadable(index),
    )


def _segments(read: Iterable[ReadUnit]) -> Iterator[tuple[ReadUnit, pa.Table]]:
    for unit in read:
        for path in unit.segments:
            yield unit, read_ipc(path, SEGMENT)


def _index(read: list[ReadUnit]) -> pa.Table:
    """Gather all columns but the text, and each row's path."""
    schema = pa.schema([*(SEGMENT.field(name) for name in _INDEX), pa.field("path", pa.string())])
    parts = [schema.empty_table()]
    before = _positions_before(read)
    for unit, segment in _segments(read):
        files = pa.array([file.path for file in unit.unit.files], pa.string())
        part = _moved(segment.select(_INDEX), before[id(unit)])
        paths = files.take(part["file"].combine_chunks())
        if part["member"].null_count < part.num_rows:
            members = part["member"].combine_chunks()
            joined = pc.binary_join_element_wise(paths, members, "/")
            paths = pc.if_else(pc.is_null(members), paths, joined)
        parts.append(part.append_column("path", paths))
    return pa.concat_tables(parts)


def _positions_before(read: list[ReadUnit]) -> dict[int, int]:
    """Count the positions of the parts of a file that come before each."""
    before: dict[int, int] = {}
    for last, unit in zip([None, *read], read, strict=False):
        follows = last is not None and unit.unit.part is not None and unit.unit.part.start > 0
        before[id(unit)] = before[id(last)] + last.positions if last and follows else 0
    return before


def _moved(rows: pa.Table, count: int) -> pa.Table:
    """Count positions from the begin of the file, not of its part."""
    if not count:
        return rows
    place = rows.schema.get_field_index("position")
    field = rows.schema.field(place)
    return rows.set_column(place, field, pc.add(rows["position"], pa.scalar(count, pa.int64())))


def _for_naming(index: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(index.select(["path", "position", "key", "content_id"]))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101
    return frame


def _write_records(
    read: list[ReadUnit], described: pa.Table, tables: Tables, constants: Mapping[str, object]
) -> int:
    """Join the texts to what is known of their rows, and write those that are kept."""
    start = text_bytes = 0
    for unit in read:
        for path, checksum in zip(unit.segments, unit.checksums, strict=True):
            segment = read_ipc(path, SEGMENT)
            part = described.slice(start, segment.num_rows)
            start += segment.num_rows
            text_bytes += tables.records.add(part, segment["text"], checksum)
            said = _with_constants(segment["metadata"], constants)
            kept = pc.and_(pc.is_null(part["reason"]), pc.is_valid(said))
            table = part.select(["record_id"]).append_column("metadata", said)
            tables.metadata.add(table.filter(kept))
        tables.records.end_unit()
    return text_bytes


def _with_constants(metadata: pa.ChunkedArray, constants: Mapping[str, object]) -> pa.ChunkedArray:
    """Say of every record what is said of its source; the names differ from those of its fields."""
    if not constants:
        return metadata
    alone = pa.scalar(as_json(constants))
    inner = pa.scalar(as_json(constants)[1:])
    joined = pc.binary_join_element_wise(pc.utf8_slice_codeunits(metadata, 0, -1), inner, ",")
    return pc.coalesce(joined, alone)


def _decisions(dropped: pa.Table) -> pa.Table:
    """Write one decision for each row: its one reason, and again with what that is about, if known."""
    count = dropped.num_rows
    columns = [dropped[name].combine_chunks() for name in ("reason", "value", "threshold")]
    origins = dropped["origin"].combine_chunks()
    about = pc.is_valid(origins)
    rows = pa.array(range(count), pa.int64())
    places = pc.array_sort_indices(pa.concat_arrays([rows, rows.filter(about)]))
    named = pc.binary_join_element_wise(columns[0], origins, ":").filter(about)
    evidence = pa.StructArray.from_arrays(
        [
            pa.concat_arrays([columns[0], named]),
            *(pa.concat_arrays([one, one.filter(about)]) for one in columns[1:]),
        ],
        fields=list(RULE_EVIDENCE),
    ).take(places)
    ends = np.concatenate([[0], np.cumsum(1 + about.to_numpy(zero_copy_only=False))])
    return pa.table(
        {
            "record_id": dropped["record_id"],
            "reason": dropped["reason"],
            "reasons": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), evidence),
            "survivor_id": pa.nulls(count, pa.string()),
            "similarity": pa.nulls(count, pa.float64()),
        }
    )


def _first_unreadable(index: pa.Table) -> str:
    was_not_read = pc.and_(pc.is_valid(index["reason"]), pc.is_null(index["content_id"]))
    unreadable = index.filter(was_not_read).slice(0, 1).to_pylist()
    return "".join(f"{row['path']}:{row['position']}: {row['reason']}" for row in unreadable)
