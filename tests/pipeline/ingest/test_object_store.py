"""Sources in an object store: a real S3 server on this machine, read over its own protocol."""

import gc
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import SourceMissing
from pipeline.ingest.landing import land
from pipeline.ingest.recipe import Source
from tests.pipeline.ingest.inputs import jsonl, origins_of, records_of, run, zstd

boto3 = pytest.importorskip("boto3", reason="the extra `dev` is not installed")
moto_server = pytest.importorskip("moto.server", reason="the extra `dev` is not installed")
s3fs = pytest.importorskip("s3fs", reason="the extra `s3` is not installed")

# fsspec leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server."""
    found = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    host, port = found.get_host_and_port()
    yield f"http://{host}:{port}"
    found.stop()
    gc.collect()  # here, where what is left open may be told


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket `corpora`; who asks for it is known by the environment alone."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "miller")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "grain")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    made = boto3.resource("s3", endpoint_url=server).create_bucket(Bucket="corpora")
    yield made
    made.objects.all().delete()
    made.delete()
    s3fs.S3FileSystem.clear_instance_cache()


def put(bucket: Any, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        bucket.put_object(Key=name, Body=data)


FILES = {
    "crawl/a.jsonl.zst": zstd(jsonl({"text": "corn"}, b"{", {"text": "rye"})),
    "crawl/deep/b.txt": "Mühle".encode(),
    "crawl/deep/c.md": b"# Mill\n",
    "crawl/.hidden.txt": b"no",
    "crawl/photo.png": b"\x89PNG",
    "crawlers/d.txt": b"not of this folder",
}


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("crawl", {"corn", "rye", "Mühle", "# Mill\n"}),
        ("crawl/", {"corn", "rye", "Mühle", "# Mill\n"}),
        ("crawl/*.zst", {"corn", "rye"}),
        ("crawl/**/*.txt", {"Mühle"}),
        ("crawl/deep/[bc].??", {"# Mill\n"}),
        ("crawl/deep/b.txt", {"Mühle"}),
    ],
)
def test_a_prefix_a_glob_and_an_object_are_read(tmp_path, bucket, path, texts):
    put(bucket, FILES)
    result = run(tmp_path, Source(name="store", path=f"s3://corpora/{path}"))
    assert {str(record["text"]) for record in records_of(result)} == texts
    unreadable = [one["path"] for one in origins_of(result) if one["content_id"] is None]
    assert unreadable == ["a.jsonl.zst"] * ("corn" in texts)


def test_a_large_object_is_read_through_whatever_pieces_it_comes_in(tmp_path, bucket):
    lines = [{"id": str(n), "text": f"{n} " + "corn " * 400} for n in range(6000)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(lines), sink, compression="none")
    put(bucket, {"a.jsonl": jsonl(*lines), "b.parquet": sink.getvalue().to_pybytes()})
    for name in ("a.jsonl", "b.parquet"):
        source = Source(name="store", path=f"s3://corpora/{name}", key_field="id")
        result = run(tmp_path, source)
        assert [one["text"] for one in records_of(result)] == [line["text"] for line in lines]


def test_what_changed_in_the_store_is_seen_without_reading_it(tmp_path, bucket):
    put(bucket, FILES)
    source, cache = Source(name="store", path="s3://corpora/crawl/*.zst"), tmp_path / "cache"
    before = land(source)
    assert run(tmp_path, source, cache=cache).rows_reused == 0
    assert run(tmp_path, source, cache=cache).rows_reused == 3
    put(bucket, {"crawl/a.jsonl.zst": zstd(jsonl({"text": "oats"}))})
    assert land(source).digest != before.digest
    put(bucket, {"crawl/z.jsonl.zst": zstd(jsonl({"text": "spelt"}))})
    result = run(tmp_path, source, cache=cache)
    assert {one["text"] for one in records_of(result)} == {"oats", "spelt"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("s3://corpora/nothing", "there is nothing"),
        ("s3://corpora/nothing/*.txt", "there is nothing"),
        ("s3://nobodys/mill.jsonl", r"there is nothing|bucket does not exist"),
    ],
)
def test_a_place_that_is_not_there_is_told(bucket, path, message):
    with pytest.raises(SourceMissing, match=message):
        land(Source(name="store", path=path))


def test_who_has_no_credentials_is_told_where_they_are_looked_for(bucket, monkeypatch, tmp_path):
    put(bucket, FILES)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(SourceMissing, match=r"credentials.*AWS_ACCESS_KEY_ID"):
        land(Source(name="store", path="s3://corpora/crawl"))


def test_a_store_that_does_not_answer_is_told(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(SourceMissing, match="cannot be listed"):
        land(Source(name="store", path="s3://corpora/crawl"))
