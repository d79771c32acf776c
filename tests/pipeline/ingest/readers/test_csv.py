"""Rows of CSV and TSV: quotation, delimiters, and what does not fit the header."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.readers.csv import fields_of_csv, read_csv
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import RECIPE, pieces, rows_of

SOURCE = Source(name="mill", path="x", key_field="id")
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)


def read(data: bytes, recipe: IngestRecipe = RECIPE, *, is_tsv: bool = False) -> list[dict]:
    return rows_of(read_csv(pieces(data), SOURCE, recipe, is_tsv=is_tsv))


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6), st.sampled_from(",;\t|"), st.booleans())
def test_what_a_writer_wrote_is_read(table, delimiter, bom):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([("id", "text"), *table])
    data = (b"\xef\xbb\xbf" if bom else b"") + file.getvalue().encode()
    assert [(row["key"], row["text"]) for row in read(data)] == table


def test_tsv_has_no_quotation():
    rows = read(b'id\ttext\na\t"corn\nb\trye"\r\n\nc\t\n', is_tsv=True)
    assert [(r["key"], r["text"]) for r in rows] == [("a", '"corn'), ("b", 'rye"'), ("c", "")]


def test_a_row_that_does_not_fit_the_header_costs_itself():
    rows = read(b"id,text\na,corn\nb\nc,rye,more\nd,oats")
    assert [row["text"] for row in rows] == ["corn", None, None, "oats"]
    assert [row["reason"] for row in rows][1:3] == ["bad_format"] * 2
    assert (rows[2]["value"], rows[2]["threshold"]) == (3.0, 2.0)


def test_a_quotation_that_never_ends_stops_at_the_limit_and_reading_goes_on():
    data = b'id,text\na,corn\nb,"rye\n' + b"oats,x\n" * 300
    rows = read(data, IngestRecipe(max_record_bytes=1024))
    assert [row["reason"] for row in rows][:2] == [None, "too_large"]
    assert rows[-1]["text"] == "x"
    assert rows[-1]["position"] == len(rows)


def test_bytes_that_are_not_utf8_cost_their_row():
    rows = read(b"id,text\na,corn\nb,\xe4\xff\nc,rye")
    assert [row["reason"] for row in rows] == [None, "bad_encoding", None]


@pytest.mark.parametrize("is_tsv", [True, False])
@given(st.binary(max_size=80))
def test_any_bytes_give_rows_and_no_exception(is_tsv, data):
    read(data, is_tsv=is_tsv)
    read(b"id,text\n" + data, is_tsv=is_tsv)


def test_fields_are_named_for_the_error_message():
    assert fields_of_csv(pieces(b"a;b\n1;2"), RECIPE, is_tsv=False) == ["a", "b"]
