"""Every input record has one row and one id; the set of records depends on the sources alone."""

import gzip
import itertools
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.arrow_files import partitions
from data_contracts.checksums import checksum
from data_contracts.errors import FieldMissing, SourceMissing, TooManyUnreadable
from data_contracts.reasons import Reason
from data_contracts.results import IngestResult
from pipeline.ingest import records_writer, stage, tables, units
from pipeline.ingest.recipe import IngestRecipe, Source
from tests.pipeline.ingest.inputs import (
    PROSE,
    decisions_of,
    jsonl,
    origins_of,
    pack,
    plain_user,
    records_of,
    run,
    zstd,
)


def mixed(folder: Path) -> Source:
    """A source of every format, with a broken record in most."""
    folder.mkdir(parents=True)
    (folder / "a.jsonl.zst").write_bytes(
        zstd(jsonl({"text": "corn"}, b"{", {"text": "rye"}, {"text": "corn"}))
    )
    pq.write_table(pa.table({"text": ["oats", None]}), folder / "b.parquet")
    (folder / "c.md").write_text("# Mill\n", encoding="utf-8")
    (folder / "d.txt.gz").write_bytes(gzip.compress("Mühle".encode()))
    (folder / "e.html").write_text(f"<p>{PROSE * 3}</p>", encoding="utf-8")
    (folder / "f.txt").write_bytes(b"")
    (folder / "g.jsonl.gz").write_bytes(
        gzip.compress(jsonl({"text": "barley"}, {"text": PROSE * 99}))[:-40]
    )
    return Source(name="mixed", path=str(folder))


ALL = IngestRecipe(max_unreadable_ratio=1)


def test_records_in_are_kept_or_dropped_for_a_reason_and_each_has_one_origin(tmp_path):
    result = run(tmp_path, mixed(tmp_path / "in"), recipe=ALL)
    origins, records, decisions = origins_of(result), records_of(result), decisions_of(result)
    assert result.rows_in == len(origins) == len({o["record_id"] for o in origins}) == 12
    assert result.rows_kept == len(records) == 9
    assert result.rows_dropped == {
        Reason.BAD_COMPRESSION: 1,
        Reason.BAD_JSON: 1,
        Reason.NO_TEXT_FIELD: 1,
    }
    kept, dropped = {r["record_id"] for r in records}, {d["record_id"] for d in decisions}
    assert kept | dropped == {o["record_id"] for o in origins}
    assert not kept & dropped
    places = {(o["path"], o["position"]): o for o in origins}
    assert places["a.jsonl.zst", 2]["content_id"] is None
    assert places["g.jsonl.gz", 2]["key"] == "g.jsonl.gz:2"
    assert result.files == 7
    assert result.bytes_out == sum(len(str(r["text"]).encode()) for r in records)
    assert IngestResult.load(result.folder) == result
    assert sorted(p.name for p in result.folder.iterdir()) == [
        "decisions",
        "metadata",
        "origins",
        "records",
        "result.json",
    ]


def test_a_decision_holds_the_measured_value_and_its_limit(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl({"text": "a" * 5000}, {"text": "rye"}))
    recipe = IngestRecipe(max_record_bytes=4096)
    result = run(tmp_path, Source(name="mill", path=str(tmp_path / "a.jsonl")), recipe=recipe)
    (decision,) = decisions_of(result)
    assert decision["reason"] == "too_large"
    assert decision["reasons"] == [{"rule": "too_large", "value": 5012.0, "threshold": 4096.0}]
    assert decision["survivor_id"] is None


def test_shuffling_lines_and_moving_them_between_files_changes_no_record(tmp_path):
    lines = [{"id": n % 40, "text": f"{n % 50} {PROSE}"} for n in range(120)]
    order = np.random.default_rng(7).permutation(len(lines))
    moved = [lines[n] for n in order]
    for name, files in (("one", [lines]), ("two", [moved[:50], moved[50:51], moved[51:]])):
        (tmp_path / name).mkdir()
        for number, part in enumerate(files):
            data = pack(jsonl(*part), ["none", "gzip", "zstd"][number])
            (tmp_path / name / f"{9 - number}.jsonl").write_bytes(data)
    for key_field in (None, "id"):
        found = []
        for name in ("one", "two"):
            source = Source(name="mill", path=str(tmp_path / name), key_field=key_field)
            result = run(tmp_path / name / "out", source)
            dropped = sorted((d["record_id"], d["reason"]) for d in decisions_of(result))
            kept = sorted((r["record_id"], r["content_id"], r["text"]) for r in records_of(result))
            found.append((kept, dropped))
            shutil.rmtree(tmp_path / name / "out")
        assert found[0] == found[1]
        assert len(found[0][0]) == (120 if key_field is None else 40)


def test_one_key_with_two_texts_is_kept_once_whatever_comes_first(tmp_path):
    for order in itertools.permutations(["corn", "rye", "oats"]):
        (tmp_path / "a.jsonl").write_bytes(jsonl(*({"id": "a", "text": text} for text in order)))
        result = run(tmp_path, Source(name="mill", path=str(tmp_path / "a.jsonl"), key_field="id"))
        (record,) = records_of(result)
        assert record["content_id"] == min(o["content_id"] for o in origins_of(result))
        assert result.rows_dropped == {Reason.DUPLICATE_KEY: 2}
        assert {o["key"] for o in origins_of(result)} == {"a"}


@pytest.mark.parametrize("partition_bytes", [1, 500, 1 << 26])
def test_partitions_threads_and_cache_change_no_byte_of_what_is_read(
    tmp_path, monkeypatch, partition_bytes
):
    source = mixed(tmp_path / "in")
    expected = [*map(str, records_of(run(tmp_path, source, recipe=ALL)))]
    for module in (units, tables, records_writer):
        monkeypatch.setattr(module, "PARTITION_BYTES", partition_bytes)
    for name, cache in (("one", None), ("two", tmp_path / "cache"), ("three", tmp_path / "cache")):
        result = run(tmp_path / name, source, recipe=ALL, cache=cache)
        assert [*map(str, records_of(result))] == expected
    linked = [path.stat().st_nlink for path in partitions(result.records)]
    assert linked == [2] * len(linked)
    if partition_bytes == 1:
        assert len(partitions(result.records)) > 3


def test_partitions_of_files_that_did_not_change_stay_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(units, "_LARGE_BYTES", 1_000)
    monkeypatch.setattr(records_writer, "PARTITION_BYTES", 20_000)
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("b", "c", "d"):
        lines = [{"text": f"{name} {n} " + 1_000 * "mill "} for n in range(3)]
        (folder / f"{name}.jsonl").write_bytes(jsonl(*lines))
    found = []
    for number in range(2):
        (folder / "a.jsonl").write_bytes(
            jsonl(*({"text": f"a {n}"} for n in range(1 + 2 * number)))
        )
        result = run(tmp_path, Source(name="mill", path=str(folder)))
        found.append([checksum(path) for path in partitions(result.records)])
    assert found[0][-2:] == found[1][-2:]
    assert found[0][0] != found[1][0]


def test_an_unchanged_file_is_not_read_again_and_a_changed_one_is(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b"):
        lines = [{"text": f"{name} {n} {PROSE * 2}", "noise": name} for n in range(30_000)]
        (folder / f"{name}.jsonl").write_bytes(jsonl(*lines))
    source, cache = Source(name="mill", path=str(folder)), tmp_path / "cache"
    assert run(tmp_path, source, cache=cache).rows_reused == 0
    assert run(tmp_path, source, cache=cache).rows_reused == 60_000
    (folder / "b.jsonl").write_bytes(jsonl({"text": "rye"}))
    assert run(tmp_path, source, cache=cache).rows_reused == 30_000
    other = source.model_copy(update={"text_field": "noise"})
    assert run(tmp_path, other, cache=cache).rows_reused == 0
    shutil.rmtree(cache)
    assert run(tmp_path, source, cache=cache).rows_reused == 0


def test_a_cache_of_which_a_part_was_deleted_loses_no_record(tmp_path):
    source, cache = mixed(tmp_path / "in"), tmp_path / "cache"
    for pattern in ("*.arrow", "segments"):
        run(tmp_path, source, recipe=ALL, cache=cache)
        (deleted,) = (cache / "units").glob(f"*/{pattern}")
        deleted.unlink()
        result = run(tmp_path, source, recipe=ALL, cache=cache)
        assert (result.rows_in, result.rows_reused) == (12, 0)


def test_a_file_that_may_not_be_read_is_one_row(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name, encoding="utf-8")
    (folder / "a.txt").chmod(0)
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o777)
    with plain_user():
        result = run(tmp_path, Source(name="mill", path=str(folder)), cache=tmp_path / "cache")
    assert result.rows_dropped == {Reason.NO_PERMISSION: 1}
    assert [r["text"] for r in records_of(result)] == ["b.txt"]


def test_only_the_first_records_of_each_source_are_read_for_a_sample(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jsonl").write_bytes(
            jsonl(*({"text": f"{number} {n}"} for n in range(40)))
        )
    sources = [Source(name=name, path=str(folder)) for name in ("mill", "barn")]
    recipe = IngestRecipe(sample_records=50)
    result = run(tmp_path, *sources, recipe=recipe, cache=tmp_path / "cache")
    assert {name: counts.rows_in for name, counts in result.sources.items()} == {
        "mill": 50,
        "barn": 50,
    }
    texts = {r["text"] for r in records_of(result)}
    assert texts == {f"0 {n}" for n in range(40)} | {f"1 {n}" for n in range(10)}


def test_a_wrong_text_field_is_told_with_the_fields_that_are_there(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl({"content": "corn", "url": "b"}))
    with pytest.raises(
        FieldMissing, match=r"no record has the field `text`; found `content`, `url`"
    ):
        run(tmp_path, Source(name="mill", path=str(tmp_path / "a.jsonl")))
    pq.write_table(pa.table({"body": ["corn"], "id": [1]}), tmp_path / "b.parquet")
    with pytest.raises(FieldMissing, match="`body`, `id`"):
        run(tmp_path, Source(name="mill", path=str(tmp_path / "b.parquet")))


def test_a_wrong_key_field_is_told_too(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl({"text": "corn", "url": "b"}))
    with pytest.raises(FieldMissing, match="no record has the field `id`"):
        run(tmp_path, Source(name="mill", path=str(tmp_path / "a.jsonl"), key_field="id"))


def test_a_field_that_some_records_have_is_not_missing(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl({"url": "b"}, {"text": "corn"}))
    result = run(tmp_path, Source(name="mill", path=str(tmp_path / "a.jsonl")))
    assert result.rows_dropped == {Reason.NO_TEXT_FIELD: 1}


@pytest.mark.parametrize(
    ("bad", "good", "is_refused"),
    [(3, 1, False), (4, 4, True), (4, 80, False), (1, 0, True), (6, 100, True)],
)
def test_too_many_unreadable_records_stop_the_run_a_handful_does_not(
    tmp_path, bad, good, is_refused
):
    lines = [*([b"{"] * bad), *({"text": str(n)} for n in range(good))]
    (tmp_path / "a.jsonl").write_bytes(jsonl(*lines))
    source = Source(name="mill", path=str(tmp_path / "a.jsonl"))
    if is_refused:
        with pytest.raises(TooManyUnreadable, match=r"a\.jsonl:1: bad_json") as caught:
            run(tmp_path, source)
        assert (caught.value.unreadable, caught.value.total) == (bad, bad + good)
        assert not (tmp_path / "ingested" / "result.json").exists()
    else:
        assert run(tmp_path, source).rows_kept == good


def test_a_source_of_no_records_is_told(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\n \n")
    with pytest.raises(SourceMissing, match="hold no record"):
        run(tmp_path, Source(name="mill", path=str(tmp_path / "a.jsonl")))


def test_a_bomb_stops_early_and_costs_no_other_file(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "bomb.jsonl.gz").write_bytes(gzip.compress(b"\n" * 20_000_000))
    (folder / "good.jsonl").write_bytes(jsonl({"text": "corn"}))
    recipe = IngestRecipe(max_record_bytes=1_000_000)
    result = run(tmp_path, Source(name="mill", path=str(folder)), recipe=recipe)
    assert result.rows_dropped == {Reason.DECOMPRESSION_BOMB: 1}
    assert [r["text"] for r in records_of(result)] == ["corn"]


def test_a_packed_parquet_file_is_read_and_a_broken_one_is_one_row(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    pq.write_table(pa.table({"text": ["corn", "rye"]}), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (folder / "a.parquet.gz").write_bytes(gzip.compress(whole))
    (folder / "b.parquet.zst").write_bytes(zstd(whole)[:-5])
    result = run(tmp_path, Source(name="mill", path=str(folder)))
    assert [r["text"] for r in records_of(result)] == ["corn", "rye"]
    assert result.rows_dropped == {Reason.BAD_COMPRESSION: 1}


def test_progress_goes_from_little_to_all(tmp_path):
    heard: list[tuple[int, int, str]] = []
    lock = threading.Lock()

    def progress(done: int, total: int, unit: str, note: str = "") -> None:
        with lock:
            heard.append((done, total, unit))
        assert note == "mixed"

    source = mixed(tmp_path / "in")
    result = stage.ingest((source,), ALL, tmp_path / "out", progress=progress)
    assert max(heard) == (result.bytes_in, result.bytes_in, "bytes")


def test_what_a_killed_run_left_is_cleared(tmp_path):
    source = mixed(tmp_path / "in")
    (tmp_path / "ingested" / "reading").mkdir(parents=True)
    (tmp_path / "ingested" / "reading" / "rest").write_text("half", encoding="utf-8")
    assert run(tmp_path, source, recipe=ALL).rows_in == 12


def test_results_survive_a_round_trip_as_json(tmp_path):
    result = run(tmp_path, mixed(tmp_path / "in"), recipe=ALL)
    stored = json.loads((result.folder / "result.json").read_text(encoding="utf-8"))
    assert stored["sources"]["mixed"]["rows_dropped"] == {
        "bad_compression": 1,
        "bad_json": 1,
        "no_text_field": 1,
    }
