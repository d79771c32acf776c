"""Sorting rows: by way of the disk, and where they lie."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shard.mapped_sort import RANGE_BYTES, MappedSort
from pipeline.shard.scatter import BUCKET_BYTES, Scatter

ROWS = st.lists(
    st.tuples(st.integers(0, 2**64 - 1) | st.sampled_from([0, 7, 2**64 - 1]), st.text(max_size=9)),
    max_size=60,
)


@given(rows=ROWS, buckets=st.integers(1, 9), at_a_time=st.integers(1, 60), is_mapped=st.booleans())
def test_rows_come_out_sorted_by_key_and_id(tmp_path_factory, rows, buckets, at_a_time, is_mapped):
    folder = tmp_path_factory.mktemp("scatter") / "temporary"
    scatter = Scatter(folder, total_bytes=buckets * BUCKET_BYTES)
    mapped = MappedSort(total_bytes=buckets * RANGE_BYTES)
    sorter = mapped if is_mapped else scatter
    full = [
        {"record_id": f"{-number % 97:032x}", "text": text} for number, (_, text) in enumerate(rows)
    ]
    schema = pa.schema([("record_id", pa.string()), ("text", pa.large_string())])
    keys = np.array([key for key, _ in rows], np.uint64)
    for start in range(0, len(rows), at_a_time):
        part = slice(start, start + at_a_time)
        sorter.add(pa.Table.from_pylist(full[part], schema), keys[part])
    out = [row for table in sorter.sorted() for row in table.to_pylist()]
    order = sorted(
        range(len(rows)), key=lambda number: (rows[number][0], full[number]["record_id"])
    )
    assert out == [full[number] for number in order]
    assert list(folder.iterdir()) == []


def test_buckets_are_about_equally_large(tmp_path):
    scatter = Scatter(tmp_path / "temporary", total_bytes=10 * BUCKET_BYTES)
    keys = np.random.default_rng(0).integers(0, 2**64, 1000, np.uint64)
    scatter.add(pa.table({"record_id": [f"{number:032x}" for number in range(1000)]}), keys)
    sizes = [table.num_rows for table in scatter.sorted()]
    assert len(sizes) == 10
    assert max(sizes) < 140
