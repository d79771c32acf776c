"""Ledger and signals."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.arrow_files import partition_name, write_ipc, write_parquet
from data_contracts.errors import SchemaMismatch
from data_contracts.schemas import KEPT, LEDGER
from pipeline.shard.ledger import place_in_ledger, sort_signals
from pipeline.shard.placements import Placements

NAMES = {"train": ["t0", "t1"], "validation": ["v0"], "test": ["e0"]}


def kept_row(number: int, split: str) -> dict:
    one = f"{number:032x}"
    return {"record_id": one, "split": split, "cluster_id": one, "cluster_size": 1}


def ledger_row(number: int, fate: str = "kept", stage: str = "validate") -> dict:
    return {
        "record_id": f"{number:032x}",
        "source": "books",
        "key": str(number),
        "path": "a",
        "position": 1,
        "stage": stage,
        "fate": fate,
        "reasons": [],
        "edits": [],
    }


@pytest.fixture
def placements(tmp_path):
    rows = [kept_row(2, "train"), kept_row(4, "validation"), kept_row(6, "train")]
    write_ipc(tmp_path / "kept/part-00000.arrow", pa.Table.from_pylist(rows, KEPT))
    placed = Placements(tmp_path / "kept")
    placed.shard[:] = [1, 0, 0]
    placed.row[:] = [7, 8, 9]
    placed.tokens[:] = [70, 80, 90]
    return placed


def place(folder, placements, files: list[list[dict]]) -> list[dict]:
    for number, rows in enumerate(files):
        path = folder / f"ledger/part-{number:05d}.parquet"
        write_parquet(path, pa.Table.from_pylist(rows, LEDGER))
    count = place_in_ledger(folder / "ledger", placements, NAMES, folder / "out")
    table = pq.read_table(folder / "out")
    assert table.schema == LEDGER
    assert count == table.num_rows
    return table.to_pylist()


def test_kept_records_get_their_place_and_dropped_ones_none(tmp_path, placements):
    files = [[ledger_row(1, "dropped", "clean"), ledger_row(2)], [ledger_row(4), ledger_row(6)]]
    rows = place(tmp_path, placements, files)
    columns = ("stage", "split", "shard", "row", "tokens")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("clean", None, None, None, None),
        ("shard", "train", "t1", 7, 70),
        ("shard", "validation", "v0", 8, 80),
        ("shard", "train", "t0", 9, 90),
    ]


def test_a_repeated_key_shares_the_id_of_the_kept_record_but_not_its_place(tmp_path, placements):
    files = [[ledger_row(2), ledger_row(2, "dropped", "ingest"), ledger_row(4), ledger_row(6)]]
    rows = place(tmp_path, placements, files)
    assert [row["row"] for row in rows] == [7, None, 8, 9]
    assert rows[1]["stage"] == "ingest"


def test_a_ledger_that_keeps_other_records_is_refused(tmp_path, placements):
    with pytest.raises(SchemaMismatch, match="dedup did not keep"):
        place(tmp_path, placements, [[ledger_row(2), ledger_row(4), ledger_row(5)]])


def test_a_ledger_that_keeps_fewer_records_is_refused(tmp_path, placements):
    with pytest.raises(SchemaMismatch, match="keeps 2 records, the dataset has 3"):
        place(tmp_path, placements, [[ledger_row(2), ledger_row(4)]])


@pytest.mark.parametrize("files", [[[4, 2, 6]], [[4, 6], [2]]])
def test_an_unsorted_ledger_is_refused(tmp_path, placements, files):
    rows = [[ledger_row(number) for number in numbers] for numbers in files]
    with pytest.raises(SchemaMismatch, match="not sorted"):
        place(tmp_path, placements, rows)


def test_signals_of_all_partitions_are_sorted_by_record(tmp_path):
    schema = pa.schema([("record_id", pa.string()), ("words", pa.int32()), ("ratio", pa.float64())])
    for number, ids in enumerate([[5, 1], [9, 3, 0]]):
        rows = [{"record_id": f"{one:032x}", "words": one, "ratio": None} for one in ids]
        write_ipc(tmp_path / "in" / partition_name(number), pa.Table.from_pylist(rows, schema))
    sort_signals(tmp_path / "in", tmp_path / "out", tmp_path / "temporary")
    table = pq.read_table(tmp_path / "out")
    assert table.schema == schema
    assert table["words"].to_pylist() == [0, 1, 3, 5, 9]


def test_partitions_with_other_signals_are_refused(tmp_path):
    for number, name in enumerate(["words", "lines"]):
        table = pa.table({"record_id": ["0" * 32], name: [1]})
        write_ipc(tmp_path / "in" / partition_name(number), table)
    with pytest.raises(SchemaMismatch, match="`words` is missing"):
        sort_signals(tmp_path / "in", tmp_path / "out", tmp_path / "temporary")
