"""Older deliveries come late, by a deployment."""

import json
import shutil

import pytest

from data_contracts.errors import RecipeInvalid
from data_contracts.manifest import DatasetManifest
from data_contracts.warehouse import Warehouse
from flows.backfilling import backfill
from tests.flows.corpora import write_corpus


@pytest.fixture
def recipe(tmp_path):
    """A recipe whose records are delivered bit by bit, and an older delivery elsewhere."""
    path = write_corpus(tmp_path / "corpus", documents=20)
    old = tmp_path / "old"
    old.mkdir()
    lines = (path.parent / "records.jsonl").read_text().splitlines()[:5]
    renamed = [json.loads(one) | {"id": f"old-{number}"} for number, one in enumerate(lines)]
    words = [one | {"text": one["text"][::-1]} for one in renamed]
    (old / "last-year.jsonl").write_text("\n".join(map(json.dumps, words)) + "\n")
    sources = [
        {
            "name": "records",
            "path": "records.jsonl",
            "key_field": "id",
            "license": "CC0-1.0",
            "delivery": "append",
        },
    ]
    return write_corpus(path.parent, documents=20, sources=sources)


def test_older_deliveries_are_kept_and_the_next_version_holds_them(prefect_api, recipe, tmp_path):
    store = Warehouse.create(tmp_path / "w")
    assert backfill(recipe=recipe, warehouse=store.root) is None  # one click: shows what is kept
    made = backfill(recipe=recipe, path=str(tmp_path / "old"), warehouse=store.root)
    manifest = DatasetManifest.load(made.path)
    assert manifest.records_in == 23 + 5
    shutil.rmtree(tmp_path / "old")
    again = backfill(
        recipe=recipe,
        path=str(recipe.with_name("records.jsonl")),
        build=False,
        warehouse=store.root,
    )
    assert again is None


def test_without_a_source_that_gets_more_there_is_nothing_to_backfill(prefect_api, tmp_path):
    recipe = write_corpus(tmp_path / "corpus", documents=20)
    with pytest.raises(RecipeInvalid, match="append"):
        backfill(recipe=recipe, path=str(tmp_path), warehouse=tmp_path / "w")
