"""Archives: every file in them by the rules for folders, and each guard with a reason of its own."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.reasons import Reason
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import (
    PROSE,
    decisions_of,
    jsonl,
    origins_of,
    pack,
    records_of,
    run,
)

LOOSE = IngestRecipe(max_unreadable_ratio=1)


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": ["oats"]}), file)
    return file.getvalue()


FILES = {
    "a.jsonl": jsonl({"text": "corn"}, b"{", {"text": "rye"}),
    "b/c.txt": b"barley",
    "b/d.jsonl.xz": pack(jsonl({"text": "millet"}), "xz"),
    "e.parquet": parquet(),
    "photo.png": b"\x89PNG",
    ".hidden.txt": b"no",
}


def tarred(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return file.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


ARCHIVES = pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.tar", tarred),
        ("x.zip", zipped),
        ("x.tar.gz", lambda files: gzip.compress(tarred(files))),
        ("x.tar.zst", lambda files: pack(tarred(files), "zstd")),
        ("x.tbz2", lambda files: pack(tarred(files), "bzip2")),
        ("unnamed", tarred),
        ("also-unnamed", zipped),
    ],
)


def ingested(folder: Path, name: str, data: bytes, recipe: IngestRecipe = LOOSE, **fields: str):
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_bytes(data)
    return run(folder, Source(name="mill", path=str(folder / "in"), **fields), recipe=recipe)


def reasons(result) -> dict[str, str]:
    paths = {origin["record_id"]: origin["path"] for origin in origins_of(result)}
    return {paths[one["record_id"]]: one["reason"] for one in decisions_of(result)}


@ARCHIVES
def test_every_readable_file_of_an_archive_is_read(tmp_path, name, write):
    result = ingested(tmp_path, name, write(FILES))
    assert {(r["path"], r["position"]): r["text"] for r in records_of(result)} == {
        (f"{name}/a.jsonl", 1): "corn",
        (f"{name}/a.jsonl", 3): "rye",
        (f"{name}/b/c.txt", 1): "barley",
        (f"{name}/b/d.jsonl.xz", 1): "millet",
        (f"{name}/e.parquet", 1): "oats",
    }
    assert reasons(result) == {f"{name}/a.jsonl": "bad_json"}
    keys = {r["key"] for r in records_of(result)}
    assert f"{name}/b/c.txt" in keys


@pytest.mark.parametrize("write", [tarred, zipped])
def test_archives_in_archives_are_read_down_to_the_limit(tmp_path, write):
    inner = write({"a.txt": b"corn"})
    data = write({"b.txt": b"rye", "in.zip": zipped({"in.tar": inner}), "in.tar": inner})
    result = ingested(tmp_path, "x.tar", data)
    assert {r["text"] for r in records_of(result)} == {"corn", "rye"}
    assert reasons(result) == {"x.tar/in.zip/in.tar": "nested_too_deep"}
    deeper = LOOSE.model_copy(update={"max_archive_depth": 3})
    assert len(records_of(ingested(tmp_path, "x.tar", data, deeper))) == 3


@pytest.mark.parametrize("write", [tarred, zipped])
@pytest.mark.parametrize("path", ["../../etc/a.txt", "/etc/a.txt", "b/../../a.txt", "C:\\a.txt"])
def test_a_path_that_leads_out_is_refused_with_its_own_reason(tmp_path, write, path):
    result = ingested(tmp_path, "x.tar", write({path: b"corn", "b.txt": b"rye"}))
    assert {r["text"] for r in records_of(result)} == {"rye"}
    assert list(reasons(result).values()) == ["unsafe_path"]


@pytest.mark.parametrize("write", [tarred, zipped])
def test_more_files_than_the_limit_end_the_archive(tmp_path, write):
    recipe = LOOSE.model_copy(update={"max_archive_files": 2})
    files = {f"{n}.txt": f"{n}".encode() for n in range(5)}
    result = ingested(tmp_path, "x.tar", write(files), recipe)
    assert len(records_of(result)) == 2
    assert result.rows_dropped == {Reason.TOO_MANY_FILES: 1}


def test_a_bomb_in_a_zip_is_stopped_and_its_neighbours_are_read(tmp_path):
    recipe = LOOSE.model_copy(update={"max_record_bytes": 4096})
    data = zipped({"a.jsonl": bytes(3_000_000), "b.txt": b"rye"})
    result = ingested(tmp_path, "x.zip", data, recipe)
    assert [r["text"] for r in records_of(result)] == ["rye"]
    assert reasons(result) == {"x.zip/a.jsonl": "decompression_bomb"}


def test_members_that_share_their_bytes_do_not_multiply_them(tmp_path):
    data = zipped({f"{n:04d}.txt": PROSE.encode() * 40 for n in range(50)})
    archive = zipfile.ZipFile(io.BytesIO(data))
    first = archive.infolist()[0]
    directory = data[archive.start_dir :]
    for info in archive.infolist()[1:]:  # every entry of the directory points at the first file
        place = directory.index(info.filename.encode()) - 4
        directory = (
            directory[:place] + first.header_offset.to_bytes(4, "little") + directory[place + 4 :]
        )
    local = data[: archive.infolist()[1].header_offset]
    end = directory.rindex(b"PK\x05\x06")
    whole = local + directory[:end] + directory[end : end + 16]
    whole += len(local).to_bytes(4, "little") + directory[end + 20 :]
    result = ingested(tmp_path, "x.zip", whole)
    assert Reason.DECOMPRESSION_BOMB in result.rows_dropped or (
        Reason.BAD_FORMAT in result.rows_dropped
    )
    assert len(records_of(result)) < 5


def test_a_locked_file_says_so(tmp_path):
    data = bytearray(zipped({"a.txt": b"corn", "b.txt": b"rye"}))
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    result = ingested(tmp_path, "x.zip", bytes(data))
    assert reasons(result) == {"x.zip/a.txt": "encrypted"}


@pytest.mark.parametrize("cut", [1200, 2100, 5000])
def test_an_archive_that_breaks_off_gives_what_is_readable_and_one_row(tmp_path, cut):
    lines = jsonl(*({"text": f"{n} {PROSE}"} for n in range(300)))
    data = tarred({"a.txt": b"corn", "b.jsonl": lines, "c.txt": b"rye"})
    result = ingested(tmp_path, "x.tar", data[:cut])
    assert records_of(result)[0]["text"] == "corn"
    assert sum(result.rows_dropped.values()) == 1
    packed = gzip.compress(data)[: -200 - len(data) // 100]
    result = ingested(tmp_path, "x.tar", packed)
    assert records_of(result)[0]["text"] == "corn"
    assert sum(result.rows_dropped.values()) == 1


def test_a_declared_format_chooses_files_as_in_a_folder(tmp_path):
    result = ingested(tmp_path, "x.zip", zipped({**FILES, "noname": b"as text"}), format="text")
    assert {r["text"] for r in records_of(result)} == {"barley", "as text"}


def test_documents_that_are_zip_archives_are_no_archives_of_texts(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"corn")
    result = ingested(tmp_path, "letter.docx", zipped({"word/a.html": b"<p>x"}))
    assert [r["text"] for r in records_of(result)] == ["corn"]
