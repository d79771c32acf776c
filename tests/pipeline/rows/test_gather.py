"""Rows of several tables, against picking them one by one."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rows.gather import gather
from tests.reference.plain_kernels import plain_kernels

SCHEMA = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("text", pa.large_string()),
        pa.field("data", pa.large_binary(), nullable=False),
        pa.field("number", pa.float32(), nullable=False),
        pa.field("hash", pa.binary(3), nullable=False),
    ]
)
TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", "a\0b", "\U0001f600", "漢字", "e\u0301", "x" * 5000]
)
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.binary(max_size=5),
        st.integers(0, 9),
        st.binary(min_size=3, max_size=3),
    ),
    max_size=8,
)


@st.composite
def tables(draw):
    """Tables as Arrow has them: whole, sliced, or in several chunks."""
    names = SCHEMA.names
    made = []
    for rows in draw(st.lists(ROWS, min_size=1, max_size=4)):
        table = pa.Table.from_pylist([dict(zip(names, one, strict=True)) for one in rows], SCHEMA)
        match draw(st.sampled_from(["whole", "sliced", "chunked"])):
            case "sliced":
                around = pa.Table.from_pylist(
                    [dict(zip(names, ("", "y", b"z", 1, b"abc"), strict=True))], SCHEMA
                )
                joined = pa.concat_tables([around, table, around]).combine_chunks()
                table = joined.slice(1, len(rows))
            case "chunked":
                table = pa.concat_tables(
                    [table.slice(0, len(rows) // 2), table.slice(len(rows) // 2)]
                )
        made.append(table)
    return made


@given(tables=tables(), data=st.data())
def test_rows_are_those_asked_for_in_that_order(tables, data):
    places = [(number, row) for number, one in enumerate(tables) for row in range(one.num_rows)]
    wanted = data.draw(st.lists(st.sampled_from(places), max_size=20)) if places else []
    table_of, row_of = np.array(wanted, np.int64).reshape(-1, 2).T
    found = gather(tables, table_of, row_of)
    assert found.to_pylist() == [
        tables[table].slice(row, 1).to_pylist()[0] for table, row in wanted
    ]
    assert found.schema == SCHEMA
    found.validate(full=True)


@pytest.fixture(scope="module")
def kernels():
    return plain_kernels("pipeline.rows.kernels")


def test_values_are_copied_alike_when_nothing_is_compiled(kernels, monkeypatch):
    table = pa.table({"text": pa.array(["ab", "", "漢字", "c" * 40], pa.large_string())})
    table_of, row_of = np.zeros(6, np.int64), np.array([3, 0, 0, 1, 2, 3])
    compiled = gather([table], table_of, row_of)
    monkeypatch.setattr("pipeline.rows.gather.kernels", kernels)
    assert gather([table], table_of, row_of) == compiled
    assert compiled["text"].to_pylist() == ["c" * 40, "ab", "ab", "", "漢字", "c" * 40]
