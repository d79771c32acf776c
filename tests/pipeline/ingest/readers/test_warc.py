"""Pages and texts of an archive are records; what is broken costs one record, not the file."""

import gzip
import lzma
import tarfile
from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.readers.warc import frames, read_warc
from pipeline.ingest.recipe import IngestRecipe
from pipeline.ingest.streams import Unpacked
from tests.conftest import CORPORA
from tests.pipeline.ingest.inputs import PROSE, RECIPE, pieces, rows_of

PAGE = f"<html><body><main><p>{PROSE * 3}</p></main></body></html>".encode()
URI = "https://mill.example/corn"
DATE = "2024-03-01T10:00:00Z"


def record(
    kind: str, block: bytes, *, uri: str = URI, content_type: str = "application/http"
) -> bytes:
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Date: {DATE}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def http(
    body: bytes = PAGE, *headers: str, status: str = "200 OK", kind: str = "text/html"
) -> bytes:
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {kind}"] if kind else []), *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read(data: bytes, recipe: IngestRecipe = RECIPE):
    return rows_of(read_warc(pieces(data, recipe), recipe))


def reasons(data: bytes, recipe: IngestRecipe = RECIPE) -> list[object]:
    return [row["reason"] for row in read(data, recipe)]


def test_a_response_is_a_record_of_its_main_text_keyed_by_address_and_date():
    (row,) = read(
        record("warcinfo", b"software: mill")
        + record("request", b"GET / HTTP/1.1\r\n\r\n")
        + record("response", http())
    )
    assert (row["key"], row["position"]) == (f"{URI} {DATE}", 3)
    assert row["text"].startswith(PROSE)


@pytest.mark.parametrize(
    "response",
    [
        http(gzip.compress(PAGE), "Content-Encoding: gzip"),
        http(b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE), "Transfer-Encoding: chunked"),
        http(PAGE, "Content-Encoding: br"),  # stored decoded, under the header of the encoded body
        http(PAGE, "Transfer-Encoding: chunked"),
        http(PAGE, kind=""),  # nothing declared: it looks like a page
        http(PAGE, kind="application/xhtml+xml"),
    ],
    ids=["gzip", "chunked", "not brotli", "not chunked", "no type", "xhtml"],
)
def test_a_body_is_read_however_it_was_sent_and_stored(response):
    (row,) = read(record("response", response))
    assert row["text"].startswith(PROSE)


def test_the_declared_charset_is_honoured():
    page = f"<html><body><p>{'磨坊在河边，' * 20}</p></body></html>".encode("gbk")
    (row,) = read(record("response", http(page, kind="text/html; charset=gb2312")))
    assert row["text"].startswith("磨坊在河边")


def test_plain_text_and_wet_conversions_are_records_and_bad_encoding_is_told():
    plain = record("response", http(PROSE.encode(), kind="text/plain"))
    wet = record("conversion", PROSE.encode(), content_type="text/plain")
    bad = record("conversion", b"M\xfchle", content_type="text/plain")
    stored = record("resource", PAGE, content_type="text/html; charset=utf-8")
    assert [r["text"] and r["text"][:8] for r in read(plain + wet + bad + stored)] == [
        "The mill",
        "The mill",
        None,
        "The mill",
    ]
    assert reasons(plain + wet + bad) == [None, None, "bad_encoding"]


def test_what_is_no_text_of_the_web_is_no_record():
    assert not read(
        record("response", http(status="404 Not Found"))
        + record("response", http(b"", status="301 Moved"))
        + record("response", http(b"\x89PNG", kind="image/png"))
        + record("response", http(b"a = 1", kind="text/javascript"))
        + record("response", b"mill.example 1 A", content_type="text/dns")
        + record("resource", b"wget log", uri="metadata://wget/log", content_type="text/plain")
        + record("metadata", b"via: x")
        + record("revisit", http(b""))
    )


def test_a_broken_header_costs_its_record_and_reading_goes_on_at_the_next():
    good = record("response", http())
    for broken in (
        good.replace(b"Content-Length: ", b"Content-Length: -"),
        good.replace(b"Content-Length", b"Content-Weight"),
        good.replace(b"WARC-Type: ", b"WARC-Type "),
        b"not a header at all\r\nand more of it\r\n",
    ):
        assert reasons(good + broken + good) == [None, "bad_format", None]


def test_a_response_that_is_no_http_costs_its_record():
    rows = reasons(record("response", b"\x00\x01\x02") + record("response", http()))
    assert rows[-1] is None
    assert len(rows) <= 2


def test_an_archive_that_ends_inside_a_record_says_so():
    whole = record("response", http())
    assert reasons(whole + whole[:-200]) == [None, "bad_format"]
    cut = gzip.compress(whole) + gzip.compress(whole)[:-30]
    assert reasons(cut) == [None, "bad_compression"]


def test_a_record_over_the_limit_is_too_large_packed_or_not():
    recipe = IngestRecipe(max_record_bytes=4096)
    big = record("response", http(PAGE * 20))
    packed = record("response", http(gzip.compress(PAGE * 200), "Content-Encoding: gzip"))
    small = record("response", http())
    assert reasons(big + packed + small, recipe) == ["too_large", "too_large", None]


def test_a_page_that_nests_too_deep_is_bad_html():
    assert reasons(record("response", http(b"<div>" * 9999))) == ["bad_html"]


ARCHIVE = (
    record("warcinfo", b"a: b")
    + record("response", http())
    + record("conversion", b"rye", content_type="text/plain")
)


@given(at=st.integers(0, len(ARCHIVE) - 1), patch=st.binary(max_size=8), cut=st.integers(0, 9))
def test_no_damage_raises_and_positions_stay_in_order(at, patch, cut):
    rows = read(ARCHIVE[:at] + patch + ARCHIVE[at + cut :])
    positions = [row["position"] for row in rows]
    assert positions == sorted(set(positions))


@given(st.binary(max_size=200))
def test_any_bytes_after_a_good_record_leave_it_readable(rest):
    assert reasons(record("response", http()) + rest)[0] is None


@cache
def samples() -> dict[str, bytes]:
    archive = CORPORA / "web.tar.xz"
    if not archive.exists():
        pytest.skip("the WARC samples (../shared/data/web.tar.xz) are not here")
    with lzma.open(archive) as file, tarfile.open(fileobj=file) as tar:
        members = [m for m in tar if "/warc/" in m.name and ".warc" in m.name and m.isfile()]
        return {m.name.rsplit("/", 1)[1]: tar.extractfile(m).read() for m in members}


COUNTS = {  # by WARC-Type, from the samples' README
    "daft_example.warc.gz": {"warcinfo": 1, "request": 17, "metadata": 1, "response": 11},
    "resiliparse_clueweb-quirk.warc.gz": {"warcinfo": 1, "response": 29},
    "resiliparse_warcfile.warc.gz": {"warcinfo": 1, "request": 17, "response": 16, "metadata": 16},
    "sample-0000.warc.gz": {
        "warcinfo": 1,
        "request": 22,
        "response": 22,
        "metadata": 1,
        "resource": 2,
    },
    "sample-0001.warc.gz": {
        "warcinfo": 1,
        "request": 15,
        "response": 15,
        "metadata": 1,
        "resource": 2,
    },
    "resiliparse_warcfile.warc.lz4": {
        "warcinfo": 1,
        "request": 17,
        "response": 16,
        "metadata": 16,
    },
    "resiliparse_block-sized-records.warc": {"unknown": 3},
    "resiliparse_block-sized-records.warc.gz": {"unknown": 3},
}
TEXTS = {  # responses that are pages; in daft_example all but one are scripts, images and the like
    "daft_example.warc.gz": 1,
    "resiliparse_clueweb-quirk.warc.gz": 29,
    "resiliparse_warcfile.warc.gz": 16,
    "resiliparse_warcfile.warc.lz4": 16,
    "sample-0000.warc.gz": 22,
    "sample-0001.warc.gz": 15,
}


@pytest.mark.parametrize("name", COUNTS)
def test_real_archives_hold_the_records_that_their_makers_count(name):
    stream = Unpacked(pieces(samples()[name]))
    found = Counter(f.headers["warc-type"] for f in frames(stream, RECIPE.max_record_bytes))
    assert found == COUNTS[name]
    rows = read(samples()[name])
    assert sum(row["text"] is not None for row in rows) == len(rows) == TEXTS.get(name, 0)
    assert len({row["key"] for row in rows}) == len(rows)


def test_a_real_clipped_archive_gives_what_is_readable_and_one_row_for_the_rest():
    assert reasons(samples()["resiliparse_clipped.warc.gz"]) == ["bad_compression"]
    assert {"resiliparse_clipped.warc.gz", *COUNTS} == set(samples()), "all nine are looked at"
    both = samples()["sample-0001.warc.gz"] + samples()["resiliparse_clipped.warc.gz"]
    assert reasons(both) == [None] * 15 + ["bad_compression"]
