"""ledger/ and signals/: what became of every record, and what was measured on it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts.arrow_files import partitions, read_ipc
from data_contracts.contract_stamp import ContractStamp, stamped
from data_contracts.errors import SchemaMismatch
from data_contracts.reasons import Fate, Stage
from data_contracts.schemas import LEDGER, check_schema
from data_contracts.shipped_contracts import shipped_tables
from data_contracts.split import SPLITS
from pipeline.id_halves import Halves, id_halves
from pipeline.page_cache import fits
from pipeline.partition_pool import map_in_order
from pipeline.shard.mapped_sort import MappedSort
from pipeline.shard.parquet_parts import ParquetParts
from pipeline.shard.placements import Placements
from pipeline.shard.scatter import Scatter


def place_in_ledger(
    ledger: Path,
    placements: Placements,
    shard_names: dict[str, list[str]],
    output_dir: Path,
    contracts: Sequence[ContractStamp] = (),
) -> int:
    """Copy the ledger with split, shard, row and tokens of the kept records filled in.

    Args:
        ledger: Folder of Parquet files (LEDGER), sorted by record_id from file to file.
        placements: Where the documents lie.
        shard_names: File names per split.
        output_dir: Where the files go.
        contracts: What judged the ledger.

    Returns:
        Rows of the ledger: all records that went in.

    Raises:
        SchemaMismatch: The files are no ledger, are not sorted, or keep other records than dedup.
    """
    places = _Places(placements, shard_names)
    rows = kept = 0
    last: tuple[int, int] | None = None

    def fill(read: tuple[Path, pa.RecordBatch]) -> tuple[Path, pa.Table, Halves, int]:
        path, batch = read
        return path, *places.fill(path, pa.Table.from_batches([batch]))

    with ParquetParts(output_dir, stamped(LEDGER, contracts)) as parts:
        for path, filled, ids, count in map_in_order(fill, _batches(ledger)):
            last = _check_sorted(path, ids, last)
            kept += count
            rows += filled.num_rows
            parts.add(filled)
    if kept != len(placements):
        raise SchemaMismatch(
            str(ledger), f"keeps {kept:,} records, the dataset has {len(placements):,}"
        )
    return rows


def _batches(ledger: Path) -> Iterator[tuple[Path, pa.RecordBatch]]:
    for path in sorted(ledger.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            check_schema(str(path), file.schema_arrow, LEDGER)
            for batch in file.iter_batches():
                yield path, batch


def sort_signals(
    signals: Path, output_dir: Path, temporary: Path, contracts: Sequence[ContractStamp] = ()
) -> None:
    """Write the signals of every record as Parquet sorted by record_id.

    Args:
        signals: Partitions that have `record_id`, all with the same columns.
        output_dir: Where the files go.
        temporary: A folder to be made for sorting.
        contracts: What judged the signals.

    Raises:
        SchemaMismatch: Two partitions have different columns.
    """
    paths = partitions(signals)
    if not paths:
        return
    schema = read_ipc(paths[0]).schema.remove_metadata()
    total = sum(path.stat().st_size for path in paths)
    order = MappedSort(total) if fits(total) else Scatter(temporary, total)
    for path in paths:
        table = read_ipc(path, schema).select(schema.names)
        order.add(table, id_halves(table["record_id"])[0])
    promised = schema.with_metadata(shipped_tables()["signals"].schema.metadata)
    with ParquetParts(output_dir, stamped(promised, contracts)) as parts:
        for table in order.sorted():
            parts.add(table)


class _Places:
    """Placements as the ledger's columns."""

    def __init__(self, placements: Placements, shard_names: dict[str, list[str]]) -> None:
        self._placements = placements
        names = [shard_names[split] for split in SPLITS]
        self._firsts = np.cumsum([0, *map(len, names)])[:-1]
        self._names = pa.array([name for split in names for name in split], pa.string())
        self._splits = pa.array([str(split) for split in SPLITS])

    def fill(self, path: Path, table: pa.Table) -> tuple[pa.Table, Halves, int]:
        """Fill the columns in; also give the records' ids, and count those that are kept."""
        ids = id_halves(table["record_id"])
        # A repeated key gives dropped rows with the record_id of the kept one: fate decides too.
        kept = pc.equal(table["fate"], Fate.KEPT).to_numpy()
        records = self._placements.find(ids)
        if (records[kept] < 0).any():
            raise SchemaMismatch(str(path), "keeps a record that dedup did not keep")
        records = np.where(kept, records, 0)
        if not len(self._placements):
            return table, ids, 0
        split = self._placements.split[records]
        shard = self._firsts[split] + self._placements.shard[records]
        columns = {
            "stage": pc.if_else(pa.array(kept), Stage.SHARD, table["stage"]),
            "split": self._splits.take(_nullable(split, kept)),
            "shard": self._names.take(_nullable(shard, kept)),
            "row": _nullable(self._placements.row[records], kept),
            "tokens": _nullable(self._placements.tokens[records].astype(np.int64), kept),
        }
        for name, column in columns.items():
            number = LEDGER.get_field_index(name)
            table = table.set_column(
                table.schema.get_field_index(name), LEDGER.field(number), column
            )
        return table, ids, int(kept.sum())


def _nullable(values: NDArray[np.generic], kept: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=~kept)


def _check_sorted(path: Path, ids: Halves, last: tuple[int, int] | None) -> tuple[int, int] | None:
    high, low = ids
    if not len(high):
        return last
    if last is not None:
        high = np.concatenate([np.array([last[0]], np.uint64), high])
        low = np.concatenate([np.array([last[1]], np.uint64), low])
    same = high[1:] == high[:-1]
    if (high[1:] < high[:-1]).any() or (same & (low[1:] < low[:-1])).any():
        raise SchemaMismatch(str(path), "the ledger is not sorted by record_id")
    return int(high[-1]), int(low[-1])
