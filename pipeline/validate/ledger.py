"""The ledger: every input record's fate, joined from what each stage said of it.

origins ⟕ decisions of ingest, clean and dedup ⟕ kept ⟕ language, edits and cluster. Every record must
come out with exactly one fate; anything else is a mistake of the mill, and stops it.

Cost: origins, decisions, kept records and languages (about 250 bytes per record) are read, and written
and read once more if they are too much for memory (`spill`); the ledger is written once. Two buckets
of records are in memory at a time: one is written while the next is joined.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.arrow_files import read_partitions, write_parquet
from data_contracts.edits import is_edit
from data_contracts.progress import Progress, silent
from data_contracts.reasons import Fate, Reason, Stage, fate_of
from data_contracts.results import CleanResult, DedupResult, IngestResult
from data_contracts.schemas import DECISIONS, KEPT, LEDGER, ORIGINS
from pipeline.id_halves import find_halves, id_halves, sorted_halves
from pipeline.partition_pool import map_in_order
from pipeline.validate.spill import BUCKET_ROWS, Spill

DECIDING: Final = (Stage.INGEST, Stage.CLEAN, Stage.DEDUP)
"""Stages that drop records."""

_MEASURED: Final = pa.schema([LEDGER.field(name) for name in ("record_id", "language", "edits")])
_SURVIVORS: Final = pa.schema([("record_id", pa.string()), ("survivor_id", pa.string())])
_CLUSTERS: Final = pa.schema([("record_id", pa.string()), ("cluster_id", pa.string())])
_STAGES: Final = [*(str(stage) for stage in DECIDING), str(Stage.SHARD)]
"""Who says what became of a record."""
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
        bucket_rows: Records of a bucket, and in a file, more or less.
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
        progress(0, records, "records", "joining the ledger")
        spill = Spill(temporary, records, bucket_rows)
        _scatter(spill, ingested, cleaned, deduped)
        done = 0
        joined = ((bucket, _ledger_of(spill, bucket)) for bucket in range(spill.buckets))
        # One is written while the next is joined.
        for rows in map_in_order(partial(_write_bucket, folder), joined, workers=1):
            done += rows
            progress(done, records, "records", "joining the ledger")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return done


def _write_bucket(folder: Path, joined: tuple[int, pa.Table]) -> int:
    bucket, rows = joined
    write_parquet(folder / f"part-{bucket:05d}.parquet", rows)
    return int(rows.num_rows)


def _scatter(
    spill: Spill, ingested: IngestResult, cleaned: CleanResult, deduped: DedupResult
) -> None:
    spill.add("origins", ingested.origins, ORIGINS, ORIGINS.names)
    decisions = (ingested.decisions, cleaned.decisions, deduped.decisions)
    for stage, folder in zip(DECIDING, decisions, strict=True):
        spill.add(str(stage), folder, DECISIONS, DECISIONS.names)
    spill.add("kept", deduped.kept, KEPT, ["record_id", "split", "cluster_id"])
    spill.begin("measured", _MEASURED)
    for table in read_partitions(cleaned.signals):
        columns = [table["record_id"], table["language"], edits_of(table)]
        spill.add_table("measured", pa.table(columns, schema=_MEASURED))
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
    spill.begin("survivors", _SURVIVORS)
    for table in read_partitions(deduped.decisions, DECISIONS):
        named = table.select(_SURVIVORS.names).filter(pc.is_valid(table["survivor_id"]))
        spill.add_table("survivors", named.cast(_SURVIVORS), key="survivor_id")
    spill.begin("clusters", _CLUSTERS)
    for bucket in range(spill.buckets):
        survivors, kept = spill.read("survivors", bucket), spill.read("kept", bucket)
        ids = Ids(kept["record_id"])
        places = ids.find(survivors["survivor_id"])
        found = np.flatnonzero(places >= 0)
        clusters = kept["cluster_id"].take(pa.array(ids.order[places[found]]))
        columns = [survivors["record_id"].take(pa.array(found)), clusters]
        rows = pa.Table.from_arrays(columns, schema=_CLUSTERS)
        spill.add_table("clusters", rows.filter(pc.is_valid(rows["cluster_id"])))


class Ids:
    """Record ids of a bucket, to be found by their halves: a join of strings takes five times as long."""

    def __init__(self, record_ids: pa.ChunkedArray) -> None:
        """Sort ids."""
        self.order, self._halves = sorted_halves(id_halves(record_ids))

    def find(self, record_ids: pa.ChunkedArray) -> NDArray[np.int64]:
        """Look ids up.

        Returns:
            int64 (ids,): the place of each in order, -1 where it is not there.
        """
        return find_halves(self._halves, id_halves(record_ids))


def _ledger_of(spill: Spill, bucket: int) -> pa.Table:
    """Join one bucket, sorted by record_id."""
    origins = spill.read("origins", bucket)
    ids = Ids(origins["record_id"])
    origins = origins.take(pa.array(ids.order))
    _check_single("origins", origins["record_id"], ids.find(origins["record_id"]))
    tables = [spill.read(str(stage), bucket) for stage in DECIDING]
    decided, kept = pa.concat_tables(tables).combine_chunks(), spill.read("kept", bucket)
    fated = pa.chunked_array([*decided["record_id"].chunks, *kept["record_id"].chunks], pa.string())
    stages = np.repeat(np.arange(len(_STAGES)), [one.num_rows for one in (*tables, kept)])
    places = ids.find(fated)
    _check_single("fates", fated, places, stages)
    _check_same(origins, fated, places, stages)
    measured, clusters = spill.read("measured", bucket), spill.read("clusters", bucket)
    of_measured = ids.find(measured["record_id"])
    _check_single("signals", measured["record_id"], of_measured)
    of_decided = places[: decided.num_rows]
    rows = origins.num_rows
    columns = {
        **dict(zip(origins.column_names, origins.columns, strict=True)),
        "stage": pa.array(_STAGES).take(pa.array(_rows_at(stages, places, rows))),
        **_columns_at(decided, ["reason", "survivor_id", "similarity"], of_decided, rows),
        **_columns_at(kept, ["split", "cluster_id"], places[decided.num_rows :], rows),
        **_columns_at(measured, ["language"], of_measured, rows),
        "reasons": _lists_at(decided["reasons"], of_decided, rows),
        "edits": _lists_at(measured["edits"], of_measured, rows),
    }
    of_survivor = _columns_at(clusters, ["cluster_id"], ids.find(clusters["record_id"]), rows)
    columns["cluster_id"] = pc.coalesce(columns["cluster_id"], of_survivor["cluster_id"])
    columns["fate"] = _fates_of(columns["reason"])
    arrays = [
        columns[field.name].cast(field.type)
        if field.name in columns
        else pa.nulls(rows, field.type)
        for field in LEDGER
    ]
    return pa.Table.from_arrays(arrays, schema=LEDGER)


def _fates_of(reasons: pa.ChunkedArray) -> pa.ChunkedArray:
    """Name the fate that each reason means; without one a record is kept."""
    numbers = pc.index_in(reasons, value_set=pa.array(list(_FATES)))
    unknown = pc.and_(pc.is_valid(reasons), pc.is_null(numbers))
    if pc.any(unknown).as_py():
        raise LedgerBroken(f"{reasons.filter(unknown)[0].as_py()!r} is not a reason")
    return pc.fill_null(pa.array(list(_FATES.values())).take(numbers), str(Fate.KEPT))


def _columns_at(
    table: pa.Table, names: list[str], places: NDArray[np.int64], rows: int
) -> dict[str, pa.ChunkedArray]:
    """Put each row at its place of so many: without one it is left out, where none is are nulls."""
    at = np.full(rows, -1, np.int64)
    known = np.flatnonzero(places >= 0)
    at[places[known]] = known
    return {name: table[name].take(pa.array(at, mask=at < 0)) for name in names}


def _rows_at(values: NDArray[np.int64], places: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    at = np.zeros(rows, np.int64)
    at[places] = values
    return at


def _lists_at(lists: pa.ChunkedArray, places: NDArray[np.int64], rows: int) -> pa.Array:
    """Do the same with lists, empty where none is: most are, so only the others are moved."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    some = np.flatnonzero((lengths > 0) & (places >= 0))
    some = some[np.argsort(places[some])]
    counts = np.zeros(rows, np.int64)
    counts[places[some]] = lengths[some]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    values = lists.take(pa.array(some)).combine_chunks().flatten()
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _check_single(
    what: str,
    record_ids: pa.ChunkedArray,
    places: NDArray[np.int64],
    stages: NDArray[np.int64] | None = None,
) -> None:
    """Refuse rows of which two have one place: they are of one record."""
    if (places >= 0).all() and (np.bincount(places) < 2).all():
        return
    counts = pa.table(record_ids.value_counts().flatten(), ["record_id", "times"])
    twice = counts.filter(pc.greater(counts["times"], 1)).sort_by("record_id")
    if not twice.num_rows:
        return
    record, times = twice["record_id"][0].as_py(), twice["times"][0].as_py()
    there = np.flatnonzero(pc.equal(record_ids, record).to_numpy())
    said = [what] * times if stages is None else [_STAGES[number] for number in stages[there]]
    raise LedgerBroken(f"record {record} is there {times} times in {what}: {said}")


def _check_same(
    origins: pa.Table,
    fated: pa.ChunkedArray,
    places: NDArray[np.int64],
    stages: NDArray[np.int64],
) -> None:
    """Refuse a record without a fate, and a fate of no record."""
    lost = np.ones(origins.num_rows, np.bool_)
    lost[places[places >= 0]] = False
    if lost.any():
        row = origins.slice(int(np.argmax(lost)), 1).to_pylist()[0]
        raise LedgerBroken(
            f"{int(lost.sum())} records have no fate, such as {row['record_id']} "
            f"({row['source']}, {row['path']}, {row['position']})"
        )
    foreign = np.flatnonzero(places < 0)
    if len(foreign):
        record, number = min((fated[int(one)].as_py(), int(one)) for one in foreign)
        raise LedgerBroken(f"record {record} of {_STAGES[stages[number]]} is unknown to ingest")
