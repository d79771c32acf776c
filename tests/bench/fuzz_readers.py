"""Damaged and hostile files against all readers: `python -m tests.bench.fuzz_readers --seconds 600`.

A case is a good file of some format, packed or in an archive, with damage done to its content or to what
it is packed in; its number and the seed make it again. Each is ingested whole, half of them in small
parts. It must end in time, raise nothing but that a source has no record or no such field, give results that add
up, and lose nothing: where a text of the good file is missing, some row tells of damage or holds what
became of it. Cases run in a process of their own, so that one that ends it, or never ends, is found.
"""

import argparse
import collections
import csv
import gzip
import io
import json
import multiprocessing
import re
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.arrow_files import read_all
from data_contracts.errors import FieldMissing, SourceMissing
from data_contracts.schemas import DECISIONS, ORIGINS, RECORDS
from pipeline.ingest import parts, units
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.stage import ingest
from tests.pipeline.ingest.inputs import PROSE, pack

SECONDS_PER_CASE: Final = 20
RECIPE: Final = IngestRecipe(
    max_unreadable_ratio=1,
    max_record_bytes=64 * 1024,
    max_file_bytes=32 * 1024 * 1024,
    blocked_domains=("blocked.example",),
)
SOURCE: Final = {"name": "fuzz", "key_field": "id", "url_field": "url"}
TEXTS: Final = [f"{number} {PROSE * (1 + number % 3)}" for number in range(24)]
ROWS: Final = [
    {"id": f"k{number}", "url": f"https://mill.example/{number}", "text": text}
    for number, text in enumerate(TEXTS)
]
COMPRESSIONS: Final = ("none", "none", "gzip", "zstd", "bzip2", "xz", "lz4")


class Good(NamedTuple):
    """A file without a fault."""

    name: str
    data: bytes
    names_text: bool
    """Whether damage may turn a record into what is none: a type of WARC, a name in an archive."""


class Case(NamedTuple):
    """A damaged file."""

    name: str
    data: bytes
    good: Good
    texts: frozenset[str]
    """Texts of the good file; in formats of plain text those that damage left whole before packing."""
    was_cut: bool
    """Nothing was done but to cut off its end."""


def _jsonl() -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ROWS)


def _csv(delimiter: str) -> bytes:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, list(ROWS[0]), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL)
    writer.writeheader()
    writer.writerows(ROWS)
    return sink.getvalue().encode()


def _parquet(**options: object) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist([{**row, "n": {"deep": [1, 2]}} for row in ROWS])
    pq.write_table(table, sink, row_group_size=7, **options)
    return sink.getvalue().to_pybytes()


def _arrow(make: Callable[..., pa.ipc.RecordBatchStreamWriter]) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(ROWS)
    with make(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=5)
    return sink.getvalue().to_pybytes()


def _page(text: str) -> bytes:
    return f"<html><head><title>Mill</title></head><body><main><p>{text}</p></main></html>".encode()


def _warc(*, packed: bool) -> bytes:
    records = []
    for number, text in enumerate(TEXTS):
        body, more = _page(text), ""
        if number % 3 == 1:
            body, more = gzip.compress(body), "Content-Encoding: gzip\r\n"
        if number % 3 == 2:
            body, more = (
                b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
                "Transfer-Encoding: chunked\r\n",
            )
        http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n{more}\r\n"
        block = http.encode() + body
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://mill.example/{number}\r\n"
            f"WARC-Date: 2024-03-01T10:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
            f"Content-Length: {len(block)}\r\n\r\n"
        )
        record = head.encode() + block + b"\r\n\r\n"
        records.append(gzip.compress(record) if packed else record)
    return b"".join(records)


def _tar(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def _zip(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return sink.getvalue()


def good_files() -> list[Good]:
    """Make a good file of every kind."""
    lines, rows = _jsonl(), json.dumps(ROWS, indent=1).encode()
    inner = ("a.jsonl", lines), ("b.txt", b"The mill."), ("c.html", _page(TEXTS[0]))
    nested = _tar(("inner.zip", _zip(*inner)), ("d.jsonl.gz", gzip.compress(lines)))
    plain = {
        "a.jsonl": lines,
        "a.json": rows,
        "a.csv": _csv(","),
        "a.tsv": _csv("\t"),
        "a.parquet": _parquet(write_page_checksum=True),
        "plain.parquet": _parquet(compression="none", use_dictionary=False),
        "zstd.parquet": _parquet(compression="zstd", data_page_version="2.0"),
        "a.arrow": _arrow(pa.ipc.new_file),
        "stream.arrow": _arrow(pa.ipc.new_stream),
    }
    other = {
        "a.txt": "\n".join(TEXTS).encode(),
        "gb.txt": "磨坊在河边，磨工对着石磨唱歌。".encode("gb18030") * 20,
        "gb.csv": "id;text\n1;磨坊在河边，磨工对着石磨唱歌\n".encode("gb18030") * 3,
        "a.html": _page(" ".join(TEXTS)),
        "a.warc": _warc(packed=False),
        "packed.warc": _warc(packed=True),
        "a.tar": _tar(*inner),
        "a.zip": _zip(*inner),
        "nested.tar": nested,
    }
    named = [Good(name, data, names_text=False) for name, data in plain.items()]
    return named + [Good(name, data, names_text=True) for name, data in other.items()]


GOOD: Final = good_files()
BITS: Final = (
    b"\0", b"\xff", b"\n", b'"', b"{", b"[", b"\\", b"PAR1", b"ARROW1", b"WARC/1.0\r\n", b"PK\x03\x04",
    b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xff\xff\x7f", b"\0" * 512,
    b"<div>" * 600, b"Content-Length: 99999999999\r\n", b"\xed\xa0\x80", b"1e999", b"<!--",
)  # fmt: skip


def make_case(seed: int, number: int) -> Case:
    """Make a case again from its number."""
    generator = np.random.default_rng([seed, number])
    good = GOOD[int(generator.integers(len(GOOD)))]
    compression = COMPRESSIONS[int(generator.integers(len(COMPRESSIONS)))]
    inside, outside = generator.random(2) < (0.5, 0.6)
    content = damaged(generator, good.data) if inside else good.data
    data = pack(content, compression)
    was_cut = False
    if outside or not inside:
        was_cut = bool(not inside and generator.random() < 0.3)
        cut = data[: int(generator.integers(len(data) + 1))]
        data = cut if was_cut else damaged(generator, data)
    left = content
    at_line_end = b"\n" in good.data[len(data) - 1 : len(data) + 1]
    if compression == "none" and (not was_cut or at_line_end):
        left = data  # a file cut off between two lines is a file
    elif compression == "lz4":
        left = _unpacked_lz4(data, content)
    is_plain = good.name.endswith((".jsonl", ".json", ".csv", ".tsv"))
    # Texts begin with their number: that of 7 stands in that of 17, too.
    texts = frozenset(
        one
        for one in TEXTS
        if not is_plain or re.search(rb"(?<!\d)" + re.escape(one.encode()), left)
    )
    return Case(good.name, data, good, texts, was_cut)


def _unpacked_lz4(data: bytes, content: bytes) -> bytes:
    """Unpack lz4, whose frames bear no checksum here: damage may give other content, and no sign."""
    try:
        return pa.input_stream(io.BytesIO(data), compression="lz4").read()
    except (pa.ArrowException, OSError):
        return content


def damaged(generator: np.random.Generator, data: bytes) -> bytes:
    """Do a few kinds of damage to a file."""
    found = bytearray(data)
    for _ in range(int(generator.integers(1, 5))):
        at = int(generator.integers(len(found) + 1))
        size = int(generator.integers(1, 200))
        kind = int(generator.integers(7))
        if kind == 0 and at < len(found):
            found[at] ^= 1 << int(generator.integers(8))
        elif kind == 1 and at < len(found):
            found[at] = int(generator.integers(256))
        elif kind == 2:
            found[at:at] = BITS[int(generator.integers(len(BITS)))]
        elif kind == 3:
            del found[at : at + size]
        elif kind == 4:
            del found[at:]
        elif kind == 5:
            other = int(generator.integers(len(found) + 1))
            found[at:at] = found[other : other + size]
        else:
            found[at : at + 4] = int(generator.integers(1 << 32)).to_bytes(4, "little")
    return bytes(found)


def check_case(case: Case, folder: Path, part_bytes: int | None) -> str:
    """Ingest a case and check what must hold; what came of it, in a word."""
    place = folder / "in"
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    (place / case.name).write_bytes(case.data)
    source = Source(**SOURCE, path=str(place / case.name))
    with pytest.MonkeyPatch.context() as patch:
        if part_bytes is not None:
            patch.setattr(parts, "PART_BYTES", part_bytes)
            patch.setattr(units, "_LARGE_BYTES", 1)
        try:
            result = ingest((source,), RECIPE, folder / "out")
        except (SourceMissing, FieldMissing):  # both name the file, and end the run
            assert not case.was_cut or len(case.data) < 600, "a file that was cut is gone"
            return "refused"
    origins = read_all(result.origins, ORIGINS)
    records, decisions = read_all(result.records, RECORDS), read_all(result.decisions, DECISIONS)
    for table in (origins, records, decisions):
        table.validate(full=True)
    ids = origins["record_id"].to_pylist()
    assert len(set(ids)) == len(ids) == result.rows_in
    told = records["record_id"].to_pylist() + decisions["record_id"].to_pylist()
    assert sorted(told) == sorted(ids), "a record has no fate, or two"
    places = list(zip(origins["path"].to_pylist(), origins["position"].to_pylist(), strict=True))
    assert len(set(places)) == len(places), "two records have one place"
    found = set(records["text"].to_pylist())
    lost = case.texts - found
    changed = found - set(TEXTS)
    if lost and (case.was_cut or not case.good.names_text):
        assert decisions.num_rows or changed, f"{len(lost)} texts are gone without a word"
    return "damage told" if decisions.num_rows else "read"


def part_bytes_of(seed: int, number: int) -> int | None:
    """Choose the size of parts of a case; None: it is read in one."""
    generator = np.random.default_rng([seed, number, 1])
    return int(generator.integers(200, 4000)) if generator.random() < 0.5 else None


def work(seed: int, first: int, connection: Connection) -> None:
    """Run case after case, and send the number and outcome of each."""
    with tempfile.TemporaryDirectory() as folder:
        number = first
        while True:
            case = make_case(seed, number)
            try:
                outcome = check_case(case, Path(folder), part_bytes_of(seed, number))
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                outcome = f"FAILED {type(error).__name__}: {str(error)[:300]}"
            connection.send((number, f"{case.name.partition('.')[2]:<8} {outcome}"))
            number += 1


def fuzz(seed: int, seconds: float, first: int = 0) -> int:
    """Run cases for so long; how many failed."""
    spawn = multiprocessing.get_context("spawn")
    outcomes: collections.Counter[str] = collections.Counter()
    ends, number, failures = time.monotonic() + seconds, first, 0
    while time.monotonic() < ends:
        ours, theirs = spawn.Pipe(duplex=False)
        process = spawn.Process(target=work, args=(seed, number, theirs), daemon=True)
        process.start()
        theirs.close()
        patience = 120.0  # for the first case: everything is imported
        try:
            while time.monotonic() < ends and ours.poll(patience):
                at, outcome = ours.recv()
                number, patience = at + 1, SECONDS_PER_CASE
                outcomes[outcome.partition(":")[0]] += 1
                if "FAILED" in outcome:
                    failures += 1
                    print(f"seed {seed}, case {at}: {outcome}", flush=True)
            hangs = time.monotonic() < ends
        except EOFError:
            process.join()
            print(f"seed {seed}, case {number}: ended its process, {process.exitcode}", flush=True)
            failures, number, hangs = failures + 1, number + 1, False
        if hangs:
            print(f"seed {seed}, case {number}: not over in {SECONDS_PER_CASE} s", flush=True)
            failures, number = failures + 1, number + 1
        process.kill()
        process.join()
    for outcome, count in sorted(outcomes.items()):
        print(f"{outcome:<40} {count:>8,}")
    print(f"seed {seed}: {number - first:,} cases, {failures} failed")
    return failures


def main() -> None:
    """Fuzz for some time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    arguments = parser.parse_args()
    raise SystemExit(min(fuzz(arguments.seed, arguments.seconds, arguments.first), 1))


if __name__ == "__main__":
    main()
