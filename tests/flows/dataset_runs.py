"""A dataset version built without Prefect: the steps of one plan, and the publishing."""

from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.warehouse import Warehouse
from flows import release, steps
from flows.plan import Plan, make_plan
from flows.publish import DataResults, Published, publish_dataset, published_dataset
from flows.recipe import load_recipe


class Build(NamedTuple):
    """A version, and what it cost."""

    plan: Plan
    published: Published
    results: DataResults | None
    """None: all was there."""

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time by stage."""
        if self.results is None:
            return {}
        return {one.stage.value: one.elapsed_seconds for one in self.results.in_order}


def build(recipe: Path, warehouse: Path, **pinned: Any) -> Build:
    """Build what a recipe describes, reusing what is in the warehouse."""
    store = Warehouse.create(warehouse)
    plan = make_plan(load_recipe(recipe), store, **pinned)
    with store.lease(plan.recipe.name):
        steps.keep_deliveries(plan)
        if plan.dataset_version is not None:
            label = f"{plan.recipe.name}@{plan.dataset_version}"
            return Build(plan, published_dataset(store, label), None)
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
        return Build(plan, publish_dataset(plan, results, lambda _, __: "report"), results)
