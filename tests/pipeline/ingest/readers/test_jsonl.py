"""Each line that is not blank has one row, and the rows are those of a reader that takes its time."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.ingest.formats import compression_of
from pipeline.ingest.readers.jsonl import fields_of_jsonl, read_jsonl
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import RECIPE, jsonl, pieces, rows_of, zstd
from tests.reference.ingest import read_lines

SOURCE = Source(name="lines", path="/lines.jsonl")
KEYED = Source(name="lines", path="/lines.jsonl", key_field="id")


def read(data: bytes, source: Source = SOURCE, recipe: IngestRecipe = RECIPE):
    rows = rows_of(read_jsonl(pieces(data, recipe), source, recipe))
    return [(r["position"], r["key"], r["text"], r["reason"]) for r in rows]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries(
    {}, optional={"text": VALUES | st.text(), "id": VALUES, "more": VALUES}
)
LINES = st.one_of(
    RECORDS.map(lambda r: json.dumps(r).encode()),
    RECORDS.map(lambda r: json.dumps(r, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    VALUES.map(lambda v: json.dumps(v).encode()),
    st.binary(max_size=30),
    st.sampled_from(
        [
            b"",
            b" \t\r",
            b"{",
            b"\xef\xbb\xbf{}",
            b'{"text": "\\ud800"}',
            b'{"text": NaN}',
            b"[" * 2000,
        ]
    ),
)


@given(
    lines=st.lists(LINES, max_size=12),
    ends_open=st.booleans(),
    source=st.sampled_from([SOURCE, KEYED]),
)
def test_any_lines_give_the_rows_of_the_slow_reader(lines, ends_open, source):
    data = b"\n".join(lines) + (b"" if ends_open else b"\n")
    assume(compression_of(data) == "none")  # what begins like an archive is unpacked before
    expected = read_lines(data, "text", source.key_field, RECIPE.max_record_bytes)
    assert read(data, source) == expected


@given(data=st.binary(max_size=400), sizes=st.lists(st.integers(1, 40), max_size=8))
def test_where_the_stream_is_cut_into_pieces_changes_nothing(data, sizes):
    cuts = [data[sum(sizes[:n]) : sum(sizes[: n + 1])] for n in range(len(sizes))]
    cut = [*cuts, data[sum(sizes) :]]
    recipe = IngestRecipe(max_record_bytes=1024)
    whole = rows_of(read_jsonl(iter([data]), SOURCE, recipe))
    assert rows_of(read_jsonl(iter(cut), SOURCE, recipe)) == whole


def test_a_record_has_text_position_and_the_key_that_the_file_gives_it():
    data = jsonl(
        {"text": "one", "id": "a"}, b"", {"text": "", "id": 2**70}, {"text": "中文 🀄", "id": -3}
    )
    assert read(data, KEYED) == [
        (1, "a", "one", None),
        (3, str(2**70), "", None),
        (4, "-3", "中文 🀄", None),
    ]


def test_each_way_to_be_unreadable_has_its_reason():
    data = jsonl(
        b'{"text": "cut',
        b"[]",
        b'{"text": "\xff"}',
        {"id": "no text"},
        {"text": None},
        {"text": ["a"]},
        {"text": "a", "id": True},
        {"text": "a", "id": 1.5},
        {"text": "a"},
    )
    assert [row[3] for row in read(data, KEYED)] == [
        "bad_json",
        "bad_json",
        "bad_encoding",
        "no_text_field",
        "no_text_field",
        "text_not_string",
        "no_key_field",
        "no_key_field",
        "no_key_field",
    ]


@pytest.mark.parametrize("length", [1024, 1025, 5_000_000])
def test_a_line_over_the_limit_is_one_row_with_its_length_and_costs_no_other(length):
    recipe = IngestRecipe(max_record_bytes=1024)
    long = b'{"text": "' + b"a" * (length - 12) + b'"}'
    data = jsonl({"text": "before"}, long, {"text": "after"})
    rows = rows_of(read_jsonl(pieces(data, recipe), SOURCE, recipe))
    if length <= 1024:
        assert [r["reason"] for r in rows] == [None, None, None]
    else:
        assert [r["reason"] for r in rows] == [None, "too_large", None]
        assert (rows[1]["value"], rows[1]["threshold"]) == (length, 1024)


def test_a_truncated_file_gives_its_whole_lines_and_one_row_for_the_rest():
    packed = zstd(jsonl(*({"text": f"line {n} " * 40} for n in range(2000))))
    rows = read(packed[: len(packed) // 2])
    assert rows[-1][3] == "bad_compression"
    assert all(row[3] is None for row in rows[:-1])
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > 10


def test_lines_too_many_for_one_batch_come_in_several():
    data = jsonl(*({"text": str(n)} for n in range(150_000)))
    batches = list(read_jsonl(pieces(data), SOURCE, RECIPE))
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == 150_000


def test_fields_are_named_from_the_first_object():
    data = jsonl(b"not json", b"[]", {"content": "a", "url": "b"}, {"text": "c"})
    assert fields_of_jsonl(pieces(data), RECIPE) == ["content", "url"]
    assert fields_of_jsonl(pieces(b"nothing"), RECIPE) == []
