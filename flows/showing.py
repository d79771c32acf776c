"""`mill show`: one row of a file, whatever the file holds. No Prefect here."""

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.errors import RowUnknown
from data_contracts.frozen import Frozen
from pipeline.ingest.formats import SNIFFED_BYTES, compression_of, resolve_format
from pipeline.ingest.landing import LandedFile
from pipeline.ingest.readers.dispatch import read_file
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.streams import Unpacked, unpack, unpacked_head

SHOWN_BYTES: Final = 100_000
"""Most of a raw line that is looked at."""


class ShownRow(Frozen):
    """A row of a file."""

    path: str
    """The file."""
    row: int
    """Which row, from 1: a line, a row or a record, as ledgers count positions."""
    format: str
    """What the file holds."""
    fields: dict[str, Any]
    """Its columns; of what ingest reads: where it lies, its key, its text, or why it cannot be read."""
    raw: str | None
    """The line itself, for files of lines: how it begins, bytes that are not UTF-8 replaced."""


def show_row(path: Path, row: int, text_field: str = "text") -> ShownRow:
    """Find a row of a file.

    Args:
        path: Parquet, Arrow, or anything that ingest reads, packed or not.
        row: Counted from 1.
        text_field: Field of the text, for files whose records have fields.

    Raises:
        RowUnknown: The file is not there, or has fewer rows.
    """
    if not path.is_file():
        told = "it is a folder: name a file in it" if path.is_dir() else "there is no such file"
        raise RowUnknown(path, row, told)
    with path.open("rb") as file:
        head = file.read(SNIFFED_BYTES)
    with path.open("rb") as file:
        unpacked = unpacked_head(file)
    kind = resolve_format(path.name, unpacked, "auto")
    if compression_of(head) == "none" and kind in {"parquet", "arrow"}:
        fields = _table_row(path, kind, row)
        return ShownRow(path=str(path), row=row, format=kind, fields=fields, raw=None)
    raw = _line(path, row) if kind in {"jsonl", "csv", "tsv"} else None
    fields = _record(path, row, text_field)
    return ShownRow(path=str(path), row=row, format=str(kind), fields=fields, raw=raw)


def _table_row(path: Path, kind: str, row: int) -> dict[str, Any]:
    first = 0
    for table in _batches(path, kind):
        if row <= first + table.num_rows:
            return {str(k): v for k, v in table.slice(row - 1 - first, 1).to_pylist()[0].items()}
        first += table.num_rows
    raise RowUnknown(path, row, f"it has {first:,} rows")


def _batches(path: Path, kind: str) -> Iterator[Any]:
    if kind == "parquet":
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=4096)
        return
    with pa.memory_map(str(path)) as source:
        try:
            yield from pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            source.seek(0)
            opened = pa.ipc.open_file(source)
            yield from (opened.get_batch(n) for n in range(opened.num_record_batches))


def _record(path: Path, row: int, text_field: str) -> dict[str, Any]:
    """Read records as ingest does, up to the one that is wanted."""
    source = Source(name="shown", path=str(path), text_field=text_field)
    file = LandedFile(path=path.name, location=str(path.absolute()), bytes=0, sha256=None)
    last = 0
    with tempfile.TemporaryDirectory() as scratch:
        for table in read_file(file, source, IngestRecipe(), Path(scratch), lambda _: None):
            for one in table.to_pylist():
                last = max(last, int(one["position"]))
                if one["position"] == row:
                    return {name: value for name, value in one.items() if value is not None}
    raise RowUnknown(path, row, f"its last record is number {last:,}")


def _line(path: Path, row: int) -> str | None:
    with path.open("rb") as file:
        lines = _lines(Unpacked(unpack(file, IngestRecipe())))
        line = next(islice(lines, row - 1, None), None)
    return line.decode("utf-8", "replace") if line is not None else None


def _lines(file: Unpacked) -> Iterator[bytes]:
    """Cut into lines, of each at most `SHOWN_BYTES`: a line may be gigabytes long."""
    begun = b""
    while piece := file.read(1 << 16):
        *whole, rest = piece.split(b"\n")
        for part in whole:
            yield (begun + part)[:SHOWN_BYTES]
            begun = b""
        begun = (begun + rest)[:SHOWN_BYTES]
    if begun:
        yield begun
