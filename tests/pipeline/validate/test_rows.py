"""Rows counted by partitions are those counted in one pass, whatever was found before."""

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.exceptions import PolarsError

from data_contracts.arrow_files import partition_name, read_ipc, write_ipc
from data_contracts.schemas import KEPT
from pipeline.validate.kept import Kept
from pipeline.validate.rows import PartitionedRows, StreamedRows

TEXTS = st.none() | st.text("ab é字\ufffd\n😀", max_size=4)
BROKEN = {
    "blank": ~pl.col("text").str.contains(r"\S"),
    "long": pl.col("text").str.len_chars() > 2,
    "null": pl.col("text").is_null(),
    "never": pl.lit(value=False),
}


def write_partitions(folder, parts):
    """Write texts; the record of the n-th has the id n."""
    number = 0
    for place, texts in enumerate(parts):
        ids = pa.array([f"{number + n:032x}" for n in range(len(texts))], pa.string())
        columns = [ids, pa.array(texts, pa.large_string())]
        write_ipc(folder / partition_name(place), pa.table(columns, ["record_id", "text"]))
        number += len(texts)


def keep(folder, numbers):
    ids = [f"{one:032x}" for one in numbers]
    rows = [
        {"record_id": one, "split": "train", "cluster_id": one, "cluster_size": 1} for one in ids
    ]
    write_ipc(folder / partition_name(0), pa.Table.from_pylist(rows, schema=KEPT))
    return Kept(folder)


@given(
    parts=st.lists(st.lists(TEXTS, max_size=5), min_size=1, max_size=4),
    later=st.lists(TEXTS, max_size=5),
    data=st.data(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_partitions_give_what_one_pass_gives(tmp_path_factory, parts, later, data):
    root = tmp_path_factory.mktemp("rows")
    changed = [*parts[1:], later]
    for run, texts in enumerate([parts, parts, changed]):  # the last finds some of it known
        table = root / f"table-{run}"
        write_partitions(table, texts)
        total = sum(map(len, texts))
        kept = data.draw(st.sets(st.integers(0, total)))
        rows = PartitionedRows(
            table, keep(root / f"kept-{run}", kept), root / f"found-{run}", root / "cache"
        )
        paths = sorted(table.iterdir())
        whole = pl.concat([pl.DataFrame(read_ipc(path)) for path in paths])
        plain = StreamedRows(whole.filter(pl.int_range(pl.len()).is_in(sorted(kept))).lazy())
        assert rows.height() == plain.height()
        assert rows.count(BROKEN, ["as above"]) == plain.count(BROKEN, ["as above"])
        every = PartitionedRows(table, None, root / f"every-{run}", root / "cache")
        assert every.height() == total
        assert every.count(BROKEN, ["as above"]) == StreamedRows(whole.lazy()).count(BROKEN, [])


def test_what_was_asked_decides_and_a_known_partition_is_not_looked_through(tmp_path):
    write_partitions(tmp_path / "table", [["a", "b"]])

    def count(name, expression, asked):
        rows = PartitionedRows(tmp_path / "table", None, tmp_path / name, tmp_path / "cache")
        return rows.count({"broken": expression}, [asked])["broken"]

    is_a = pl.col("text") == "a"
    assert count("first", is_a, "which are a") == 1
    assert count("known", pl.lit(value=True), "which are a") == 1  # the expression is not evaluated
    assert count("other", pl.lit(value=True), "which are there") == 2
    (found,) = (tmp_path / "first").rglob("*.arrow")
    found.write_bytes(b"what a disk left of it")
    (linked,) = (tmp_path / "known").rglob("*.arrow")
    assert linked.samefile(found)
    assert count("again", is_a, "which are a") == 1


def test_an_expression_that_cannot_be_evaluated_is_an_error(tmp_path):
    write_partitions(tmp_path / "table", [["a"]])
    rows = PartitionedRows(tmp_path / "table", None, tmp_path / "found", None)
    with pytest.raises(PolarsError):
        rows.count({"broken": pl.col("nothing").is_null()}, [])
