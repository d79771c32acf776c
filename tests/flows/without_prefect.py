"""A dataset version made by the stages alone: no Prefect server, a second or two."""

from pathlib import Path

from data_contracts.manifest import DatasetManifest
from data_contracts.warehouse import Warehouse
from flows import release, steps
from flows.plan import make_plan
from flows.publish import DataResults, Published, publish_dataset
from flows.recipe import load_recipe
from flows.reports.pages import dataset_page


def publish(recipe: Path, warehouse: Warehouse, *, report: bool = False) -> Published:
    """Run a recipe's data half and publish it, with its report or an empty one."""
    plan = make_plan(load_recipe(recipe), warehouse)
    ingested = steps.run_ingest(plan)
    cleaned = steps.run_clean(plan, ingested)
    deduped = steps.run_dedup(plan, cleaned)
    validated = steps.run_validate(plan, ingested, cleaned, deduped)
    assert validated.passed, validated.critical_failures
    sharded = steps.run_shard(plan, cleaned, deduped, validated)
    results = DataResults(
        ingested=ingested,
        cleaned=cleaned,
        deduped=deduped,
        validated=validated,
        sharded=sharded,
        released=release.judge(plan, validated, sharded),
    )

    def render(folder: Path, manifest: DatasetManifest) -> str:
        return dataset_page(folder, manifest, results, warehouse) if report else ""

    return publish_dataset(plan, results, render)
