"""Files to ingest, and what came of them."""

import bz2
import gzip
import io
import json
import lzma
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import zstandard

from data_contracts.arrow_files import read_all
from data_contracts.results import IngestResult
from data_contracts.schemas import DECISIONS, ORIGINS, RECORDS
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import ROWS
from pipeline.ingest.stage import ingest
from pipeline.ingest.streams import unpack

RECIPE = IngestRecipe()
PROSE = "The mill grinds corn and rye, and on a windy day the miller sings to the stones. "


def jsonl(*records: object) -> bytes:
    """Write records as JSON Lines; bytes are lines as they are."""
    lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
    return b"".join(line + b"\n" for line in lines)


def zstd(data: bytes) -> bytes:
    """Pack as one zstd frame with a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def pack(data: bytes, compression: str) -> bytes:
    """Pack data the way its name says."""
    return _PACKERS[compression](data)


def lz4(data: bytes) -> bytes:
    """Pack as one lz4 frame."""
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "lz4") as stream:
        stream.write(data)
    return packed.getvalue().to_pybytes()


_PACKERS = {
    "none": bytes,
    "gzip": gzip.compress,
    "zstd": zstd,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4,
}


def pieces(data: bytes, recipe: IngestRecipe = RECIPE) -> Iterator[bytes]:
    """Unpack a file that holds these bytes."""
    return unpack(io.BytesIO(data), recipe)


def rows_of(batches: Iterator[pa.Table]) -> list[dict[str, object]]:
    """Gather what a reader gave, and check that each batch is as promised."""
    tables = list(batches)
    assert all(table.schema == ROWS for table in tables)
    for table in tables:
        table.validate(full=True)
    return pa.concat_tables(tables).to_pylist() if tables else []


def run(
    folder: Path, *sources: Source, recipe: IngestRecipe = RECIPE, cache: Path | None = None
) -> IngestResult:
    """Ingest sources into a folder of their own."""
    return ingest(sources, recipe, folder / "ingested", cache=cache)


def records_of(result: IngestResult) -> list[dict[str, object]]:
    """Read back the records handed on."""
    return list(read_all(result.records, RECORDS).to_pylist())


def origins_of(result: IngestResult) -> list[dict[str, object]]:
    """Read back the origin of every input record."""
    return list(read_all(result.origins, ORIGINS).to_pylist())


def decisions_of(result: IngestResult) -> list[dict[str, object]]:
    """Read back the decisions."""
    return list(read_all(result.decisions, DECISIONS).to_pylist())


@contextmanager
def plain_user() -> Iterator[None]:
    """Give up the superuser's right to read everything for a while."""
    if os.geteuid() != 0:
        yield
        return
    _let_through(Path(tempfile.gettempdir()))
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def _let_through(folder: Path) -> None:
    """Let anybody pass pytest's folders on the way to a test's own, and see nothing in them."""
    for pattern in ("pytest-of-*", "pytest-of-*/pytest-*", "pytest-of-*/pytest-*/popen-*"):
        for one in folder.glob(pattern):
            if one.is_dir() and not one.is_symlink():
                one.chmod(one.stat().st_mode | 0o011)
