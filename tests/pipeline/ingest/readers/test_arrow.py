"""Arrow files and streams, and the folders that `datasets` saves."""

import io

import datasets
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.readers.arrow import fields_of_arrow, read_arrow
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import RECIPE, records_of, rows_of, run

TABLE = pa.table(
    {"id": [3, 4, 5], "text": ["corn", None, "rye"], "turns": [[{"by": "x"}], [], None]}
)


def written(table: pa.Table, layout: str, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    start = pa.ipc.new_file if layout == "file" else pa.ipc.new_stream
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with start(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


def read(data: bytes, source: Source, recipe: IngestRecipe = RECIPE) -> list[dict]:
    return rows_of(read_arrow(io.BytesIO(data), len(data), source, recipe))


@pytest.mark.parametrize("layout", ["file", "stream"])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_rows_of_both_layouts_are_read(layout, compression, kind):
    table = TABLE.set_column(1, "text", TABLE["text"].cast(kind))
    rows = read(written(table, layout, compression), Source(name="mill", path="x", key_field="id"))
    assert [(r["position"], r["key"], r["text"]) for r in rows] == [
        (1, "3", "corn"),
        (2, None, None),
        (3, "5", "rye"),
    ]
    assert rows[1]["reason"] == "no_text_field"


@pytest.mark.parametrize("layout", ["file", "stream"])
def test_a_file_that_breaks_off_gives_what_is_whole_and_one_row(layout):
    source = Source(name="mill", path="x")
    data = written(TABLE, layout)
    rows = read(data[:-200], source)
    assert rows[-1]["reason"] == "bad_format"
    assert [row["reason"] for row in rows].count("bad_format") == 1
    if layout == "stream":
        assert rows[0]["text"] == "corn"
    assert fields_of_arrow(io.BytesIO(data)) == ["id", "text", "turns"]
    assert fields_of_arrow(io.BytesIO(b"ARROW1 not")) == []


def test_what_lies_behind_the_end_of_a_stream_is_told():
    source, data = Source(name="mill", path="x"), written(TABLE, "stream")
    rows = read(data + data, source)
    assert [row["text"] for row in rows[:3]] == ["corn", None, "rye"]
    assert [row["reason"] for row in rows[3:]] == ["bad_format"]
    assert [row["reason"] for row in read(data, source)].count("bad_format") == 0


@given(st.integers(0, 2000), st.integers(1, 255), st.sampled_from(["file", "stream"]))
def test_a_changed_byte_ends_in_rows_and_no_exception(place, flip, layout):
    data = bytearray(written(TABLE, layout))
    data[place % len(data)] ^= flip
    read(bytes(data), Source(name="mill", path="x", turn_template="{by}"))


def test_text_that_is_not_utf8_costs_its_row():
    bad = pa.array([b"corn", b"\xff", b"rye"]).view(pa.string())
    rows = read(written(pa.table({"text": bad}), "stream"), Source(name="mill", path="x"))
    assert [row["reason"] for row in rows] == [None, "bad_encoding", None]


def test_a_saved_dataset_is_read_without_what_lies_beside_its_data(tmp_path):
    folder = tmp_path / "saved"
    both = datasets.DatasetDict(
        {
            name: datasets.Dataset.from_dict({"text": [f"{name} {n}" for n in range(4)]})
            for name in ("train", "test")
        }
    )
    both.save_to_disk(folder)
    (folder / "train" / "cache-0123.arrow").write_bytes(written(TABLE, "stream"))
    result = run(tmp_path, Source(name="saved", path=str(folder)))
    assert sorted(row["text"] for row in records_of(result)) == sorted(
        f"{name} {n}" for name in ("train", "test") for n in range(4)
    )
    assert result.files == 2
