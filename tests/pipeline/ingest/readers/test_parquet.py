"""Each row of a Parquet file has one row, whatever the columns hold."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.readers.parquet import fields_of_parquet, read_parquet
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import PROSE, RECIPE, rows_of

SOURCE = Source(name="rows", path="/rows.parquet")
KEYED = Source(name="rows", path="/rows.parquet", key_field="id")


def parquet(columns: dict[str, object], **options) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def read(data: bytes, source: Source = SOURCE, recipe: IngestRecipe = RECIPE):
    return rows_of(read_parquet(io.BytesIO(data), len(data), source, recipe))


def brief(rows):
    return [(r["position"], r["key"], r["text"], r["reason"]) for r in rows]


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.string_view()],
    ids=str,
)
def test_text_is_read_from_every_kind_of_string_column(kind):
    texts = pa.array(["corn", "磨坊", "", None]).cast(kind)
    rows = read(parquet({"id": [7, 8, None, 9], "text": texts}), KEYED)
    assert brief(rows) == [
        (1, "7", "corn", None),
        (2, "8", "磨坊", None),
        (3, None, None, "no_key_field"),
        (4, None, None, "no_text_field"),
    ]


def test_a_column_that_is_missing_or_no_text_makes_each_row_unreadable():
    assert [r["reason"] for r in read(parquet({"content": ["a", "b"]}))] == ["no_text_field"] * 2
    rows = read(parquet({"text": [1, None]}))
    assert [r["reason"] for r in rows] == ["text_not_string", "no_text_field"]
    rows = read(parquet({"text": ["a"], "id": [1.5]}), KEYED)
    assert [r["reason"] for r in rows] == ["no_key_field"]
    rows = read(parquet({"text": ["a"]}), KEYED)
    assert [r["reason"] for r in rows] == ["no_key_field"]


def test_bytes_that_are_not_utf8_in_a_string_column_are_bad_encoding():
    texts = pa.array([b"corn", b"\xff\xfe", None, b"rye"]).view(pa.string())
    keys = pa.array([b"a", b"b", b"c", b"\xff"]).view(pa.string())
    rows = read(parquet({"text": texts, "id": keys}), KEYED)
    assert [r["reason"] for r in rows] == [None, "bad_encoding", "no_text_field", "no_key_field"]


def test_a_text_over_the_limit_is_too_large():
    recipe = IngestRecipe(max_record_bytes=1024)
    rows = read(parquet({"text": ["a" * 1024, "a" * 1025]}), recipe=recipe)
    assert [r["reason"] for r in rows] == [None, "too_large"]
    assert (rows[1]["value"], rows[1]["threshold"]) == (1025, 1024)


def test_row_groups_and_batches_count_on():
    texts = [f"{n} {PROSE}" for n in range(40_000)]
    rows = read(parquet({"text": texts}, row_group_size=7000, compression="zstd"))
    assert [r["position"] for r in rows] == list(range(1, 40_001))
    assert [r["text"] for r in rows] == texts


def test_a_file_of_no_rows_gives_none():
    assert read(parquet({"text": pa.array([], pa.string())})) == []


def test_a_file_that_claims_far_more_than_it_holds_is_a_bomb():
    data = parquet({"text": pa.array([PROSE * 10] * 20_000)}, compression="zstd")
    rows = read(data, recipe=IngestRecipe(max_record_bytes=100_000))
    assert rows[-1]["reason"] == "decompression_bomb"
    assert len(rows) < 10_000


def test_a_file_without_its_footer_is_bad_format():
    data = parquet({"text": ["corn"]})
    assert brief(read(data[:-9])) == [(1, None, None, "bad_format")]


def test_a_damaged_row_group_costs_no_other():
    texts = [f"{n} {PROSE}" for n in range(9000)]
    options = {"row_group_size": 1000, "compression": "zstd", "write_page_checksum": True}
    data = bytearray(parquet({"text": texts}, **options))
    footer = pq.ParquetFile(io.BytesIO(data)).metadata
    column = footer.row_group(4).column(0)
    data[column.data_page_offset + 300] ^= 0x55
    rows = read(bytes(data))
    (bad,) = [r for r in rows if r["reason"]]
    assert bad["reason"] == "bad_format"
    assert 4001 <= bad["position"] <= 5000
    good = {r["position"]: r["text"] for r in rows if r["text"] is not None}
    assert all(texts[position - 1] == text for position, text in good.items())
    assert len(good) >= 8000


SMALL = parquet({"id": list("abcdef"), "text": ["corn", "rye", "oats", None, "磨坊", ""]})


@given(at=st.integers(0, len(SMALL) - 1), patch=st.binary(min_size=1, max_size=8))
def test_no_damage_raises(at, patch):
    data = bytearray(SMALL)
    data[at : at + len(patch)] = patch
    rows = read(bytes(data), KEYED)
    positions = [r["position"] for r in rows]
    assert positions == sorted(set(positions))
    fields_of_parquet(io.BytesIO(data))


def test_columns_are_named():
    assert fields_of_parquet(io.BytesIO(SMALL)) == ["id", "text"]
    assert fields_of_parquet(io.BytesIO(b"PAR1")) == []
