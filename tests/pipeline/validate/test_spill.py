"""Every row comes back once, from its bucket, in the order it came in, held or stored."""

import hashlib

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.validate.spill import Spill

SCHEMA = pa.schema([("record_id", pa.string()), ("text", pa.string())])


def rows_of(texts):
    ids = [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts]
    return pa.table([ids, texts], schema=SCHEMA)


@given(
    batches=st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.text(max_size=5), max_size=6))),
    records=st.integers(0, 12),
    held_bytes=st.sampled_from([0, 100, 10_000]),
)
def test_rows_come_back(tmp_path_factory, batches, records, held_bytes):
    folder = tmp_path_factory.mktemp("spill") / "spill"
    spill = Spill(folder, records, bucket_rows=3, held_bytes=held_bytes)
    assert spill.buckets == max(1, -(-records // 3))
    for name in "ab":
        spill.begin(name, SCHEMA)
    for name, texts in batches:
        spill.add_table(name, rows_of(texts))
    for name in "ab":
        rows = [
            row for which, texts in batches if which == name for row in rows_of(texts).to_pylist()
        ]
        for bucket in range(spill.buckets):
            found = spill.read(name, bucket)
            assert found.schema == SCHEMA
            assert found.to_pylist() == [
                row for row in rows if int(row["record_id"], 16) * spill.buckets >> 128 == bucket
            ]
    assert held_bytes or not any(len(texts) for _, texts in batches) or any(folder.iterdir())
