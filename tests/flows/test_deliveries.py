"""Sources that only ever get more: what was delivered stays, and can be forgotten all the same."""

import gzip
import json
import shutil
import zipfile

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from data_contracts.errors import RecipeInvalid, SourceChanged, SourceMissing, VersionCorrupt
from data_contracts.warehouse import Warehouse
from flows.cli import app
from flows.collecting import collect
from flows.deliveries import backfill, verify_deliveries
from flows.forgetting import forget
from flows.holders import Kind, holders
from flows.plan import make_plan
from flows.recipe import load_recipe
from flows.steps import keep_deliveries
from pipeline.ingest.increments import Increments
from tests.flows.dataset_runs import build
from tests.flows.editing import prose, write_contracts
from tests.flows.version_bytes import content


def lines(*numbers, words="") -> str:
    records = ({"id": f"k{n}", "text": f"{prose(n)} {words}"} for n in numbers)
    return "".join(json.dumps(one) + "\n" for one in records)


@pytest.fixture
def feed(tmp_path):
    """A recipe of one source that only ever gets more, and its folder."""
    (tmp_path / "feed").mkdir()
    (tmp_path / "recipe.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "feed",
                "sources": [
                    {"name": "news", "path": "feed", "delivery": "append", "key_field": "id"}
                ],
                "split": {"validation_ratio": 0, "test_ratio": 0},
                "validate": {"contracts": write_contracts(tmp_path)},
                "shard": {"vocabulary_size": 300},
                "train": None,
            }
        )
    )
    return tmp_path / "recipe.yaml", tmp_path / "feed"


def keys(version) -> list[str]:
    ledger = pl.read_parquet(version / "ledger" / "*.parquet")
    return sorted(ledger.filter(pl.col("fate") == "kept")["key"].to_list())


def names(*numbers):
    return sorted(f"k{n}" for n in numbers)


def test_what_was_delivered_once_stays_and_a_rebuild_reads_it(feed, tmp_path):
    recipe, folder = feed
    (folder / "monday.jsonl").write_text(lines(1, 2))
    first = build(recipe, tmp_path / "warehouse").published
    (folder / "monday.jsonl").unlink()
    (folder / "tuesday.jsonl.gz").write_bytes(gzip.compress(lines(3).encode()))
    second = build(recipe, tmp_path / "warehouse").published
    assert keys(second.path) == names(1, 2, 3)
    shutil.rmtree(folder)
    assert make_plan(load_recipe(recipe), Warehouse(tmp_path / "warehouse")).nothing_to_do
    shutil.copytree(tmp_path / "warehouse" / "landed", tmp_path / "cold" / "landed")
    shutil.copy(tmp_path / "warehouse" / "warehouse.json", tmp_path / "cold")
    rebuilt = build(recipe, tmp_path / "cold", lock=first.path).published
    assert rebuilt.fingerprint == second.fingerprint
    assert content(rebuilt.path) == content(second.path)


def test_a_file_that_grew_takes_the_place_of_what_it_was(feed, tmp_path):
    recipe, folder = feed
    warehouse = Warehouse(tmp_path / "warehouse")
    (folder / "log.jsonl").write_text(lines(1))
    build(recipe, warehouse.root)
    with (folder / "log.jsonl").open("a") as file:
        file.write(lines(2))
    version = build(recipe, warehouse.root).published.path
    assert keys(version) == names(1, 2)
    ledger = pl.read_parquet(version / "ledger" / "*.parquet")
    assert ledger.height == 2, "no record is there twice"
    kept = warehouse.increments("feed") / "news"
    assert len(list(kept.iterdir())) == 2, "one file and the index"
    (folder / "log.jsonl").write_text(lines(3))  # another delivery under the same name
    assert keys(build(recipe, warehouse.root).published.path) == names(1, 2, 3)


def test_nothing_is_kept_by_a_plan_a_trial_or_a_source_of_snapshots(feed, tmp_path):
    recipe, folder = feed
    (folder / "monday.jsonl").write_text(lines(1, 2))
    warehouse = Warehouse.create(tmp_path / "warehouse")
    plan = make_plan(load_recipe(recipe), warehouse)
    assert plan.to_keep == 1
    assert keep_deliveries(make_plan(load_recipe(recipe).sampled(1), warehouse)) == 0
    assert not warehouse.increments("feed").exists()
    snapshot = load_recipe(recipe, [(["sources"], [{"name": "news", "path": "feed"}])])
    assert keep_deliveries(make_plan(snapshot, warehouse)) == 0
    (folder / "monday.jsonl").write_text(lines(1))
    with pytest.raises(SourceChanged):
        keep_deliveries(plan)
    assert Increments.load(warehouse.increments("feed") / "news").increments == ()
    shutil.rmtree(folder)
    with pytest.raises(SourceMissing):
        make_plan(load_recipe(recipe), warehouse)


def test_a_source_that_becomes_one_of_appends_keeps_what_is_there(feed, tmp_path):
    recipe, folder = feed
    (folder / "monday.jsonl").write_text(lines(1, 2))
    text = recipe.read_text()
    recipe.write_text(text.replace("append", "snapshot"))
    first = build(recipe, tmp_path / "warehouse").published
    recipe.write_text(text)
    plan = make_plan(load_recipe(recipe), Warehouse(tmp_path / "warehouse"))
    assert (plan.dataset_version, plan.nothing_to_do) == (first.version, False)
    assert not build(recipe, tmp_path / "warehouse").published.created
    (folder / "monday.jsonl").unlink()
    assert make_plan(load_recipe(recipe), Warehouse(tmp_path / "warehouse")).nothing_to_do


def test_older_deliveries_are_kept_by_name_and_read_by_the_next_run(feed, tmp_path):
    recipe, folder = feed
    (folder / "monday.jsonl").write_text(lines(1))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "sunday.jsonl").write_text(lines(7, 8))
    warehouse = Warehouse.create(tmp_path / "warehouse")
    done = backfill(warehouse, load_recipe(recipe), "news", str(tmp_path / "old"))
    assert (done.files, done.kept) == (1, 1)
    assert backfill(warehouse, load_recipe(recipe), "news", str(tmp_path / "old")).kept == 0
    shutil.rmtree(tmp_path / "old")
    assert keys(build(recipe, warehouse.root).published.path) == names(1, 7, 8)
    with pytest.raises(RecipeInvalid, match="There is: news"):
        backfill(warehouse, load_recipe(recipe), "olds", str(folder))
    snapshot = load_recipe(recipe, [(["sources"], [{"name": "news", "path": "feed"}])])
    with pytest.raises(RecipeInvalid, match="delivery: append"):
        backfill(warehouse, snapshot, "news", str(folder))


def test_the_command_says_what_it_kept(feed, tmp_path):
    recipe, folder = feed
    (folder / "monday.jsonl").write_text(lines(1))
    arguments = ["backfill", str(recipe), "news", str(folder), "-w", str(tmp_path / "w")]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["kept"] == 1


def test_forgotten_text_is_taken_out_of_what_was_delivered(feed, tmp_path):
    recipe, folder = feed
    phrase = "nineteen violins in the lighthouse"
    (folder / "monday.jsonl").write_text(lines(1, 2) + lines(3, words=phrase))
    with zipfile.ZipFile(folder / "tuesday.zip", "w") as archive:
        archive.writestr("inner/a.jsonl", lines(4) + lines(5, words=phrase))
    (folder / "wednesday.jsonl").write_text(lines(6))
    warehouse = Warehouse(tmp_path / "warehouse")
    build(recipe, warehouse.root)
    shutil.rmtree(folder)
    done = forget(warehouse, "feed", ["k3", "k5"])
    told = [one for one in done.holders if one.kind is Kind.DELIVERY]
    assert len(told) == 2
    version = build(recipe, warehouse.root).published
    assert keys(version.path) == names(1, 2, 4, 6)
    collect(warehouse, forgotten=True)
    files = [path for path in warehouse.root.rglob("*") if path.is_file()]
    assert not [path for path in files if phrase.encode() in path.read_bytes()]
    assert holders(warehouse, warehouse.forgotten("feed")) == ()
    assert not collect(warehouse, forgotten=True).removals
    assert verify_deliveries(warehouse, "feed") == 3
    assert make_plan(load_recipe(recipe), warehouse).nothing_to_do
    shutil.rmtree(warehouse.root / "cache")
    shutil.rmtree(version.path)
    again = build(recipe, warehouse.root).published
    assert keys(again.path) == names(1, 2, 4, 6)


def test_a_kept_delivery_that_a_disk_changed_is_found_and_named(feed, tmp_path):
    recipe, folder = feed
    (folder / "monday.jsonl").write_text(lines(1, 2))
    build(recipe, tmp_path / "warehouse")
    (kept,) = (
        path
        for path in (tmp_path / "warehouse" / "landed" / "feed" / "news").iterdir()
        if path.suffix != ".json"
    )
    assert (
        CliRunner().invoke(app, ["verify", "feed", "-w", str(tmp_path / "warehouse")]).exit_code
        == 0
    )
    data = bytearray(kept.read_bytes())
    data[40] ^= 1
    kept.write_bytes(data)
    said = CliRunner().invoke(app, ["verify", "feed", "-w", str(tmp_path / "warehouse")])
    assert isinstance(said.exception, VersionCorrupt)
    assert said.exception.path == str(kept)
    assert "monday.jsonl" in str(said.exception)
