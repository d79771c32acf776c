import subprocess
import sys

import pytest

from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from flows.plan import DATA_STAGES, Plan, StagePlan
from flows.publish import DataResults
from flows.recipe import Recipe
from flows.reports import pages
from pipeline.ingest.recipe import Source
from tests.conftest import REPOSITORY
from tests.flows.reports.page_structure import Structure


def results_of(made, *, sharded):
    names = ("ingested", "cleaned", "deduped", "validated", "sharded")
    fields = dict(zip(names, made.results, strict=True))
    return DataResults(**fields) if sharded else DataResults(**{**fields, "sharded": None})


def test_publishing_writes_the_page_of_a_dataset(dataset, tmp_path):
    results = results_of(dataset, sharded=True)
    page = pages.dataset_page(dataset.folder, dataset.manifest, results, Warehouse(tmp_path))
    text = Structure(page).text()
    assert "0003-1f2e3d4c" in text
    assert "Not applicable: there was no other version" in text


def test_a_version_is_compared_with_the_one_before_it(dataset, tmp_path):
    warehouse = Warehouse(tmp_path)
    before = warehouse.version_folder("datasets", "demo", "0002-99aabbcc")
    before.mkdir(parents=True)
    dataset.quality.save(before / "quality.json")
    dataset.manifest.save(before)
    results = results_of(dataset, sharded=True)
    page = pages.dataset_page(dataset.folder, dataset.manifest, results, warehouse)
    assert "demo@0002-99aabbcc, the version before" in Structure(page).text()


def test_publishing_writes_the_page_of_a_model(model):
    page = pages.model_page(model.folder, model.manifest, model.trained, model.evaluated)
    assert "0001-aa11bb22" in Structure(page).text()


@pytest.fixture
def plan(tmp_path):
    return Plan(
        recipe=Recipe(name="demo", sources=(Source(name="manuals", path="/x/manuals"),)),
        warehouse=tmp_path,
        landed=(),
        stages=tuple(
            StagePlan(stage=stage, key="ab" * 16, reused=stage is Stage.INGEST)
            for stage in DATA_STAGES
        ),
        tokenizer_sha256=None,
        dataset_version=None,
        model_fingerprint=None,
        model_version=None,
        evaluated=False,
        bytes_landed=1,
        bytes_needed=1,
        bytes_free=1,
    )


def test_a_failed_gate_leaves_a_page_that_says_why(rejected, plan):
    page = pages.rejected_page(rejected.folder, plan, results_of(rejected, sharded=False))
    text = Structure(page).text()
    assert "Nothing was published, nothing was trained" in text
    assert "none: rejected" in text
    assert "/x/manuals" not in text


def test_pages_need_neither_torch_nor_a_server():
    program = (
        "import sys, flows.reports.pages, flows.reports.artifacts\n"
        "print(sorted({'torch', 'prefect', 'typer', 'pandas'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
