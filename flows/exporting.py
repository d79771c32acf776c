"""A dataset version's documents as files that every program reads. No Prefect here.

What leaves the warehouse is out of its hands: each export is noted, so that `mill forget` can name
the folders that hold a forgotten text.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.errors import ExportInTheWay
from data_contracts.exports import Export, Exports
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, now
from data_contracts.split import SPLITS
from data_contracts.warehouse import Warehouse
from flows.export_formats import Format

COLUMNS: Final = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("license", pa.string()),
        pa.field("language", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""What a row of an export has; the licence is the source's, null where none was stated."""


class Exported(Frozen):
    """What was written."""

    version: str
    """NAME@VERSION."""
    folder: Path
    """Where the files are."""
    files: tuple[str, ...]
    """Their names: `SPLIT-NUMBER-of-COUNT.FORMAT`, a split without documents has none."""
    documents: dict[str, int]
    """Documents by split."""
    bytes: int
    """Size of all files."""


def export(warehouse: Warehouse, wanted: str, to: Path, kind: Format) -> Exported:
    """Write a version's documents as JSON lines or Parquet, one file for each file of the version.

    The folder appears when all of it is written. Files are compared with the manifest's checksums
    before they are read.

    Args:
        warehouse: Where the version is.
        wanted: NAME@VERSION, or NAME for its latest version.
        to: Folder to make; it may be there when it is empty.
        kind: The format.

    Raises:
        VersionUnknown: There is no such version.
        VersionCorrupt: A file of it is not the one that was published.
        ExportInTheWay: Something is in the folder.
    """
    version = warehouse.find("datasets", wanted)
    manifest = DatasetManifest.load(version)
    manifest.verify(version, below="documents/")
    to = to.absolute()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ExportInTheWay(to)
    partial = to.with_name(f".{to.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    licenses = {source.name: source.license for source in manifest.sources}
    label = f"{manifest.name}@{manifest.version}"
    try:
        files = [
            _write(path, partial / f"{split}-{path.stem.removeprefix('data-')}.{kind}", licenses)
            for split in SPLITS
            if manifest.documents[str(split)]
            for path in sorted((version / "documents" / split).glob("data-*.arrow"))
        ]
        # Before the folder appears: what is there is noted, also when the power goes between the two.
        Exports.note(warehouse.root, Export(dataset=label, folder=str(to), since=now()))
        if to.exists():
            to.rmdir()
        partial.rename(to)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Exported(
        version=label,
        folder=to,
        files=tuple(path.name for path in files),
        documents=manifest.documents,
        bytes=sum((to / path.name).stat().st_size for path in files),
    )


def _write(documents: Path, target: Path, licenses: dict[str, str | None]) -> Path:
    if target.suffix == f".{Format.JSONL}":
        with target.open("wb") as file:
            for batch in _batches(documents, licenses):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)  # noqa: S101
                frame.write_ndjson(file)
        return target
    with pq.ParquetWriter(target, COLUMNS, compression="zstd") as writer:
        for batch in _batches(documents, licenses):
            writer.write_batch(batch)
    return target


def _batches(documents: Path, licenses: dict[str, str | None]) -> Iterator[Any]:
    names = pa.array(sorted(licenses), pa.string())
    values = pa.array([licenses[name] for name in sorted(licenses)], pa.string())
    with pa.memory_map(str(documents)) as source:
        for batch in pa.ipc.open_stream(source):
            of_source = values.take(pa.compute.index_in(batch["source"], value_set=names))
            columns = {**{name: batch[name] for name in batch.schema.names}, "license": of_source}
            yield pa.RecordBatch.from_arrays(
                [columns[name] for name in COLUMNS.names], schema=COLUMNS
            )
