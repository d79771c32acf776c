"""Opens a landed file and hands it to the reader for what it holds."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from data_contracts.reasons import Reason
from pipeline.ingest.formats import SNIFFED_BYTES, compression_of, resolve_format
from pipeline.ingest.landing import LandedFile, open_landed
from pipeline.ingest.listing import is_url
from pipeline.ingest.readers.jsonl import fields_of_jsonl, read_jsonl
from pipeline.ingest.readers.parquet import fields_of_parquet, read_parquet
from pipeline.ingest.readers.text import read_text
from pipeline.ingest.recipe import Format, IngestRecipe, Source
from pipeline.ingest.rows import RowCollector
from pipeline.ingest.streams import BrokenStream, unpack

Report = Callable[[int], None]
"""Told how many more packed bytes were read."""


def read_file(
    file: LandedFile, source: Source, recipe: IngestRecipe, scratch: Path, report: Report
) -> Iterator[pa.Table]:
    """Read a file, whatever it holds.

    Args:
        file: What to read.
        source: Says what the file holds and where records have text and key.
        recipe: The limits.
        scratch: Folder for what must be unpacked before it can be read.
        report: Told about progress.

    Yields:
        Batches of ROWS.

    Raises:
        FileNotFoundError: The file is gone.
        OSError: The disk or the network failed: nothing is known about the file.
    """
    try:
        with open_landed(file.location) as opened:
            head = opened.read(SNIFFED_BYTES)
        with open_landed(file.location) as opened:
            yield from _read(_Reported(opened, report), head, file, source, recipe, scratch)
    except PermissionError:
        yield from _one_fault(Reason.NO_PERMISSION)


def field_names(file: LandedFile, source: Source, recipe: IngestRecipe) -> list[str]:
    """Name the fields of a file's first record; none where records have no fields.

    Raises:
        OSError: The file cannot be read any more.
    """
    with open_landed(file.location) as opened:
        head = opened.read(SNIFFED_BYTES)
    with open_landed(file.location) as opened:
        kind = resolve_format(file.path, head, source.format)
        if kind == "jsonl":
            return fields_of_jsonl(unpack(opened, recipe), recipe)
        return fields_of_parquet(opened) if kind == "parquet" else []


class _Reported:
    """A file that tells how far it was read."""

    def __init__(self, file: BinaryIO, report: Report) -> None:
        self._file, self._report = file, report

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes."""
        data = self._file.read(count)
        self._report(len(data))
        return data

    def unreported(self) -> BinaryIO:
        """Give the file itself, to be read in any order."""
        return self._file


def _read(
    opened: _Reported,
    head: bytes,
    file: LandedFile,
    source: Source,
    recipe: IngestRecipe,
    scratch: Path,
) -> Iterator[pa.Table]:
    kind = resolve_format(file.path, head, source.format)
    if kind is None:
        return _one_fault(Reason.BAD_FORMAT)
    if kind == "parquet":
        if compression_of(head) == "none" and not is_url(file.location):
            return read_parquet(opened.unreported(), file.bytes, source, recipe)
        return _read_unpacked_parquet(opened, source, recipe, scratch)
    return _read_pieces(kind, unpack(opened, recipe), file, source, recipe)


def _read_pieces(
    kind: Format, pieces: Iterator[bytes], file: LandedFile, source: Source, recipe: IngestRecipe
) -> Iterator[pa.Table]:
    if kind == "jsonl":
        return read_jsonl(pieces, source, recipe)
    if kind == "html":
        from pipeline.ingest.readers.html import read_html  # noqa: PLC0415 - numba takes a second

        return read_html(pieces, file.path, recipe)
    if kind == "warc":
        from pipeline.ingest.readers.warc import read_warc  # noqa: PLC0415 - numba takes a second

        return read_warc(pieces, recipe)
    return read_text(pieces, file.path, recipe)


def _read_unpacked_parquet(
    opened: _Reported, source: Source, recipe: IngestRecipe, scratch: Path
) -> Iterator[pa.Table]:
    """Unpack or fetch a Parquet file first: it is read from its end."""
    with tempfile.TemporaryFile(dir=scratch) as whole:
        try:
            for piece in unpack(opened, recipe):
                whole.write(piece)
        except BrokenStream as fault:
            rows = RowCollector()
            rows.fail_with(1, fault)
            yield from rows.rest()
            return
        size = whole.tell()
        whole.seek(0)
        yield from read_parquet(whole, size, source, recipe)


def _one_fault(reason: Reason) -> Iterator[pa.Table]:
    rows = RowCollector()
    rows.fail(1, reason)
    return rows.rest()
