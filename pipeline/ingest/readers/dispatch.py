"""Opens a landed file and hands it, or each file in it, to the reader for what it holds."""

import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, cast

import pyarrow as pa

from data_contracts.arrow_files import read_ipc
from data_contracts.reasons import Reason
from pipeline.ingest.archives import Member, tar_members, zip_members
from pipeline.ingest.decompress import BrokenStream
from pipeline.ingest.formats import (
    SNIFFED_BYTES,
    Container,
    belongs,
    compression_of,
    container_in,
    resolve_format,
)
from pipeline.ingest.hub import fields_of_dataset, is_dataset, read_dataset
from pipeline.ingest.landing import LandedFile, open_landed
from pipeline.ingest.listing import is_url
from pipeline.ingest.parts import Part
from pipeline.ingest.readers.arrow import fields_of_arrow, read_arrow
from pipeline.ingest.readers.csv import fields_of_csv, read_csv
from pipeline.ingest.readers.jsonl import fields_of_jsonl, read_jsonl
from pipeline.ingest.readers.own import read_with
from pipeline.ingest.readers.parquet import fields_of_parquet, read_parquet
from pipeline.ingest.readers.text import read_text
from pipeline.ingest.recipe import Format, IngestRecipe, Source
from pipeline.ingest.rows import ROWS, RowCollector
from pipeline.ingest.streams import Peeked, Readable, Unpacked, sniff, unpack, unpacked_head

Report = Callable[[int], None]
"""Told how many more packed bytes were read."""


class _Reading(NamedTuple):
    """A file that is being read: a landed one, or one within it."""

    path: str
    """Within the source; of a file in an archive: with the archive's before it."""
    source: Source
    recipe: IngestRecipe
    scratch: Path
    depth: int
    """Archives that it lies in."""


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
        RecipeInvalid: The source's own reader is none.
    """
    if is_dataset(file.location):
        yield from read_dataset(file.location, source, recipe)
        return
    if file.rows:
        yield read_ipc(Path(file.location), ROWS)
        return
    reading = _Reading(file.path, source, recipe, scratch, 0)
    try:
        with open_landed(file.location) as opened:
            head = opened.read(SNIFFED_BYTES)
        with open_landed(file.location) as opened:
            seekable = None
            if compression_of(head) == "none" and not is_url(file.location):
                seekable = opened
            yield from _read(_Reported(opened, report), seekable, reading)
    except PermissionError:
        yield from _one_fault(BrokenStream(Reason.NO_PERMISSION))


def read_part(
    file: LandedFile, part: Part, source: Source, recipe: IngestRecipe, report: Report
) -> Generator[pa.Table, None, int]:
    """Read a part of a file.

    Args:
        file: The file, on this machine.
        part: What to read of it.
        source: Says where records have text and key.
        recipe: The limits.
        report: Told about progress.

    Yields:
        Batches of ROWS; positions count from the part's begin.

    Returns:
        How many positions the part has.

    Raises:
        FileNotFoundError: The file is gone.
        OSError: The disk failed: nothing is known about the file.
    """
    with open_landed(file.location) as opened:
        if part.kind == "parquet":
            groups = range(part.start, part.end)
            return (yield from read_parquet(opened, part.bytes, source, recipe, groups))
        opened.seek(part.start)
        stretch = _Reported(_Stretch(opened, part.end - part.start), report)
        pieces = unpack(stretch, recipe, part.compression)
        if part.kind == "warc":
            from pipeline.ingest.readers.warc import read_warc  # noqa: PLC0415 - as below

            return (yield from read_warc(pieces, recipe, source.metadata_fields))
        return (yield from read_jsonl(pieces, source, recipe, is_start=part.start == 0))


def field_names(file: LandedFile, source: Source, recipe: IngestRecipe) -> list[str]:
    """Name the fields of a file's first record; none where records have no fields.

    Raises:
        OSError: The file cannot be read any more.
    """
    if is_dataset(file.location):
        return fields_of_dataset(file.location, source)
    with open_landed(file.location) as opened:
        head, pieces = sniff(unpack(opened, recipe))
        kind = resolve_format(file.path, head, source.format)
        if source.reader is not None or container_in(file.path, head) is not None:
            kind = None
        if kind == "jsonl":
            return fields_of_jsonl(pieces, recipe)
        if kind == "json":
            from pipeline.ingest.readers.json import fields_of_json  # noqa: PLC0415 - as below

            return fields_of_json(pieces, recipe)
        if kind in ("csv", "tsv"):
            return fields_of_csv(pieces, recipe, is_tsv=kind == "tsv")
    if kind not in {"parquet", "arrow"}:
        return []
    with open_landed(file.location) as opened:
        return (fields_of_parquet if kind == "parquet" else fields_of_arrow)(opened)


class _Reported:
    """A file that tells how far it was read."""

    def __init__(self, file: Readable, report: Report) -> None:
        self._file, self._report = file, report

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes."""
        data = self._file.read(count)
        self._report(len(data))
        return data


class _Stretch:
    """So many bytes of a file from where it stands."""

    def __init__(self, file: Readable, length: int) -> None:
        self._file, self._left = file, length

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes."""
        data = self._file.read(min(count, self._left))
        self._left -= len(data)
        return data


def _read(file: Readable, seekable: BinaryIO | None, reading: _Reading) -> Iterator[pa.Table]:
    """Read a file, or all files in it.

    Args:
        file: Opened at its start.
        seekable: The same file, where it is not compressed and can be read in any order.
        reading: What is known about it.
    """
    pieces = unpack(file, reading.recipe)
    if reading.source.reader is not None:
        yield from read_with(pieces, reading.source, reading.recipe)
        return
    head, pieces = sniff(pieces)
    container = container_in(reading.path, head)
    if container is not None:
        yield from _read_archive(container, pieces, seekable, reading)
        return
    kind = resolve_format(reading.path, head, reading.source.format)
    if kind is None:
        fault = BrokenStream(Reason.BAD_FORMAT)
        if not head:  # nothing to tell a format by, perhaps for a fault in its compression
            try:
                list(pieces)
            except BrokenStream as found:
                fault = found
        yield from _one_fault(fault)
    elif kind in ("parquet", "arrow"):
        with _Whole(pieces, seekable, reading.scratch) as whole:
            if whole.fault is not None:
                yield from _one_fault(whole.fault)
                return
            read = read_parquet if kind == "parquet" else read_arrow
            yield from read(whole.file, whole.size, reading.source, reading.recipe)
    else:
        yield from _read_pieces(kind, pieces, reading)


def _read_pieces(kind: Format, pieces: Iterator[bytes], reading: _Reading) -> Iterator[pa.Table]:
    path, source, recipe = reading.path, reading.source, reading.recipe
    if kind == "jsonl":
        return read_jsonl(pieces, source, recipe)
    if kind == "json":
        from pipeline.ingest.readers.json import read_json  # noqa: PLC0415 - numba takes a second

        return read_json(pieces, source, recipe)
    if kind in ("csv", "tsv"):
        return read_csv(pieces, source, recipe, is_tsv=kind == "tsv")
    if kind == "html":
        from pipeline.ingest.readers.html import read_html  # noqa: PLC0415 - numba takes a second

        return read_html(pieces, path, recipe)
    if kind == "warc":
        from pipeline.ingest.readers.warc import read_warc  # noqa: PLC0415 - numba takes a second

        return read_warc(pieces, recipe, source.metadata_fields)
    return read_text(pieces, path, recipe)


def _read_archive(
    container: Container, pieces: Iterator[bytes], seekable: BinaryIO | None, reading: _Reading
) -> Iterator[pa.Table]:
    """Read the files of an archive, and one row for what is left of it where it breaks off."""
    recipe = reading.recipe
    if reading.depth >= recipe.max_archive_depth:
        limit = recipe.max_archive_depth
        yield from _one_fault(BrokenStream(Reason.NESTED_TOO_DEEP, reading.depth + 1, limit))
        return
    if container == "zip":
        with _Whole(pieces, seekable, reading.scratch) as whole:
            if whole.fault is not None:
                yield from _one_fault(whole.fault)
                return
            yield from _read_members(zip_members(whole.file, recipe), reading)
        return
    stream = Unpacked(pieces)
    yield from _read_members(tar_members(cast(BinaryIO, stream), recipe), reading, stream)


def _read_members(
    members: Iterator[Member], reading: _Reading, stream: Unpacked | None = None
) -> Iterator[pa.Table]:
    was_broken = False
    try:
        for member in members:
            tables, was_broken = _read_member(member, reading), False
            for table in tables:
                last = table["reason"][table.num_rows - 1].as_py()
                was_broken = last == Reason.BAD_COMPRESSION.value
                yield _named(table, member.path)
    except BrokenStream as fault:
        # A file that breaks off with its archive has said so itself.
        if not (was_broken and fault.reason is Reason.BAD_FORMAT):
            yield from _one_fault(stream.fault if stream is not None and stream.fault else fault)
        return
    if stream is not None and stream.fault is not None and not was_broken:
        yield from _one_fault(stream.fault)


def _read_member(member: Member, reading: _Reading) -> Iterator[pa.Table]:
    """Read a file of an archive, if it is one of the source's, by the rules for folders."""
    if member.file is None:
        assert member.fault is not None, "it says why it has no bytes"  # noqa: S101
        yield from _one_fault(BrokenStream(member.fault))
        return
    head, file = _peeked(member.file)
    if not belongs(member.path, head, reading.source.format, chosen=False):
        return
    inner = reading._replace(path=f"{reading.path}/{member.path}", depth=reading.depth + 1)
    yield from _read(file, None, inner)


def _peeked(file: Readable) -> tuple[bytes, Readable]:
    """Look at a file's first unpacked bytes: (these, the file as if it had not been read)."""
    held = Peeked(file)
    head = unpacked_head(held)
    return head, held.from_start()


def _named(table: pa.Table, member: str) -> pa.Table:
    """Say which file of an archive rows lie in; of nested archives the outer one comes first."""
    place = ROWS.get_field_index("member")
    inner = table["member"].to_pylist()
    names = [member if one is None else f"{member}/{one}" for one in inner]
    return table.set_column(place, ROWS.field(place), pa.array(names, pa.string()))


class _Whole:
    """A file that can be read in any order, unpacked or fetched into a temporary one if need be."""

    def __init__(self, pieces: Iterator[bytes], seekable: BinaryIO | None, scratch: Path) -> None:
        self._pieces, self._scratch = pieces, scratch
        self._is_direct = seekable is not None
        self.fault: BrokenStream | None = None
        self.file: BinaryIO = seekable  # type: ignore[assignment]
        self.size = 0

    def __enter__(self) -> Self:
        if not self._is_direct:
            self.file = tempfile.TemporaryFile(dir=self._scratch)
            try:
                for piece in self._pieces:
                    self.file.write(piece)
            except BrokenStream as fault:
                self.fault = fault
        self.size = self.file.seek(0, 2)
        self.file.seek(0)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_direct:
            self.file.close()


def _one_fault(fault: BrokenStream) -> Iterator[pa.Table]:
    rows = RowCollector()
    rows.fail_with(1, fault)
    return rows.rest()
