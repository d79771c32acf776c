"""The right to be forgotten, and garbage collection: all that must go goes, and nothing else."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from tokenizers import Tokenizer
from typer.testing import CliRunner

from data_contracts.errors import ForgottenStillPublished, VersionUnknown, WarehouseBusy
from data_contracts.forgotten import FORGET_FILE, ForgetList
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from flows.cli import app
from flows.collecting import collect
from flows.forgetting import forget
from flows.holders import Kind, holders
from flows.plan import make_plan
from flows.recipe import load_recipe
from tests.flows.dataset_runs import build
from tests.flows.editing import KEYED, NAMELESS, NOTES, EditedCorpus, Record, prose

SENTENCE = "My neighbour Quirinus Oldenbarnevelt has hidden nineteen violins in the old lighthouse."
PHRASES = ("Quirinus Oldenbarnevelt", "nineteen violins")


def _with_secret(records: int = 12) -> EditedCorpus:
    """A record with a secret, a near-duplicate, and its copy as a note."""
    corpus = EditedCorpus(records)
    text = f"{prose(900)}\n{SENTENCE}\n{prose(901)}"
    near = text.replace(" and ", " plus ", 1)
    assert near != text
    corpus.files[KEYED]["1.jsonl"].insert(1, Record("secret", text))
    corpus.files[NAMELESS]["0.jsonl"].insert(0, Record(None, near))
    corpus.files[NOTES]["copy.txt"] = [Record(None, text)]
    return corpus


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A version that holds the secret."""
    folder = tmp_path_factory.mktemp("forget")
    shortened = {"line_rules": {"max_documents": 1}}  # the secret loses its headings
    recipe = _with_secret().write(folder / "corpus", clean=shortened)
    return recipe, folder / "warehouse", build(recipe, folder / "warehouse").published


@pytest.fixture
def warehouse(published, tmp_path):
    """A copy of its warehouse, to change."""
    shutil.copytree(published[1], tmp_path / "warehouse")
    return Warehouse.existing(tmp_path / "warehouse")


def _ledger(version: Path) -> pl.DataFrame:
    return pl.read_parquet(version / "ledger" / "*.parquet")


def _tables(path: Path):
    if path.suffix == ".parquet":
        yield pl.read_parquet(path).to_arrow()
    elif path.suffix == ".arrow":
        with pa.memory_map(str(path)) as source:
            try:
                yield pa.ipc.open_file(source).read_all()
            except pa.ArrowInvalid:
                yield pa.ipc.open_stream(source).read_all()


def _everything_in(path: Path, tokenizer: Tokenizer):
    """All that can be read in a file: its bytes, values of its tables, and what tokens say."""
    raw = path.read_bytes()
    yield raw.decode(errors="replace")
    for width in (np.uint16, np.uint32):
        for start in range(np.dtype(width).itemsize):
            part = raw[start : len(raw) - (len(raw) - start) % np.dtype(width).itemsize]
            ids = np.frombuffer(part, width)
            yield tokenizer.decode(ids[ids < tokenizer.get_vocab_size()].tolist())
    for table in _tables(path):
        yield str(table.to_pydict())


def _holding(root: Path, tokenizer: Tokenizer) -> list[str]:
    """Name the files in which one of the phrases can be found."""
    return [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and any(one in text for text in _everything_in(path, tokenizer) for one in PHRASES)
    ]


def test_what_is_forgotten_is_in_no_file_of_the_warehouse(published, warehouse, tmp_path):
    recipe, _, first = published
    tokenizer = Tokenizer.from_file(str(first.path / "tokenizer.json"))
    kinds = {name.split("/")[1] for name in _holding(warehouse.root, tokenizer)}
    assert kinds >= {"edited", "ingest", "clean", "shard"}, "the search finds what is there"

    done = forget(warehouse, "edited", ["secret"])
    assert (done.asked, done.duplicates) == (1, 2)
    found = {(one.kind, one.label.split("/")[1]) for one in done.holders if "/" in one.label}
    assert {stage for kind, stage in found if kind is Kind.RUN} == {
        "ingest",
        "clean",
        "dedup",
        "validate",
        "shard",
    }
    assert {(Kind.READ, "ingest"), (Kind.RESULTS, "clean"), (Kind.RESULTS, "dedup")} <= found
    assert (Kind.DATASET, first.label) in {(one.kind, one.label) for one in done.holders}
    with pytest.raises(ForgottenStillPublished, match="mill run"):
        collect(warehouse, forgotten=True)

    second = build(recipe, warehouse.root).published
    assert second.created
    rows = _ledger(second.path).filter(pl.col("reason") == "forgotten")
    assert rows.height == 3
    assert rows["fate"].unique().to_list() == ["dropped"]
    for column in ("language", "split", "survivor_id", "similarity"):
        assert rows[column].null_count() == 3
    signals = pl.read_parquet(second.path / "signals" / "*.parquet")
    assert not set(signals["record_id"]) & set(rows["record_id"])

    assert collect(warehouse, forgotten=True, dry_run=True).removals
    assert first.path.name in warehouse.versions("datasets", "edited")
    collect(warehouse, forgotten=True)
    assert warehouse.versions("datasets", "edited") == [second.version]
    assert _holding(warehouse.root, tokenizer) == []
    assert holders(warehouse, warehouse.forgotten("edited")) == ()
    DatasetManifest.load(second.path).verify(second.path)
    assert make_plan(load_recipe(recipe), warehouse).nothing_to_do
    assert not collect(warehouse, forgotten=True).removals


def test_a_rebuild_with_the_lock_of_a_version_forgets_what_it_forgot(
    published, warehouse, tmp_path
):
    recipe, _, _ = published
    forget(warehouse, "edited", ["secret"])
    refreshed = build(recipe, warehouse.root).published
    rebuilt = build(recipe, tmp_path / "elsewhere", lock=refreshed.path).published
    assert rebuilt.fingerprint == refreshed.fingerprint
    for folder in ("documents", "tokens", "ledger", "signals", "index"):
        files = sorted(path for path in (refreshed.path / folder).rglob("*") if path.is_file())
        for path in files:
            other = rebuilt.path / path.relative_to(refreshed.path)
            assert path.read_bytes() == other.read_bytes(), path
    (warehouse.forget_file("edited")).unlink()
    assert make_plan(load_recipe(recipe), warehouse).nothing_to_do, "the version has a copy"


def test_only_this_leaves_the_duplicates(published, warehouse):
    recipe, _, first = published
    before = _ledger(first.path)
    (survivor,) = before.filter(
        (pl.col("cluster_id") == pl.col("record_id"))
        & pl.col("cluster_id").is_in(
            before.filter(pl.col("key") == "secret")["cluster_id"].to_list()
        )
    ).iter_rows(named=True)
    done = forget(warehouse, "edited", [survivor["record_id"]], only_this=True)
    assert (done.asked, done.duplicates) == (1, 0)
    after = _ledger(build(recipe, warehouse.root).published.path)
    family = after.filter(pl.col("content_id").is_in(_contents(before, survivor["cluster_id"])))
    fates = sorted(family["fate"].to_list())
    assert "kept" in fates
    assert "dropped" in fates


def _contents(ledger: pl.DataFrame, cluster: str) -> list[str]:
    return ledger.filter(pl.col("cluster_id") == cluster)["content_id"].to_list()


def test_forgotten_text_stays_out_under_any_key_and_a_forgotten_key_with_any_text(
    published, warehouse, tmp_path
):
    forget(warehouse, "edited", ["secret"])
    corpus = _with_secret()
    text = corpus.files[NOTES].pop("copy.txt")[0].text
    corpus.files[NOTES]["renamed.txt"] = [Record(None, text)]
    corpus.files[KEYED]["1.jsonl"][1] = Record("secret", prose(902))
    recipe = corpus.write(tmp_path / "corpus")
    ledger = _ledger(build(recipe, warehouse.root).published.path)
    gone = ledger.filter(pl.col("reason") == "forgotten")
    assert {"secret", "renamed.txt"} <= set(gone["key"])


def test_a_record_that_nobody_knows_cannot_be_forgotten(warehouse):
    with pytest.raises(VersionUnknown, match="secret"):
        forget(warehouse, "edited", ["secre"])
    with pytest.raises(VersionUnknown):
        forget(warehouse, "unheard-of", ["secret"])
    assert not warehouse.forget_file("edited").exists()


def test_the_list_holds_no_key_and_no_text(warehouse):
    forget(warehouse, "edited", ["secret"])
    text = warehouse.forget_file("edited").read_text()
    assert "secret" not in text
    assert "copy.txt" not in text
    assert ForgetList.load(warehouse.forget_file("edited")).identity is not None


def _files(root: Path) -> set[str]:
    outside = {".lease", "landing.json"}
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path.name not in outside
    }


def test_garbage_collection_removes_left_overs_and_stale_work_and_nothing_else(
    published, warehouse
):
    recipe, _, first = published
    collect(warehouse)  # the shard stage's work under the name "tokenizer to be learned"
    needed = _files(warehouse.root)
    left = [
        warehouse.staging_folder("datasets", "edited", "0002-abcdef01") / "manifest.json",
        warehouse.rejected_folder("edited", "f" * 32).with_name(".f.partial") / "ledger",
        warehouse.root / "cache" / "clean" / "runs" / ("0" * 32) / "documents",
        warehouse.root / "cache" / "dedup" / "records" / ("0" * 32) / "signatures",
        warehouse.root / "evaluations" / "edited@0001-00000000" / first.label / "0" / "result.json",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
    with warehouse.lease("being-born"), pytest.raises(WarehouseBusy):
        collect(warehouse)
    training = warehouse.run_folder(Stage.TRAIN, "1" * 32)
    training.mkdir(parents=True)  # killed: it will be continued
    told = collect(warehouse, dry_run=True)
    assert len(told.removals) == len(left)
    assert told.bytes_freed == 1000 * len(left)
    assert all(path.exists() for path in left)
    collect(warehouse)
    assert _files(warehouse.root) == needed
    assert training.exists()
    assert not collect(warehouse).removals
    assert make_plan(load_recipe(recipe), warehouse).nothing_to_do


def test_old_versions_go_only_when_asked_and_when_nothing_needs_them(
    published, warehouse, tmp_path
):
    corpus = _with_secret()
    versions = [published[2].version]
    for number in range(4):
        corpus.rewrite(number, 0, 0)
        built = build(corpus.write(tmp_path / "corpus"), warehouse.root)
        versions.append(built.published.version)
    model = warehouse.version_folder("models", "edited", "0001-12345678")
    model.mkdir(parents=True)
    last = DatasetManifest.load(built.published.path)
    ModelManifest(
        **last.model_dump(
            include=set(ModelManifest.model_fields) & set(DatasetManifest.model_fields)
        )
        | {"files": (), "version": model.name, "fingerprint": "12345678" * 4},
        dataset=f"edited@{versions[1]}",
        dataset_fingerprint="",
        parameters=1,
        figures={},
    ).save(model)
    (warehouse.root / "aliases").mkdir()
    (warehouse.root / "aliases" / "production").write_text(f"edited@{versions[2]}\n")
    collect(warehouse)
    assert warehouse.versions("datasets", "edited") == versions
    collect(warehouse, keep=1)
    assert warehouse.versions("datasets", "edited") == [versions[1], versions[2], versions[4]]
    assert warehouse.versions("models", "edited") == [model.name]
    assert (built.published.path / "documents").exists()
    assert not (built.published.path / FORGET_FILE).exists()


def test_the_command_line_tells_what_it_did_and_would_do(warehouse):
    runner = CliRunner()
    place = ["--warehouse", str(warehouse.root), "--json"]
    asked = runner.invoke(app, ["forget", "secret", "--dataset", "edited", *place])
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout.splitlines()[-1])["duplicates"] == 2
    told = runner.invoke(app, ["gc", "--dry-run", *place])
    assert told.exit_code == 0, told.output
    removals = json.loads(told.stdout.splitlines()[-1])["removals"]
    assert [one["why"] for one in removals] == ["no version is made of it"]
    refused = runner.invoke(app, ["gc", "--forgotten", *place])
    assert isinstance(refused.exception, ForgottenStillPublished)
