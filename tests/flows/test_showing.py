"""`mill show`: a row of anything that the mill reads or writes."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from data_contracts.errors import RowUnknown
from data_contracts.reasons import Reason
from flows.showing import SHOWN_BYTES, show_row

ROWS = [{"id": f"k{n}", "text": f"Text {n}."} for n in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.jsonl", lambda text: text.encode()),
        ("a.jsonl.gz", lambda text: gzip.compress(text.encode())),
        ("a.jsonl.zst", lambda text: zstandard.compress(text.encode())),
    ],
)
def test_a_line_is_shown_as_it_lies_there_and_as_it_is_read(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(LINES))
    shown = show_row(path, 3)
    assert (shown.row, shown.format) == (3, "jsonl")
    assert json.loads(shown.raw) == ROWS[2]
    assert shown.fields["text"] == "Text 2."


def test_a_line_that_cannot_be_read_is_shown_with_the_reason(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "good"}\n{"text": "\xff no end\n')
    shown = show_row(path, 2)
    assert shown.raw == '{"text": "\ufffd no end'
    assert shown.fields["reason"] in {str(Reason.BAD_JSON), str(Reason.BAD_ENCODING)}


@pytest.mark.parametrize("form", ["parquet", "file", "stream"])
def test_a_row_of_a_table_is_shown_whole(tmp_path, form):
    table = pa.Table.from_pylist(ROWS)
    path = tmp_path / f"table.{'parquet' if form == 'parquet' else 'arrow'}"
    if form == "parquet":
        pq.write_table(table, path, row_group_size=2)
    else:
        new = pa.ipc.new_file if form == "file" else pa.ipc.new_stream
        with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    assert show_row(path, 5).fields == ROWS[4]
    with pytest.raises(RowUnknown, match="it has 5 rows"):
        show_row(path, 6)


def test_a_row_that_is_not_there_is_told(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(LINES)
    with pytest.raises(RowUnknown, match="its last record is number 5"):
        show_row(path, 6)
    with pytest.raises(RowUnknown, match="there is no such file"):
        show_row(tmp_path / "b.jsonl", 1)


def test_of_a_line_of_megabytes_only_the_beginning_is_held(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"text": "y" * 3_000_000}) + "\n" + LINES)
    assert len(show_row(path, 1).raw) == SHOWN_BYTES
    assert json.loads(show_row(path, 2).raw) == ROWS[0]
