"""Where a large file can be cut, so that its parts are read side by side.

Lines of JSON and row groups end where it can be seen. Where a record of a WARC archive begins is only
proposed: bytes that look like a record may lie within another's payload. A part that a wrong cut ends
breaks off, and the stage reads the rest of that file in one (`pipeline.ingest.units`). So what is read
does not depend on where the cuts are.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest.formats import (
    SNIFFED_BYTES,
    Compression,
    compression_of,
    container_in,
    resolve_format,
)
from pipeline.ingest.landing import LandedFile
from pipeline.ingest.listing import is_url
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.streams import unpacked_head

PART_BYTES: Final = 64 * 1024 * 1024
"""Size of a part, about: as it lies in the file, of Parquet unpacked."""
_PACKED_SHARE: Final = 4
"""A part of a packed archive is so many times smaller: pages pack about so well."""
_BLOCK_BYTES: Final = 1024 * 1024
_OVERLAP_BYTES: Final = 64
"""What looks like a record's begin is shorter."""
_WARC_START: Final = re.compile(rb"(?<=\n\r\n)WARC/\d\.\d\r?\n|(?<=\n\n)WARC/\d\.\d\r?\n")
_GZIP_START: Final = re.compile(rb"\x1f\x8b\x08")
_BROKEN: Final = (pa.ArrowException, OSError, ValueError, MemoryError)


class Part(NamedTuple):
    """What is read of a file at once."""

    kind: Literal["jsonl", "parquet", "warc"]
    compression: Compression
    start: int
    """First byte; of Parquet: first row group."""
    end: int
    """Behind the last one."""
    bytes: int
    """Packed bytes of it in the file."""
    is_last: bool
    """Nothing of the file follows it."""


def parts_of(file: LandedFile, source: Source, recipe: IngestRecipe) -> Iterator[Part]:
    """Cut a file into parts, one after another; none where it is small or must be read in one.

    Cut are files of this machine: JSON Lines that are not packed, Parquet, and WARC archives, plain or
    with each record packed for itself by gzip, as the standard recommends.

    Args:
        file: The file; it may be gone.
        source: Says what it holds.
        recipe: A file over its limits is not cut, nor one of which the first records are enough.
    """
    if not PART_BYTES // _PACKED_SHARE < file.bytes <= recipe.max_file_bytes:
        return
    if recipe.sample_records is not None or source.reader is not None:
        return
    if file.rows or is_url(file.location):
        return
    try:
        with Path(file.location).open("rb") as opened:
            compression = compression_of(opened.read(SNIFFED_BYTES))
            opened.seek(0)
            head = unpacked_head(opened)
            if container_in(file.path, head) is not None:
                return
            kind = resolve_format(file.path, head, source.format)
            cut = _CUTTERS.get((kind, compression))
            if cut is not None:
                yield from _without_only(cut(opened, file.bytes))
    except (FileNotFoundError, PermissionError):
        return  # told when it is read


def _without_only(parts: Iterator[Part]) -> Iterator[Part]:
    """Leave out a part that is the whole file."""
    return (part for part in parts if part.start or not part.is_last)


def _cut(
    kind: Literal["jsonl", "warc"],
    compression: Compression,
    find: Callable[[BinaryIO, int], int | None],
    file: BinaryIO,
    size: int,
) -> Iterator[Part]:
    """Cut at the first place that `find` tells in a file after each part's size."""
    step = PART_BYTES if compression == "none" else PART_BYTES // _PACKED_SHARE
    start = 0
    while start < size:
        found = find(file, start + step) if start + step < size else None
        end = size if found is None else found
        yield Part(kind, compression, start, end, end - start, is_last=end == size)
        start = end


def _line_start(file: BinaryIO, at: int) -> int | None:
    """Find the first line that begins after a place."""
    for begin, block in _blocks(file, at):
        found = block.find(b"\n")
        if found >= 0:
            return begin + found + 1
    return None


def _warc_start(file: BinaryIO, at: int) -> int | None:
    """Find what looks like the header of a WARC record after a blank line."""
    for begin, block in _blocks(file, at):
        found = _WARC_START.search(block)
        if found is not None:
            return begin + found.start()
    return None


def _gzip_start(file: BinaryIO, at: int) -> int | None:
    """Find a gzip member that unpacks to what looks like the header of a WARC record."""
    for begin, block in _blocks(file, at):
        for found in _GZIP_START.finditer(block):
            place = begin + found.start()
            file.seek(place)
            if _unpacks_to_warc(file.read(SNIFFED_BYTES)):
                return place
    return None


def _unpacks_to_warc(data: bytes) -> bool:
    try:
        return zlib.decompressobj(wbits=31).decompress(data, SNIFFED_BYTES).startswith(b"WARC/")
    except zlib.error:
        return False


def _blocks(file: BinaryIO, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield a file from a place on: (where a block begins, its bytes), each with the end of the last."""
    held = b""
    while True:
        file.seek(at)
        block = file.read(_BLOCK_BYTES)
        if not block:
            return
        yield at - len(held), held + block
        at += len(block)
        held = (held + block)[-_OVERLAP_BYTES:]


def _row_groups(file: BinaryIO, size: int) -> Iterator[Part]:
    """Take row groups together; a footer that is damaged or claims more than there is cuts nothing."""
    try:
        footer = pq.ParquetFile(file).metadata
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        packed = [
            sum(group.column(n).total_compressed_size for n in range(group.num_columns))
            for group in groups
        ]
    except _BROKEN:
        return
    if sum(packed) > size or any(one < 0 for one in packed):
        return
    start = unpacked = 0
    for number, group in enumerate(groups, 1):
        unpacked += group.total_byte_size
        is_last = number == len(groups)
        if unpacked >= PART_BYTES or is_last:
            taken = sum(packed[start:number])
            yield Part("parquet", "none", start, number, taken, is_last=is_last)
            start, unpacked = number, 0


_CUTTERS: Final[dict[tuple[str | None, Compression], Callable[[BinaryIO, int], Iterator[Part]]]] = {
    ("jsonl", "none"): partial(_cut, "jsonl", "none", _line_start),
    ("warc", "none"): partial(_cut, "warc", "none", _warc_start),
    ("warc", "gzip"): partial(_cut, "warc", "gzip", _gzip_start),
    ("parquet", "none"): _row_groups,
}
