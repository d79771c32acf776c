"""The whole mill, on a small corpus, against a real Prefect server."""

import json
import shutil

import datasets
import polars as pl
import pytest

from data_contracts.errors import (
    ContractFailed,
    GateRefused,
    NothingLeft,
    SourceMissing,
    TooManyUnreadable,
    WarehouseBusy,
)
from data_contracts.gate import require_passed
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.warehouse import Warehouse
from flows import stages
from flows.plan import make_plan
from flows.publish import published_dataset
from flows.recipe import load_recipe
from flows.refresh import refresh
from tests.flows.corpora import TINY_TRAINING, write_corpus

STAGES = ("ingest", "clean", "dedup", "validate", "shard", "train", "evaluate")


def _plan(recipe, warehouse):
    return make_plan(load_recipe(recipe), Warehouse.create(warehouse))


def test_a_refresh_publishes_a_dataset_and_a_model(first_run):
    _, warehouse, summary = first_run
    dataset = DatasetManifest.load(summary.dataset.path)
    dataset.verify(summary.dataset.path)
    model = ModelManifest.load(summary.model.path)
    model.verify(summary.model.path)
    assert model.dataset == f"corpus@{dataset.version}"
    assert summary.dataset.created
    assert summary.model.created
    assert (summary.dataset.path / "report.html").exists()
    assert (summary.model.path / "report.html").exists()
    assert Warehouse.existing(warehouse).names("models") == ["corpus"]


def test_every_record_is_in_the_ledger_once_and_the_counts_agree(first_run):
    _, _, summary = first_run
    dataset = summary.dataset
    ledger = pl.read_parquet(dataset.path / "ledger" / "*.parquet")
    assert ledger["record_id"].is_unique().all()
    assert ledger["record_id"].is_sorted()
    assert len(ledger) == dataset.records_in == 120 + 12 + 1 + 5
    assert (ledger["fate"] == "kept").sum() == dataset.records_kept
    counted = dict(ledger.drop_nulls("reason").group_by("reason").len().iter_rows())
    assert counted == dataset.records_dropped
    assert counted["near_duplicate"] == 12
    assert counted["bad_json"] == 1


def test_the_ledger_points_at_the_text_that_datasets_loads(first_run):
    _, _, summary = first_run
    loaded = datasets.load_from_disk(str(summary.dataset.path / "documents"))
    ledger = pl.read_parquet(summary.dataset.path / "ledger" / "*.parquet")
    kept = ledger.filter(pl.col("fate") == "kept")
    assert sum(split.num_rows for split in loaded.values()) == len(kept)
    for row in kept.head(20).iter_rows(named=True):
        assert loaded[row["split"]][row["row"]]["record_id"] == row["record_id"]


def test_nothing_to_do_is_noticed(first_run):
    recipe, warehouse, _ = first_run
    assert _plan(recipe, warehouse).nothing_to_do


def test_a_second_refresh_makes_nothing_new(first_run):
    recipe, warehouse, summary = first_run
    again = refresh(recipe=load_recipe(recipe), warehouse=warehouse)
    assert not again.changed
    assert again.dataset.version == summary.dataset.version


def test_a_moved_corpus_is_the_same_corpus(first_run, tmp_path):
    recipe, warehouse, _ = first_run
    shutil.copytree(recipe.parent, tmp_path / "elsewhere")
    assert _plan(tmp_path / "elsewhere" / "recipe.yaml", warehouse).nothing_to_do


def test_each_stage_leaves_an_artifact_with_a_figure(first_run):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        for stage in (*STAGES, "refresh"):
            key = ArtifactFilter(key=ArtifactFilterKey(any_=[f"{stage}-corpus"]))
            found = client.read_artifacts(artifact_filter=key)
            assert found, f"{stage} left no artifact"
            assert len(str(found[0].data)) < 256_000


def test_runs_are_named_after_their_dataset_and_version(first_run):
    from prefect.client.orchestration import get_client

    _, _, summary = first_run
    with get_client(sync_client=True) as client:
        names = {run.name for run in client.read_flow_runs()}
    assert f"corpus@{summary.dataset.version} refresh" in names


def test_what_was_published_is_told_of_once(first_run):
    _, warehouse, summary = first_run
    marks = {path.name for path in (warehouse / "outbox").rglob("*") if path.is_file()}
    assert marks == {f"corpus@{summary.dataset.version}", f"corpus@{summary.model.version}"}


def test_a_new_file_makes_the_next_version_and_keeps_the_tokenizer(first_run, tmp_path):
    recipe, warehouse, summary = first_run
    shutil.copytree(recipe.parent, tmp_path / "corpus")
    shutil.copytree(warehouse, tmp_path / "warehouse")
    new = (tmp_path / "corpus" / "notes" / "0.txt").read_text().upper()
    (tmp_path / "corpus" / "notes" / "new.txt").write_text(new[: len(new) // 2])
    published = stages.shard(
        recipe=tmp_path / "corpus" / "recipe.yaml", warehouse=tmp_path / "warehouse"
    )
    assert published.version.startswith("0002-")
    after = DatasetManifest.load(published.path)
    assert after.parent == summary.dataset.version
    assert after.records_in == summary.dataset.records_in + 1
    assert (published.path / "tokenizer.json").read_bytes() == (
        summary.dataset.path / "tokenizer.json"
    ).read_bytes()


def test_a_stage_flow_stops_after_its_stage(prefect_api, tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=20)
    stages.clean(recipe=recipe, warehouse=tmp_path / "w")
    done = {one.stage.value: one.reused for one in _plan(recipe, tmp_path / "w").stages}
    assert done == {
        "ingest": True,
        "clean": True,
        "dedup": False,
        "validate": False,
        "shard": False,
    }


def test_train_and_evaluate_take_versions(first_run, tmp_path):
    _, warehouse, summary = first_run
    shutil.copytree(warehouse, tmp_path / "w")
    settings = load_recipe(first_run[0]).train.model_copy(update={"seed": 7})
    model = stages.train(dataset="corpus", warehouse=tmp_path / "w", settings=settings)
    assert model.version.startswith("0002-")
    evaluated = stages.evaluate(model=f"corpus@{summary.model.version}", warehouse=tmp_path / "w")
    assert {one.predictor for one in evaluated.figures} == {"model", "unigram", "trigram"}


def test_a_failed_contract_stops_before_training_and_leaves_the_evidence(prefect_api, tmp_path):
    recipe = write_corpus(
        tmp_path / "corpus", documents=20, validate={"min_documents": 1000}, **TINY_TRAINING
    )
    with pytest.raises(ContractFailed) as caught:
        refresh(recipe=load_recipe(recipe), warehouse=tmp_path / "w")
    assert caught.value.exit_code == 3
    store = Warehouse.existing(tmp_path / "w")
    assert store.names("datasets") == []
    assert store.names("models") == []
    (rejected,) = (tmp_path / "w" / "datasets" / "rejected" / "corpus").iterdir()
    left = {path.name for path in rejected.iterdir()}
    assert left == {
        *("report.html", "quality.json", "ledger", "signals", "contracts", "suites.json")
    }
    assert str(rejected / "report.html") in str(caught.value)


def test_a_version_whose_data_was_exchanged_is_refused_by_training(first_run, tmp_path):
    _, warehouse, _ = first_run
    shutil.copytree(warehouse, tmp_path / "w")
    version = published_dataset(Warehouse(tmp_path / "w"), "corpus").path
    require_passed(version)
    gate = json.loads((version / "gate.json").read_text())
    (version / "gate.json").unlink()
    (version / "gate.json").write_text(json.dumps({**gate, "passed": False}))
    settings = load_recipe(first_run[0]).train.model_copy(update={"seed": 8})
    with pytest.raises(GateRefused, match="did not pass"):
        stages.train(dataset="corpus", warehouse=tmp_path / "w", settings=settings)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda folder: (folder / "records.jsonl").unlink(), SourceMissing),
        (
            lambda folder: (folder / "records.jsonl").write_text('{"no end\n' * 99),
            TooManyUnreadable,
        ),
        (
            lambda folder: (
                [path.write_text("short") for path in (folder / "notes").iterdir()]
                + [(folder / "records.jsonl").write_text('{"id": "a", "text": "short"}\n')]
            ),
            NothingLeft,
        ),
    ],
)
def test_bad_input_is_a_clear_error_and_publishes_nothing(prefect_api, tmp_path, spoil, error):
    recipe = write_corpus(tmp_path / "corpus", documents=20)
    spoil(tmp_path / "corpus")
    with pytest.raises(error):
        refresh(recipe=load_recipe(recipe), warehouse=tmp_path / "w")
    assert Warehouse.existing(tmp_path / "w").names("datasets") == []


def test_two_refreshes_of_one_dataset_do_not_run_at_once(prefect_api, tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=20)
    with (
        Warehouse.create(tmp_path / "w").lease("corpus"),
        pytest.raises(WarehouseBusy, match="is being written by process"),
    ):
        stages.ingest(recipe=recipe, warehouse=tmp_path / "w")
