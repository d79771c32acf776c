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

from data_contracts.arrow_files import read_partitions, write_parquet
from data_contracts.edits import is_edit
from data_contracts.progress import Progress, silent
from data_contracts.reasons import Fate, Reason, Stage, fate_of
from data_contracts.results import CleanResult, DedupResult, IngestResult
from data_contracts.schemas import DECISIONS, KEPT, LEDGER, ORIGINS
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
        kept = spill.read("kept", bucket).select(survivor_id="record_id", cluster_id="cluster_id")
        found = spill.read("survivors", bucket).join(kept, on="survivor_id", how="inner")
        spill.add_frame("clusters", found.select("record_id", "cluster_id"))


def _ledger_of(spill: Spill, bucket: int) -> pa.Table:
    """Join one bucket, sorted by record_id."""
    origins = spill.read("origins", bucket)
    _check_single("origins", origins)
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
    _check_single("fates", fates)
    _check_same(origins, fates)
    measured, clusters = spill.read("measured", bucket), spill.read("clusters", bucket)
    _check_single("signals", measured)
    joined = (
        origins.join(fates, on="record_id", how="left")
        .join(measured, on="record_id", how="left")
        .join(clusters.rename({"cluster_id": "of_survivor"}), on="record_id", how="left")
        .with_columns(
            fate=pl.col("reason").replace_strict(_FATES, default=None, return_dtype=pl.String),
            reasons=pl.col("reasons").fill_null([]),
            edits=pl.col("edits").fill_null([]),
            cluster_id=pl.coalesce("cluster_id", "of_survivor"),
        )
        .with_columns(
            fate=pl.when(pl.col("reason").is_null()).then(pl.lit(str(Fate.KEPT))).otherwise("fate")
        )
        .sort("record_id")
    )
    unknown = joined.filter(pl.col("fate").is_null())
    if not unknown.is_empty():
        raise LedgerBroken(f"{unknown['reason'][0]!r} is not a reason")
    placement = [pl.lit(None, pl.String).alias("shard")] + [
        pl.lit(None, pl.Int64).alias(name) for name in ("row", "tokens")
    ]
    return joined.with_columns(placement).select(LEDGER.names).to_arrow().cast(LEDGER)


def _check_single(what: str, rows: pl.DataFrame) -> None:
    twice = rows.filter(pl.col("record_id").is_duplicated())
    if twice.is_empty():
        return
    record = twice["record_id"].sort()[0]
    said = twice.filter(pl.col("record_id") == record)
    stages = said["stage"].to_list() if "stage" in said.columns else [what] * said.height
    raise LedgerBroken(f"record {record} is there {said.height} times in {what}: {stages}")


def _check_same(origins: pl.DataFrame, fates: pl.DataFrame) -> None:
    lost = origins.join(fates, on="record_id", how="anti")
    if not lost.is_empty():
        row = lost.sort("record_id").row(0, named=True)
        raise LedgerBroken(
            f"{lost.height} records have no fate, such as {row['record_id']} "
            f"({row['source']}, {row['path']}, {row['position']})"
        )
    foreign = fates.join(origins, on="record_id", how="anti").sort("record_id")
    if not foreign.is_empty():
        record, stage = foreign["record_id"][0], foreign["stage"][0]
        raise LedgerBroken(f"record {record} of {stage} is unknown to ingest")
