"""Arrays and spread-out objects are read element by element, a bad one at the cost of itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.readers.json import fields_of_json, read_json
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import pieces, rows_of
from tests.reference.json_elements import elements

SOURCE = Source(name="mill", path="x")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.fixed_dictionaries({"text": st.text(max_size=20)}, optional={"more": VALUES})


def read(data: bytes, source: Source = SOURCE, recipe: IngestRecipe | None = None) -> list[dict]:
    return rows_of(read_json(pieces(data), source, recipe or IngestRecipe()))


def in_pieces(data: bytes, size: int):
    return (data[at : at + size] for at in range(0, len(data), size))


@given(
    st.lists(OBJECTS, max_size=5),
    st.sampled_from([None, 1, 4]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 40),
)
def test_every_object_is_one_row_however_it_is_written_and_cut(
    records, indent, ascii_, array, size
):
    if array:
        text = json.dumps(records, indent=indent, ensure_ascii=ascii_)
    else:
        text = "\n".join(json.dumps(one, indent=indent, ensure_ascii=ascii_) for one in records)
    rows = rows_of(read_json(in_pieces(text.encode(), size), SOURCE, IngestRecipe()))
    assert [row["text"] for row in rows] == [one["text"] for one in elements(text)]
    assert [row["position"] for row in rows] == list(range(1, len(records) + 1))


def test_what_is_no_object_costs_one_row():
    rows = read(b'[{"text": "a"}, 3, "x", {"text": tru}, [1, {"text": "no"}], null, {"text": "b"}]')
    assert [row["text"] for row in rows] == ["a", None, None, None, None, None, "b"]
    assert [row["reason"] for row in rows][1:6] == ["bad_json"] * 5


@pytest.mark.parametrize("end", [b"", b',{"text": "b', b",", b',{"text": "b"}'])
def test_an_array_that_breaks_off_gives_what_is_whole_and_one_row_for_the_rest(end):
    rows = read(b'[{"text": "a"}' + end)
    assert rows[0]["text"] == "a"
    assert [row["reason"] for row in rows][-1] == "bad_json"


def test_an_element_over_the_limit_is_measured_and_the_next_is_read():
    data = json.dumps([{"text": "a" * 5000}, {"text": "b"}]).encode()
    rows = read(data, recipe=IngestRecipe(max_record_bytes=1024))
    assert [row["reason"] for row in rows] == ["too_large", None]
    assert rows[0]["value"] == 5012.0


def test_fields_are_named_for_the_error_message():
    assert fields_of_json(pieces(b'[3, {"content": 1, "id": 2}]'), IngestRecipe()) == [
        "content",
        "id",
    ]
    assert fields_of_json(pieces(b"[]"), IngestRecipe()) == []


@given(st.binary(max_size=80))
def test_any_bytes_give_rows_and_no_exception(data):
    read(data)
    read(b"[" + data)
