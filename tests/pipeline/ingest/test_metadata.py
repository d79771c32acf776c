"""What a source says of its records beside the text travels with them, whatever they lie in."""

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from data_contracts.arrow_files import read_all
from data_contracts.forgotten import ForgetList, ForgottenRecord
from data_contracts.identity import record_id
from data_contracts.reasons import Reason
from data_contracts.results import IngestResult
from data_contracts.schemas import METADATA
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.stage import ingest
from tests.pipeline.ingest.inputs import jsonl, records_of, run
from tests.pipeline.ingest.readers.test_warc import DATE, http, record

ROWS = [
    {"text": "corn", "by": {"name": "Anna"}, "year": 1999, "tags": ["a", "b"]},
    {"text": "rye", "by": None, "year": 2001, "tags": []},
    {"text": "oats", "other": 1},
]


def metadata_of(result: IngestResult) -> dict[object, object]:
    """Metadata by text."""
    found = {
        row["record_id"]: json.loads(row["metadata"])
        for row in read_all(result.metadata, METADATA).to_pylist()
    }
    return {one["text"]: found.get(one["record_id"]) for one in records_of(result)}


def source(path: Path, **fields: object) -> Source:
    return Source(name="mill", path=str(path), **fields)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet"])
def test_named_fields_are_kept_nested_ones_too_and_constants_are_said_of_every_record(
    tmp_path, name
):
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / name)
    else:
        data = jsonl(*ROWS) if name == "a.jsonl" else json.dumps(ROWS, indent=1).encode()
        (tmp_path / name).write_bytes(data)
    fields = ("by.name", "year", "tags")
    found = metadata_of(run(tmp_path, source(tmp_path / name, metadata_fields=fields)))
    assert found == {
        "corn": {"by.name": "Anna", "tags": ["a", "b"], "year": 1999},
        "rye": {"tags": [], "year": 2001},
        "oats": None,
    }
    constants = {"collection": "mill", "checked": True}
    both = source(tmp_path / name, metadata_fields=fields, constants=constants)
    found = metadata_of(run(tmp_path, both))
    assert found["corn"] == {"by.name": "Anna", "tags": ["a", "b"], "year": 1999, **constants}
    assert found["oats"] == constants


def test_what_json_has_no_form_for_is_written_as_text(tmp_path):
    row = {
        "text": ["corn"],
        "day": [dt.date(2024, 3, 1)],
        "raw": [b"\xff"],
        "big": pa.array([2**63], pa.uint64()),
    }
    pq.write_table(pa.table(row), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "rye", "half": "\\ud800", "big": 1e400}\n')
    fields = ("day", "raw", "big", "half")
    found = metadata_of(run(tmp_path, source(tmp_path, metadata_fields=fields)))
    assert found["corn"] == {"big": 2**63, "day": "2024-03-01", "raw": "b'\\xff'"}
    assert found["rye"]["half"] == "\ud800"


def test_headers_of_warc_records_and_constants_of_texts_are_kept(tmp_path):
    (tmp_path / "a.warc").write_bytes(record("response", http()))
    (tmp_path / "b.txt").write_text("rye", encoding="utf-8")
    kept = source(tmp_path, metadata_fields=("WARC-Date", "WARC-IP"), constants={"from": "mill"})
    found = metadata_of(run(tmp_path, kept))
    assert {json.dumps(one, sort_keys=True) for one in found.values()} == {
        json.dumps({"WARC-Date": DATE, "from": "mill"}),
        json.dumps({"from": "mill"}),
    }


def test_metadata_is_under_the_limit_and_nothing_of_it_is_left_of_forgotten_records(tmp_path):
    rows = [
        {"id": "a", "text": "corn", "note": "n" * 9000},
        {"id": "b", "text": "rye", "note": "x"},
    ]
    (tmp_path / "a.jsonl").write_bytes(jsonl({**rows[0], "note": "n" * 1500}, rows[1]))
    given = source(tmp_path / "a.jsonl", key_field="id", metadata_fields=("note",))
    result = run(tmp_path, given, recipe=IngestRecipe(max_record_bytes=1600))
    assert metadata_of(result)["rye"] == {"note": "x"}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    wide = source(tmp_path / "a.parquet", key_field="id", metadata_fields=("note",))
    result = run(tmp_path, wide, recipe=IngestRecipe(max_record_bytes=4096))
    assert result.rows_dropped == {Reason.TOO_LARGE: 1}
    gone = ForgottenRecord(
        record_id=record_id("mill", "b"), because="asked", since=dt.datetime.now(dt.UTC)
    )
    forgotten = ForgetList(records=(gone,))
    out, cache = tmp_path / "out", tmp_path / "cache"
    result = ingest((given,), IngestRecipe(), out, forgotten=forgotten, cache=cache)
    assert set(metadata_of(result)) == {"corn"}
    for path in (*out.rglob("*.arrow"), *cache.rglob("*.arrow")):
        assert b'"note":"x"' not in path.read_bytes()


def test_changed_metadata_is_read_again_and_a_name_means_one_thing(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl(*ROWS))
    cache = tmp_path / "cache"
    run(tmp_path, source(tmp_path / "a.jsonl"), cache=cache)
    more = source(tmp_path / "a.jsonl", metadata_fields=("year",))
    assert run(tmp_path, more, cache=cache).rows_reused == 0
    other = more.model_copy(update={"constants": {"from": "barn"}})
    result = run(tmp_path, other, cache=cache)
    assert result.rows_reused == 3
    assert metadata_of(result)["corn"] == {"from": "barn", "year": 1999}
    with pytest.raises(ValidationError, match="drop one"):
        source(tmp_path, metadata_fields=("year",), constants={"year": 1})
