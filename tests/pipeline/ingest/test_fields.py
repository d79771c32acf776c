"""Text, keys and addresses are found by name, in nested fields and in lists of turns."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import decisions_of, jsonl, origins_of, records_of, run

TURNS = [{"role": "user", "content": "Corn?"}, {"role": "miller", "content": "Rye {role}."}]
RECORDS = [
    {
        "id": {"n": 1},
        "message": {"content": "corn"},
        "turns": TURNS,
        "url": "https://mill.example/a",
    },
    {
        "id": {"n": 2},
        "message": {"content": "rye"},
        "turns": TURNS[:1],
        "url": "http://bad.example",
    },
    {"id": {"n": 3}, "message": None, "turns": [], "url": None},
]


def write(folder, kind: str) -> str:
    if kind == "jsonl":
        (folder / "a.jsonl").write_bytes(jsonl(*RECORDS))
    elif kind == "json":
        (folder / "a.json").write_text(json.dumps(RECORDS, indent=2))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(RECORDS), folder / "a.parquet")
    else:
        with pa.ipc.new_file(folder / "a.arrow", pa.Table.from_pylist(RECORDS).schema) as writer:
            writer.write_table(pa.Table.from_pylist(RECORDS))
    return str(folder / f"a.{kind}")


LOOSE = IngestRecipe(max_unreadable_ratio=1)
KINDS = pytest.mark.parametrize("kind", ["jsonl", "json", "parquet", "arrow"])


@KINDS
def test_nested_fields_are_found_by_their_dotted_names(tmp_path, kind):
    source = Source(
        name="mill", path=write(tmp_path, kind), text_field="message.content", key_field="id.n"
    )
    result = run(tmp_path, source, recipe=LOOSE)
    assert {r["key"]: r["text"] for r in records_of(result)} == {"1": "corn", "2": "rye"}
    assert [d["reason"] for d in decisions_of(result)] == ["no_text_field"]


@KINDS
def test_turns_are_joined_by_the_template(tmp_path, kind):
    source = Source(
        name="mill",
        path=write(tmp_path, kind),
        text_field="turns",
        turn_template="<{role}> {content}",
        turn_separator="\n",
    )
    result = run(tmp_path, source, recipe=LOOSE)
    assert sorted(r["text"] for r in records_of(result)) == [
        "<user> Corn?",
        "<user> Corn?\n<miller> Rye {role}.",
    ]
    lacking = source.model_copy(update={"turn_template": "{name}: {content}"})
    assert set(run(tmp_path, lacking, recipe=LOOSE).rows_dropped) == {"no_text_field"}
    without = source.model_copy(update={"turn_template": None})
    assert set(run(tmp_path, without, recipe=LOOSE).rows_dropped) == {"text_not_string"}


@KINDS
def test_records_of_blocked_domains_are_dropped_and_the_domain_is_told(tmp_path, kind):
    recipe = LOOSE.model_copy(update={"blocked_domains": ("bad.example",)})
    path = write(tmp_path, kind)
    source = Source(name="mill", path=path, text_field="message.content", url_field="url")
    result = run(tmp_path, source, recipe=recipe)
    assert [r["text"] for r in records_of(result)] == ["corn"]
    (blocked,) = [d for d in decisions_of(result) if d["reason"] == "blocked_domain"]
    assert [one["rule"] for one in blocked["reasons"]] == [
        "blocked_domain",
        "blocked_domain:bad.example",
    ]
    known = {o["record_id"]: o["content_id"] for o in origins_of(result)}
    assert known[blocked["record_id"]] is not None


def test_a_field_of_the_whole_name_comes_before_a_nested_one(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(
        jsonl({"a.b": "whole", "a": {"b": "nested"}}, {"a": [{"b": 1}, {"b": "second"}]})
    )
    source = Source(name="mill", path=str(tmp_path / "a.jsonl"), text_field="a.b")
    assert [r["text"] for r in records_of(run(tmp_path, source))] == ["whole"]
    listed = source.model_copy(update={"text_field": "a.1.b"})
    assert [r["text"] for r in records_of(run(tmp_path, listed))] == ["second"]
