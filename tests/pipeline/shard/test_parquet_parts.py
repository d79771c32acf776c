"""Sorted tables as Parquet."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.shard import parquet_parts
from pipeline.shard.parquet_parts import ParquetParts

SCHEMA = pa.schema([pa.field("n", pa.int64(), nullable=False), ("words", pa.list_(pa.string()))])


def rows(count):
    words = [[f"w{number % 50}"] * (number % 3) if number % 5 else None for number in range(count)]
    return pa.table({"n": range(count), "words": words}, schema=SCHEMA)


def write(folder, table, at_a_time):
    with ParquetParts(folder, SCHEMA) as parts:
        for start in range(0, table.num_rows, at_a_time):
            parts.add(table.slice(start, at_a_time))


def test_bytes_do_not_depend_on_how_many_rows_come_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_parts, "GROUP_ROWS", 1000)
    monkeypatch.setattr(parquet_parts, "FILE_GROUPS", 2)
    table = rows(5500)
    for at_a_time in (37, 1000, 5500):
        write(tmp_path / str(at_a_time), table, at_a_time)
    names = sorted(path.name for path in (tmp_path / "37").iterdir())
    assert names == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    for name in names:
        assert len({(tmp_path / one / name).read_bytes() for one in ("37", "1000", "5500")}) == 1
    assert pq.read_table(tmp_path / "37").equals(table)
    groups = [pq.ParquetFile(tmp_path / "37" / name).num_row_groups for name in names]
    assert groups == [2, 2, 2]


def test_pages_of_long_values_do_not_depend_on_how_many_rows_come_at_a_time(tmp_path):
    # Over 1 MB, where a page ends, and no value twice, so that no dictionary keeps it small.
    words = [[f"{number} " * 60] for number in range(12_000)]
    table = pa.table({"n": range(len(words)), "words": words}, schema=SCHEMA)
    write(tmp_path / "few", table, 700)
    write(tmp_path / "all", table, len(words))
    name = "part-00000.parquet"
    assert (tmp_path / "few" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


def test_no_rows_give_one_file_with_the_columns(tmp_path):
    write(tmp_path, SCHEMA.empty_table(), 1)
    assert pq.read_table(tmp_path).schema == SCHEMA


def test_an_error_leaves_no_finished_file(tmp_path):
    with pytest.raises(KeyError), ParquetParts(tmp_path, SCHEMA) as parts:
        parts.add(pa.table({"m": [1]}))
    assert list(tmp_path.glob("*.parquet")) == []


def test_a_look_up_can_skip_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_parts, "GROUP_ROWS", 100)
    write(tmp_path, rows(300), 300)
    metadata = pq.ParquetFile(tmp_path / "part-00000.parquet").metadata
    lows = [metadata.row_group(number).column(0).statistics.min for number in range(3)]
    assert np.array_equal(lows, [0, 100, 200])
