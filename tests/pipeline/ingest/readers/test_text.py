"""A file of plain text or Markdown is one record, whole or not at all."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.readers.text import read_text
from pipeline.ingest.recipe import IngestRecipe
from tests.pipeline.ingest.inputs import PROSE, RECIPE, pack, pieces, rows_of


def read(data: bytes, recipe: IngestRecipe = RECIPE):
    (row,) = rows_of(read_text(pieces(data, recipe), "a/b.txt", recipe))
    return row


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_file_is_one_record_named_by_its_path(compression):
    row = read(pack("磨坊 and mill\r\n\n".encode(), compression))
    assert (row["key"], row["position"], row["text"]) == ("a/b.txt", 1, "磨坊 and mill\r\n\n")


def test_an_empty_file_is_a_record_of_no_text():
    assert read(b"")["text"] == ""


def test_a_byte_order_mark_is_no_text():
    assert read("\ufeffmill".encode())["text"] == "mill"


def test_what_is_not_utf8_is_bad_encoding():
    assert read("Mühle".encode("latin-1"))["reason"] == "bad_encoding"


def test_a_truncated_file_is_no_record():
    assert read(gzip.compress(PROSE.encode() * 100)[:-20])["reason"] == "bad_compression"


def test_a_file_over_the_limit_is_too_large():
    row = read(b"a" * 1025, IngestRecipe(max_record_bytes=1024))
    assert (row["reason"], row["value"], row["threshold"]) == ("too_large", 1025, 1024)


@given(st.binary(max_size=300))
def test_any_bytes_give_exactly_one_row(data):
    row = read(data)
    assert (row["text"] is None) != (row["reason"] is None)
