"""A large file is read in parts, and what is read does not depend on where it is cut."""

import gzip
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import parts, units
from pipeline.ingest.landing import land
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.units import units_of
from tests.pipeline.ingest.inputs import (
    PROSE,
    decisions_of,
    jsonl,
    origins_of,
    records_of,
    run,
)
from tests.pipeline.ingest.readers.test_warc import http, record

ANY = IngestRecipe(max_unreadable_ratio=1)


def read_with_parts(file: Path, part_bytes: int, recipe: IngestRecipe = ANY) -> tuple[object, int]:
    """Read a file in parts of about this size: (what was read, number of parts)."""
    source = Source(name="mill", path=str(file))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(parts, "PART_BYTES", part_bytes)
        patch.setattr(parts, "_BLOCK_BYTES", 100)
        patch.setattr(units, "_LARGE_BYTES", 1)
        count = len(list(units_of(source, land(source).files, recipe)))
        result = run(Path(folder), source, recipe=recipe)
        return (origins_of(result), decisions_of(result), records_of(result)), count


def same_in_parts(file: Path, part_bytes: int, recipe: IngestRecipe = ANY) -> int:
    """Check that parts change nothing that is read; how many there are."""
    whole, one = read_with_parts(file, 1 << 40, recipe)
    assert one == 1
    found, count = read_with_parts(file, part_bytes, recipe)
    assert found == whole
    return count


LINES = st.sampled_from(
    [b"", b" ", b"{", b'{"text": "corn"}\r', b'\xef\xbb\xbf{"text": "rye"}', b"\x1f\x8b\x08 corn"]
) | st.integers(1, 400).map(lambda size: b'{"text": "%b"}' % (b"a" * size))


@settings(max_examples=30)
@given(lines=st.lists(LINES, min_size=1, max_size=12), ends=st.booleans(), size=st.integers(1, 300))
def test_lines_are_read_once_in_order_wherever_a_file_is_cut(lines, ends, size):
    data = b'{"text": "oats"}\n' + b"\n".join(lines) + b"\n" * ends
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.jsonl"
        file.write_bytes(data)
        recipe = IngestRecipe(max_unreadable_ratio=1, max_record_bytes=1024)
        same_in_parts(file, size, recipe)


def test_a_line_longer_than_a_part_is_in_one(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl({"text": "a" * 5000}, {"text": "b"}, {"text": "c"}))
    assert same_in_parts(tmp_path / "a.jsonl", 100) == 2
    (tmp_path / "b.jsonl").write_bytes(jsonl(*({"text": str(n)} for n in range(1000))))
    assert same_in_parts(tmp_path / "b.jsonl", 1000) > 10


@pytest.mark.parametrize("damage", [None, 0.3, 0.6])
def test_row_groups_are_read_apart_and_a_damaged_one_costs_itself(tmp_path, damage):
    file = tmp_path / "a.parquet"
    table = pa.table({"text": [f"{n} {PROSE}" for n in range(900)], "noise": [0.5] * 900})
    pq.write_table(table, file, row_group_size=100, use_dictionary=False, compression="none")
    if damage is not None:
        data = bytearray(file.read_bytes())
        data[int(damage * len(data))] ^= 255
        file.write_bytes(data)
    assert same_in_parts(file, 20_000) == 3
    assert same_in_parts(file, 1) == 9


def pages(count: int) -> list[bytes]:
    """WARC records with what is no text, and what looks like records, among them."""
    inner = record("response", http()) + b"\r\n"
    found = [record("warcinfo", b"software: mill")]
    for number in range(count):
        uri = f"https://mill.example/{number}"
        page = f"<html><body><main><p>{number} {PROSE * 3}</p></main></body></html>".encode()
        found.append(record("request", b"GET / HTTP/1.1\r\n\r\n", uri=uri))
        found.append(record("response", http(page), uri=uri))
        if number % 5 == 4:
            found.append(record("resource", inner, uri=uri, content_type="text/plain"))
            found.append(record("resource", b"\n\r\n" + inner, uri=uri, content_type="image/png"))
    return found


@pytest.mark.parametrize("part_bytes", [400, 1500, 6000])
def test_archives_are_cut_between_records_plain_and_packed_one_by_one(tmp_path, part_bytes):
    plain, packed = tmp_path / "a.warc", tmp_path / "b.warc.gz"
    plain.write_bytes(b"".join(pages(20)))
    packed.write_bytes(b"".join(gzip.compress(one) for one in pages(20)))
    assert same_in_parts(plain, part_bytes) > 2
    assert same_in_parts(packed, 4 * part_bytes) > 1


def test_an_archive_within_an_archive_is_not_cut_open(tmp_path):
    inner = b"".join(gzip.compress(one) for one in pages(9))
    outer = record("resource", inner, content_type="application/gzip")
    stored = [gzip.compress(one, compresslevel=0) for one in (*pages(3), outer, *pages(3))]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(stored))
    assert same_in_parts(tmp_path / "a.warc.gz", 4000) > 3


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("packed", [True, False])
def test_damage_is_told_as_if_the_file_were_in_one(tmp_path, at, packed):
    records = [gzip.compress(one) if packed else one for one in pages(12)]
    data = b"".join(records)
    place = int(at * len(data))
    for number, damaged in enumerate(
        (data[:place], data[:place] + b"\xff" * 9 + data[place + 9 :])
    ):
        file = tmp_path / f"{number}.warc"
        file.write_bytes(damaged)
        same_in_parts(file, 3000)


def test_only_what_changed_is_read_again_and_parts_are_found_in_the_cache(tmp_path):
    file, cache = tmp_path / "a.jsonl", tmp_path / "cache"
    file.write_bytes(jsonl(*({"text": str(n)} for n in range(500))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART_BYTES", 1000)
        patch.setattr(units, "_LARGE_BYTES", 1)
        source = Source(name="mill", path=str(file))
        first = run(tmp_path, source, cache=cache)
        expected = origins_of(first)
        again = run(tmp_path, source, cache=cache)
    assert (first.rows_reused, again.rows_reused) == (0, 500)
    assert origins_of(again) == expected
    assert [one["position"] for one in expected] == [*range(1, 501)]
