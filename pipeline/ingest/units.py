"""Units of reading: a file, part of a large one, or some small ones; read once while unchanged."""

import hashlib
import itertools
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.arrow_files import (
    PARTITION_BYTES,
    partition_name,
    partitions,
    read_ipc,
    write_ipc,
)
from data_contracts.checksums import checksum
from data_contracts.errors import SourceChanged
from data_contracts.fingerprint import fingerprint, library_versions
from data_contracts.forgotten import NOBODY, ForgetList
from data_contracts.progress import Progress
from data_contracts.reasons import Reason
from pipeline.ingest import LIBRARIES, STAGE_VERSION
from pipeline.ingest.landing import LandedFile, reader_identity
from pipeline.ingest.parts import Part, parts_of
from pipeline.ingest.readers.dispatch import Report, read_file, read_part
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import ROWS

SEGMENT: Final = pa.schema([pa.field("file", pa.int32(), nullable=False), *ROWS])
"""ROWS with the number of the file within its unit."""

_LOG = logging.getLogger(__name__)

_SEGMENTS_FILE: Final = "segments"
"""How many positions the unit has, then checksums of the segments, in order: a part of the cache may
be gone, or not what was written."""
_OF_CONTENT: Final = ("text", "metadata", "value", "threshold", "origin")
"""Columns of which nothing may be left of a forgotten record."""
_READ_SETTINGS: Final = {
    "format",
    "text_field",
    "turn_template",
    "turn_separator",
    "key_field",
    "url_field",
    "metadata_fields",
}
"""Fields of a source that decide what is read of a file."""
_LARGE_BYTES: Final = 4 * 1024 * 1024
_MAX_FILES: Final = 512
_MEAN_FILES: Final = 64


_BREAKS: Final = {
    Reason.BAD_COMPRESSION.value,
    Reason.BAD_FORMAT.value,
    Reason.DECOMPRESSION_BOMB.value,
}
"""What the last row of a part says that ends within a record."""


class Unit(NamedTuple):
    """Files of one source that are read together."""

    source: Source
    files: tuple[LandedFile, ...]
    part: Part | None = None
    """What is read of the one file; None: all of each."""

    @property
    def bytes(self) -> int:
        """Packed bytes of all that is read."""
        return sum(file.bytes for file in self.files) if self.part is None else self.part.bytes

    def to_the_end(self) -> "Unit":
        """Extend a part by all that follows it in its file."""
        assert self.part is not None, "it is a part"  # noqa: S101
        end = self.files[0].bytes
        whole = self.part._replace(end=end, bytes=end - self.part.start, is_last=True)
        return self._replace(part=whole)


class ReadUnit(NamedTuple):
    """Where the rows of a unit lie."""

    unit: Unit
    segments: list[Path]
    """SEGMENT files, in order."""
    checksums: list[str]
    """Of those files."""
    rows: int
    positions: int
    """Lines or records of a part, those that are no rows too: the next part's count from there."""
    is_reused: bool
    """They were there already."""

    @property
    def may_be_cut_wrong(self) -> bool:
        """Whether a part ends within a record, by a cut that was only proposed."""
        part = self.unit.part
        if part is None or part.kind != "warc" or part.is_last or not self.segments:
            return False
        reasons = read_ipc(self.segments[-1], SEGMENT)["reason"]
        return reasons[len(reasons) - 1].as_py() in _BREAKS


def units_of(source: Source, files: tuple[LandedFile, ...], recipe: IngestRecipe) -> Iterator[Unit]:
    """Group a source's files, large ones alone or in parts.

    Where a group of small files ends depends on the names around, not on a count from the start:
    a file more or less changes one group, and all others are found again.

    Args:
        source: The source.
        files: Its files, by path.
        recipe: Its limits decide what may be cut.
    """
    group: list[LandedFile] = []
    for file in files:
        if file.bytes >= _LARGE_BYTES:
            if group:
                yield Unit(source, tuple(group))
                group = []
            is_cut = False
            for part in parts_of(file, source, recipe):
                is_cut = True
                yield Unit(source, (file,), part)
            if not is_cut:
                yield Unit(source, (file,))
            continue
        group.append(file)
        ends = hashlib.blake2b(file.path.encode(), digest_size=2).digest()
        is_boundary = int.from_bytes(ends, "big") % _MEAN_FILES == 0
        if is_boundary or len(group) >= _MAX_FILES or _bytes(group) >= 2 * _LARGE_BYTES:
            yield Unit(source, tuple(group))
            group = []
    if group:
        yield Unit(source, tuple(group))


def _bytes(files: list[LandedFile]) -> int:
    return sum(file.bytes for file in files)


class UnitReader:
    """Reads units into segments; safe to call from several threads."""

    def __init__(
        self,
        recipe: IngestRecipe,
        scratch: Path,
        cache: Path | None,
        progress: Progress,
        total_bytes: int,
        forgotten: ForgetList = NOBODY,
    ) -> None:
        """Set up.

        Args:
            recipe: The limits.
            scratch: Folder for segments that are not kept, and for temporary files.
            cache: Folder of segments kept from earlier runs; None keeps none.
            progress: Told of packed bytes read.
            total_bytes: Packed bytes in all.
            forgotten: Whose text is taken out of what is read.
        """
        self._recipe, self._scratch = recipe, scratch
        self._cache = None if recipe.sample_records else cache
        self._settings = [
            STAGE_VERSION,
            library_versions(LIBRARIES),
            recipe.model_dump(exclude={"max_unreadable_ratio", "sample_records"}),
            *([forgotten.identity] if forgotten.records else []),
        ]
        self._forgotten = forgotten
        self._progress, self._total, self._done = progress, total_bytes, 0
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def read(self, unit: Unit, limit: int | None = None) -> ReadUnit:
        """Read a unit, or find what was read of it before.

        Args:
            unit: The files.
            limit: Stop after so many rows; None: read all.

        Raises:
            SourceChanged: A file is gone since it was listed.
        """
        kept = self._kept_folder(unit)
        if kept is not None and _is_whole(kept):
            self._report(unit, unit.bytes)
            return _found(unit, kept, is_reused=True)
        with self._lock:
            folder = self._scratch / f"unit-{next(self._numbers):06d}"
        folder.mkdir(parents=True)
        self._write_segments(unit, folder, limit)
        if kept is not None:
            folder = _move(folder, kept)
        return _found(unit, folder, is_reused=False)

    def _kept_folder(self, unit: Unit) -> Path | None:
        if self._cache is None or any(file.sha256 is None for file in unit.files):
            return None
        source = unit.source.model_dump(include=_READ_SETTINGS)
        source["reader"] = reader_identity(unit.source)
        files: list[object] = [[file.path, file.sha256] for file in unit.files]
        if unit.part is not None:
            files.append([unit.part.start, unit.part.end])
        return self._cache / "units" / fingerprint([self._settings, source, files])

    def _write_segments(self, unit: Unit, folder: Path, limit: int | None) -> None:
        waiting: list[pa.Table] = []
        waiting_bytes = rows = written = 0
        positions = _Positions()
        for number, file in enumerate(unit.files):
            for batch in self._batches(unit, file, positions):
                table = batch if limit is None else batch.slice(0, limit - rows)
                table = without(self._forgotten, unit.source.name, table)
                rows += table.num_rows
                column = pa.array([number] * table.num_rows, pa.int32())
                waiting.append(table.add_column(0, SEGMENT.field("file"), column))
                waiting_bytes += table.nbytes
                if waiting_bytes >= PARTITION_BYTES:
                    write_ipc(folder / partition_name(written), pa.concat_tables(waiting))
                    waiting, waiting_bytes, written = [], 0, written + 1
                if limit is not None and rows >= limit:
                    break
        if waiting:
            write_ipc(folder / partition_name(written), pa.concat_tables(waiting))
        lines = [str(positions.count), *_checksums(folder)]
        (folder / _SEGMENTS_FILE).write_text("\n".join(lines), encoding="ascii")

    def _batches(self, unit: Unit, file: LandedFile, positions: "_Positions") -> Iterator[pa.Table]:
        reported = 0

        def report(count: int) -> None:
            nonlocal reported
            reported += count
            self._report(unit, count)

        listener: Report = report
        try:
            if unit.part is None:
                yield from read_file(file, unit.source, self._recipe, self._scratch, listener)
            else:
                read = read_part(file, unit.part, unit.source, self._recipe, listener)
                positions.count = yield from read
        except FileNotFoundError as error:
            raise SourceChanged(unit.source.name, file.path) from error
        size = file.bytes if unit.part is None else unit.part.bytes
        self._report(unit, max(size - reported, 0))

    def _report(self, unit: Unit, count: int) -> None:
        with self._lock:
            self._done += count
            done = self._done
        self._progress(min(done, self._total), self._total, "bytes", unit.source.name)


class _Positions:
    """How many positions a part turned out to have."""

    count = 0


def without(forgotten: ForgetList, source: str, rows: pa.Table) -> pa.Table:
    """Take the text of forgotten records out of ROWS; their ids stay, and the reason."""
    if not forgotten.records:
        return rows
    gone = forgotten.covers(source, rows["key"], rows["content_id"])
    if not pc.any(gone).as_py():
        return rows
    # `if_else` with null would leave the text's bytes in the buffer; what is not taken is not there.
    places = pc.if_else(gone, pa.scalar(None, pa.int64()), pa.array(range(rows.num_rows)))
    columns = {name: rows[name].combine_chunks().take(places) for name in _OF_CONTENT}
    columns["reason"] = pc.if_else(gone, Reason.FORGOTTEN.value, rows["reason"])
    for name, column in columns.items():
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, rows.schema.field(place), column)
    return rows


def _found(unit: Unit, folder: Path, *, is_reused: bool) -> ReadUnit:
    segments = partitions(folder)
    rows = sum(read_ipc(path, SEGMENT).num_rows for path in segments)
    positions, *checksums = (folder / _SEGMENTS_FILE).read_text(encoding="ascii").split()
    return ReadUnit(unit, segments, checksums, rows, int(positions), is_reused)


def _is_whole(folder: Path) -> bool:
    try:
        promised = (folder / _SEGMENTS_FILE).read_text(encoding="ascii").split()
    except (FileNotFoundError, ValueError):
        return False
    if promised[1:] == _checksums(folder) and promised:
        return True
    _LOG.warning("%s is not what was read: its files are read again", folder)
    return False


def _checksums(folder: Path) -> list[str]:
    return [checksum(path) for path in partitions(folder)]


def _move(folder: Path, kept: Path) -> Path:
    """Keep a unit's segments; where another run kept them meanwhile, those are as good."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(f"{kept.name}.{os.getpid()}.{threading.get_ident()}.partial")
    shutil.move(folder, partial)
    if kept.exists() and not _is_whole(kept):
        shutil.rmtree(kept)
    try:
        partial.rename(kept)
    except OSError:
        if not _is_whole(kept):
            raise
        shutil.rmtree(partial)
    return kept
