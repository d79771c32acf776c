"""The ledger: every input record's fate, joined from what each stage said of it.

origins ⟕ decisions of ingest, clean and dedup ⟕ kept ⟕ language, edits and cluster. Every record must
come out with exactly one fate; anything else is a mistake of the mill, and stops it.

Cost: origins, decisions, kept records and languages are read, written and read once more (about
250 bytes per record), the ledger is written once; one bucket of records is in memory at a time.
"""

import shutil
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.arrow_files import read_partitions, write_parquet
from data_contracts.edits import is_edit
from data_contracts.progress import Progress, silent
from data_contracts.reasons import Fate, Reason, Stage, fate_of
from data_contracts.results import CleanResult, DedupResult, IngestResult
from data_contracts.schemas import DECISIONS, KEPT, LEDGER, ORIGINS
from pipeline.id_halves import ascending, find_halves, id_halves
from pipeline.validate.spill import BUCKET_ROWS, Spill

DECIDING: Final = (Stage.INGEST, Stage.CLEAN, Stage.DEDUP)
"""Stages that drop records."""

_MEASURED: Final = pa.schema([LEDGER.field(name) for name in ("record_id", "language", "edits")])
_FATES: Final = {str(reason): str(fate_of(reason)) for reason in Reason}


class LedgerBroken(AssertionError):
    """A record has no fate or two: a mistake of the mill, never of the data."""


def assemble_ledger(
    ingested: IngestResult,
    cleaned: CleanResult,
    deduped: DedupResult,
    folder: Path,
    *,
    bucket_rows: int = BUCKET_ROWS,
    progress: Progress = silent,
) -> int:
    """Write the ledger as Parquet files sorted by record_id.

    Args:
        ingested: Origins and decisions.
        cleaned: Signals and decisions.
        deduped: Kept records and decisions.
        folder: Where `part-*.parquet` go (LEDGER; shard, row and tokens are null).
        bucket_rows: Records that are in memory at a time, and in a file, more or less.
        progress: Told of records done.

    Returns:
        Rows written.

    Raises:
        LedgerBroken: A record has no fate or two, is unknown to ingest, or was measured twice.
        SchemaMismatch: A stage's table does not have its columns.
    """
    records = sum(table.num_rows for table in read_partitions(ingested.origins, ORIGINS))
    temporary = folder.with_name(folder.name + ".spill")
    try:
        spill = Spill(temporary, records, bucket_rows)
        _scatter(spill, ingested, cleaned, deduped)
        done = 0
        for bucket in range(spill.buckets):
            progress(done, records, "records", "joining the ledger")
            rows = _ledger_of(spill, bucket)
            write_parquet(folder / f"part-{bucket:05d}.parquet", rows)
            done += rows.num_rows
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    progress(done, records, "records", "joining the ledger")
    return done


def _scatter(
    spill: Spill, ingested: IngestResult, cleaned: CleanResult, deduped: DedupResult
) -> None:
    spill.add("origins", ingested.origins, ORIGINS, ORIGINS.names)
    decisions = (ingested.decisions, cleaned.decisions, deduped.decisions)
    for stage, folder in zip(DECIDING, decisions, strict=True):
        spill.add(str(stage), folder, DECISIONS, DECISIONS.names)
    spill.add("kept", deduped.kept, KEPT, ["record_id", "split", "cluster_id"])
    spill.add_frame("measured", pl.DataFrame(_MEASURED.empty_table()))
    for table in read_partitions(cleaned.signals):
        columns = [table["record_id"], table["language"], edits_of(table)]
        spill.add_frame("measured", pl.DataFrame(pa.table(columns, schema=_MEASURED)))
    _scatter_clusters(spill, deduped)


def edits_of(signals: pa.Table) -> pa.Array:
    """Gather each record's counts of edits and personal data that are not 0 (`data_contracts.edits`).

    Returns:
        The ledger's `edits`, one list per record, in the order of the signals.
    """
    kind = LEDGER.field("edits").type
    names = [field.name for field in signals.schema if is_edit(field)]
    counts = np.zeros((len(names), signals.num_rows), np.int64)
    for number, name in enumerate(names):
        counts[number] = signals[name].to_numpy()
    rows, columns = np.nonzero(counts.T)
    offsets = np.searchsorted(rows, np.arange(signals.num_rows + 1)).astype(np.int32)
    told = pa.StructArray.from_arrays(
        [pa.array(names, pa.string()).take(pa.array(columns)), pa.array(counts[columns, rows])],
        fields=list(kind.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), told, type=kind)


def _scatter_clusters(spill: Spill, deduped: DedupResult) -> None:
    """Find the cluster of each duplicate: its survivor's, which may lie in another bucket."""
    named = pl.DataFrame(schema={"record_id": pl.String, "survivor_id": pl.String})
    spill.add_frame("survivors", named)
    for table in read_partitions(deduped.decisions, DECISIONS):
        rows = pl.DataFrame(table.select(["record_id", "survivor_id"])).drop_nulls()
        spill.add_frame("survivors", rows, key="survivor_id")
    spill.add_frame("clusters", named.rename({"survivor_id": "cluster_id"}))
    for bucket in range(spill.buckets):
        survivors, kept = spill.read("survivors", bucket), spill.read("kept", bucket)
        ids = Ids(kept["record_id"])
        clusters = kept["cluster_id"][ids.order].gather(
            _or_null(ids.find(survivors["survivor_id"]))
        )
        found = survivors.select("record_id").with_columns(clusters.alias("cluster_id"))
        spill.add_frame("clusters", found.drop_nulls())


class Ids:
    """Record ids of a bucket, to be found by their halves: a join of strings takes five times as long."""

    def __init__(self, record_ids: pl.Series) -> None:
        """Sort ids."""
        halves = id_halves(record_ids.to_arrow().cast(pa.string()))
        self.order = ascending(halves)
        self._halves = (halves[0][self.order], halves[1][self.order])

    def find(self, record_ids: pl.Series) -> NDArray[np.int64]:
        """Look ids up.

        Returns:
            int64 (ids,): the place of each in order, -1 where it is not there.
        """
        return find_halves(self._halves, id_halves(record_ids.to_arrow().cast(pa.string())))


def _ledger_of(spill: Spill, bucket: int) -> pa.Table:
    """Join one bucket, sorted by record_id."""
    origins = spill.read("origins", bucket)
    ids = Ids(origins["record_id"])
    origins = origins[ids.order]
    _check_single("origins", origins, ids.find(origins["record_id"]))
    fates = pl.concat(
        [
            *(
                spill.read(str(stage), bucket).with_columns(stage=pl.lit(str(stage)))
                for stage in DECIDING
            ),
            spill.read("kept", bucket).with_columns(stage=pl.lit(str(Stage.SHARD))),
        ],
        how="diagonal",
    )
    places = ids.find(fates["record_id"])
    _check_single("fates", fates, places)
    _check_same(origins, fates, places)
    measured, clusters = spill.read("measured", bucket), spill.read("clusters", bucket)
    of_measured = ids.find(measured["record_id"])
    _check_single("signals", measured, of_measured)
    return _joined(
        origins,
        _rows_at(fates.drop("record_id", "reasons"), places, origins.height),
        _rows_at(measured.select("language"), of_measured, origins.height),
        _rows_at(
            clusters.select(of_survivor="cluster_id"),
            ids.find(clusters["record_id"]),
            origins.height,
        ),
        reasons=_lists_at(fates["reasons"], places, origins.height),
        edits=_lists_at(measured["edits"], of_measured, origins.height),
    )


def _joined(*frames: pl.DataFrame, **lists: pa.Array) -> pa.Table:
    """Put columns beside each other, as LEDGER has them."""
    rows = pl.concat(frames, how="horizontal").with_columns(
        fate=pl.when(pl.col("reason").is_null())
        .then(pl.lit(str(Fate.KEPT)))
        .otherwise(pl.col("reason").replace_strict(_FATES, default=None, return_dtype=pl.String)),
        cluster_id=pl.coalesce("cluster_id", "of_survivor"),
        shard=pl.lit(None, pl.String),
        row=pl.lit(None, pl.Int64),
        tokens=pl.lit(None, pl.Int64),
    )
    unknown = rows.filter(pl.col("fate").is_null())
    if not unknown.is_empty():
        raise LedgerBroken(f"{unknown['reason'][0]!r} is not a reason")
    columns = dict(zip(rows.columns, rows.to_arrow().itercolumns(), strict=True)) | lists
    arrays = [columns[field.name].cast(field.type) for field in LEDGER]
    return pa.Table.from_arrays(arrays, schema=LEDGER)


def _rows_at(rows: pl.DataFrame, places: NDArray[np.int64], height: int) -> pl.DataFrame:
    """Put each row at its place of so many; what has no place is left out, where none is are nulls."""
    at = np.full(height, -1, np.int64)
    known = np.flatnonzero(places >= 0)
    at[places[known]] = known
    return rows.select(pl.all().gather(_or_null(at)))


def _lists_at(lists: pl.Series, places: NDArray[np.int64], height: int) -> pa.Array:
    """Do the same with lists, empty where none is: most are, so only the others are moved."""
    lengths = lists.list.len().fill_null(0).to_numpy()
    rows = np.flatnonzero((lengths > 0) & (places >= 0))
    rows = rows[np.argsort(places[rows])]
    counts = np.zeros(height, np.int64)
    counts[places[rows]] = lengths[rows]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    values = lists.gather(rows).explode(empty_as_null=False).to_arrow()
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _or_null(places: NDArray[np.int64]) -> pl.Series:
    return pl.DataFrame({"place": places}).select(
        pl.when(pl.col("place") >= 0).then(pl.col("place"))
    )["place"]


def _check_single(what: str, rows: pl.DataFrame, places: NDArray[np.int64]) -> None:
    """Refuse rows of which two have one place: they are of one record."""
    known = places[places >= 0]
    times = np.bincount(known)
    if len(known) == len(rows) and (times < 2).all():
        return
    twice = rows.filter(pl.col("record_id").is_duplicated())
    if twice.is_empty():
        return
    record = twice["record_id"].sort()[0]
    said = twice.filter(pl.col("record_id") == record)
    stages = said["stage"].to_list() if "stage" in said.columns else [what] * said.height
    raise LedgerBroken(f"record {record} is there {said.height} times in {what}: {stages}")


def _check_same(origins: pl.DataFrame, fates: pl.DataFrame, places: NDArray[np.int64]) -> None:
    """Refuse a record without a fate, and a fate of no record."""
    has_fate = np.zeros(origins.height, np.bool_)
    has_fate[places[places >= 0]] = True
    if not has_fate.all():
        lost = origins.filter(~pl.Series(has_fate))
        row = lost.row(0, named=True)
        raise LedgerBroken(
            f"{lost.height} records have no fate, such as {row['record_id']} "
            f"({row['source']}, {row['path']}, {row['position']})"
        )
    foreign = fates.filter(pl.Series(places < 0)).sort("record_id")
    if not foreign.is_empty():
        record, stage = foreign["record_id"][0], foreign["stage"][0]
        raise LedgerBroken(f"record {record} of {stage} is unknown to ingest")
