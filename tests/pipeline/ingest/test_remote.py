"""Sources behind URLs: served by a local web server, and held in fsspec's memory."""

import functools
import gc
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from data_contracts.errors import SourceMissing
from pipeline.ingest.landing import land
from pipeline.ingest.recipe import Source
from tests.pipeline.ingest.inputs import jsonl, records_of, run, zstd


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path) -> Iterator[tuple[str, Path]]:
    """A web server for a folder: its address and the folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}", folder
        httpd.shutdown()
        thread.join()


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """An empty file system in memory."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # fsspec leaves its session to the collector
def test_a_file_behind_an_http_address_is_read(tmp_path, server):
    address, folder = server
    (folder / "mill.jsonl.zst").write_bytes(zstd(jsonl({"text": "corn"}, {"text": "rye"})))
    source = Source(name="web", path=f"{address}/mill.jsonl.zst")
    result = run(tmp_path, source)
    assert sorted(r["text"] for r in records_of(result)) == ["corn", "rye"]
    assert {r["path"] for r in records_of(result)} == {"mill.jsonl.zst"}
    before = land(source)
    (folder / "mill.jsonl.zst").write_bytes(zstd(jsonl({"text": "oats"})))
    assert land(source).digest != before.digest
    with pytest.raises(SourceMissing, match="there is nothing"):
        land(Source(name="web", path=f"{address}/nothing.jsonl"))
    gc.collect()


def test_folders_and_globs_of_a_store_are_read(tmp_path, memory):
    memory.pipe(
        {
            "/corpus/a.jsonl": jsonl({"text": "corn"}),
            "/corpus/b/c.txt": b"rye",
            "/corpus/.hidden.txt": b"no",
            "/corpus/photo.png": b"\x89PNG",
        }
    )
    result = run(tmp_path, Source(name="store", path="memory://corpus"))
    assert {r["path"]: r["text"] for r in records_of(result)} == {
        "a.jsonl": "corn",
        "b/c.txt": "rye",
    }
    landed = land(Source(name="store", path="memory://corpus/*.jsonl"))
    assert [file.path for file in landed.files] == ["a.jsonl"]


def test_a_parquet_file_of_a_store_is_fetched_first(tmp_path, memory):
    import pyarrow as pa
    import pyarrow.parquet as pq

    with memory.open("/rows.parquet", "wb") as file:
        pq.write_table(pa.table({"text": ["corn", "rye"]}), file)
    result = run(tmp_path, Source(name="store", path="memory://rows.parquet"))
    assert [r["text"] for r in records_of(result)] == ["corn", "rye"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://nowhere/*.txt", "there is nothing"),
        ("nonsense://mill", "nonsense"),
        ("http://127.0.0.1:9/mill.jsonl", "there is nothing|cannot be listed"),
    ],
)
def test_an_address_that_leads_nowhere_is_told(address, message):
    with pytest.raises(SourceMissing, match=message):
        land(Source(name="store", path=address))
