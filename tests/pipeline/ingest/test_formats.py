"""Formats are told by name, and by content where the name lies."""

import gzip

import pytest

from pipeline.ingest.formats import compression_of, format_by_name, resolve_format
from tests.pipeline.ingest.inputs import zstd


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jsonl", "jsonl"),
        ("a.ndjson.zst", "jsonl"),
        ("c4-train.00000.json.gz", "jsonl"),
        ("Part.PARQUET", "parquet"),
        ("guide.rst.txt", "text"),
        ("README.md", "markdown"),
        ("deep/er/index.html.gz", "html"),
        ("crawl.warc.gz", "warc"),
        ("Makefile", None),
        ("archive.gz", None),
    ],
)
def test_a_name_promises_a_format_whatever_packs_it(name, expected):
    assert format_by_name(name) == expected


def test_compression_is_told_by_content_alone():
    assert compression_of(gzip.compress(b"x")) == "gzip"
    assert compression_of(zstd(b"x")) == "zstd"
    assert compression_of(b"\x50\x2a\x4d\x18\x00\x00\x00\x00") == "zstd"  # a skippable frame
    assert compression_of(b"plain text") == "none"
    assert compression_of(b"") == "none"


def test_binary_formats_are_known_by_content_even_where_the_name_lies():
    assert resolve_format("a.jsonl", b"PAR1 and so on", "auto") == "parquet"
    assert resolve_format("a.txt", b"WARC/1.1\r\n", "auto") == "warc"


def test_a_name_that_says_nothing_leaves_it_to_content():
    assert resolve_format("data", b'{"text": "a"}\n', "auto") == "jsonl"
    assert resolve_format("data", b'{ "text": "a"}\n', "auto") == "jsonl"
    assert resolve_format("page", b"\n<!-- saved --><!DOCTYPE html><p>", "auto") == "html"
    assert resolve_format("photo", b"\x89PNG\r\n", "auto") is None
    assert resolve_format("empty", b"", "auto") is None


def test_a_declared_format_is_taken_at_its_word():
    assert resolve_format("a.jsonl", b"PAR1", "text") == "text"


def test_a_head_of_endless_comments_is_told_at_once():
    assert resolve_format("page", b"<!-- -->" * 512 + b"x", "auto") is None
