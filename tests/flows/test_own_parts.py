"""The example of pipeline/clean/OWN_PARTS.md runs as it is written there, and what-if asks about it."""

import json
import re

import numpy as np
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from data_contracts.errors import RecipeInvalid
from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from flows import release
from flows.cli import app
from flows.plan import make_plan
from flows.publish import DataResults, publish_dataset
from flows.recipe import load_recipe
from flows.steps import (
    record_cache_keys,
    run_clean,
    run_dedup,
    run_ingest,
    run_shard,
    run_validate,
)
from flows.what_if import ask
from tests.conftest import REPOSITORY
from tests.flows.corpora import paragraph, write_corpus

EXAMPLE = (REPOSITORY / "pipeline" / "clean" / "OWN_PARTS.md").read_text(encoding="utf-8")
LINKS = "the home of be\nto the shop and\nthat have with {}\n"
LOUD = 3


def build(path, warehouse):
    plan = make_plan(load_recipe(path), warehouse)
    ingested = run_ingest(plan)
    cleaned = run_clean(plan, ingested)
    deduped = run_dedup(plan, cleaned)
    validated = run_validate(plan, ingested, cleaned, deduped)
    sharded = run_shard(plan, cleaned, deduped, validated)
    results = DataResults(
        ingested=ingested,
        cleaned=cleaned,
        deduped=deduped,
        validated=validated,
        sharded=sharded,
        released=release.judge(plan, validated, sharded),
    )
    return publish_dataset(plan, results, lambda *_: "")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own-parts")
    (code,) = re.findall(r"```python\n(.*?)```", EXAMPLE, re.DOTALL)
    (recipe,) = re.findall(r"```yaml\n(.*?)```", EXAMPLE, re.DOTALL)
    (folder / "corpus").mkdir()
    (folder / "corpus" / "my_parts.py").write_text(code, encoding="utf-8")
    named = yaml.safe_load(recipe)["clean"]
    path = write_corpus(
        folder / "corpus", documents=40, clean={**named, "quality_model": "quality.safetensors"}
    )
    records = folder / "corpus" / "records.jsonl"
    rng = np.random.default_rng(8)
    loud = [paragraph(rng, 200).upper() for _ in range(LOUD)]
    rows = [{"id": f"loud-{n}", "text": text} for n, text in enumerate(loud)]
    rows.append({"id": "links", "text": "".join(LINKS.format(n) for n in range(7))})
    with records.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    trained = CliRunner().invoke(app, quality_arguments(folder), catch_exceptions=False)
    assert trained.exit_code == 0
    assert json.loads(trained.stdout)["figures"]["auc"] == 1
    warehouse = Warehouse.create(folder / "warehouse")
    return path, warehouse, build(path, warehouse)


def quality_arguments(folder):
    """Prose is good, lists of links are bad."""
    rng = np.random.default_rng(9)
    for name, texts in (
        ("good", [paragraph(rng, 60) for _ in range(40)]),
        ("bad", [LINKS.format(n) * 3 for n in range(40)]),
    ):
        rows = "\n".join(json.dumps({"text": text}) for text in texts)
        (folder / f"{name}.jsonl").write_text(rows, encoding="utf-8")
    files = [str(folder / f"{name}.jsonl") for name in ("good", "bad")]
    model = folder / "corpus" / "quality.safetensors"
    return ["train-quality", *files, "--to", str(model), "--json"]


def ledger_and_signals(dataset):
    tables = [pl.read_parquet(dataset.path / name / "*.parquet") for name in ("ledger", "signals")]
    return tables[0].join(tables[1], on="record_id")


def test_own_signals_and_rules_drop_with_evidence_and_are_stored(built):
    _, _, dataset = built
    rows = ledger_and_signals(dataset)
    assert rows["own_shouting"].is_between(0, 1).all()
    loud = rows.filter(pl.col("own_shouting") > 0.3)
    assert loud.height == LOUD
    assert set(loud["reason"]) == {"own_rule"}
    links = rows.filter(pl.col("key") == "links").to_dicts()[0]
    told = [one["rule"] for one in links["reasons"]]
    assert told[-2:] == ["own_rule", "own_rule:list_of_links"]
    assert rows.filter(pl.col("fate") == "kept").height > 0


def test_the_quality_model_scores_every_record(built):
    _, _, dataset = built
    rows = ledger_and_signals(dataset)
    links = rows.filter(pl.col("key") == "links")["model_quality"][0]
    assert links < 0.5 < rows.filter(pl.col("fate") == "kept")["model_quality"].min()


def test_other_limits_are_asked_about_without_reading_text(built):
    path, warehouse, _ = built
    quiet = ask(path, ["clean.own_signals.shouting.max=null"], warehouse, examples=5)
    assert quiet.result.sources["records"].newly_kept == {"own_rule": LOUD}
    choosy = ask(path, ["clean.rules.min_quality=1.0"], warehouse, examples=1)
    assert set(choosy.result.sources["records"].newly_dropped) == {"low_quality"}
    for change in ("clean.quality_model=null", "clean.own_signals={}"):
        with pytest.raises(RecipeInvalid, match="measures otherwise"):
            ask(path, [change], warehouse, examples=1)


def test_changed_parts_make_another_version_and_measure_anew(built):
    path, warehouse, _ = built
    before = make_plan(load_recipe(path), warehouse)
    assert before.dataset_version is not None
    assert all(stage.reused for stage in before.stages[:-1])  # the tokenizer was learned meanwhile
    caches = record_cache_keys(before.recipe)
    parts = path.parent / "my_parts.py"
    source = parts.read_text(encoding="utf-8")
    try:
        parts.write_text(source.replace("120", "121"), encoding="utf-8")
        after = make_plan(load_recipe(path), warehouse)
        changed = record_cache_keys(after.recipe)
    finally:
        parts.write_text(source, encoding="utf-8")
    reused = {stage.stage: stage.reused for stage in after.stages}
    assert reused[Stage.INGEST]
    assert not reused[Stage.CLEAN]
    assert changed[Stage.CLEAN] != caches[Stage.CLEAN]
    assert changed[Stage.DEDUP] == caches[Stage.DEDUP]


def test_a_part_that_changes_during_the_run_is_refused(built):
    path, warehouse, _ = built
    plan = make_plan(load_recipe(path, [(["clean", "min_language_score"], 0.4)]), warehouse)
    parts = path.parent / "my_parts.py"
    source = parts.read_text(encoding="utf-8")
    try:
        parts.write_text(source + "\n", encoding="utf-8")
        with pytest.raises(RecipeInvalid, match="changed during the run"):
            run_clean(plan, run_ingest(plan))
    finally:
        parts.write_text(source, encoding="utf-8")


def test_a_part_of_another_kind_is_refused_before_anything_is_read(built):
    path, warehouse, _ = built
    wrong = load_recipe(path, [(["clean", "own_rules"], {"mine": "my_parts:shouting"})])
    with pytest.raises(RecipeInvalid, match="this is no rule"):
        make_plan(wrong, warehouse)
