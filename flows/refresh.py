"""Refresh: raw corpora in; a dataset version, a trained model and its figures out."""

import os
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.manifest import DatasetManifest
from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from flows.building import build_model, build_until, name_run, prepare
from flows.candidates import stand
from flows.places import DEFAULT_WAREHOUSE, DEMO_RECIPE
from flows.prefect_settings import REPORTS_URL
from flows.publish import Published
from flows.recipe import Recipe
from flows.reports import artifacts
from flows.summary import RunSummary, summarise


@flow(name="refresh", validate_parameters=True)
def refresh(
    recipe: Path | Recipe = DEMO_RECIPE,
    warehouse: Path = DEFAULT_WAREHOUSE,
    sample: int | None = None,
    lock: Path | None = None,
    relearn_tokenizer: bool = False,  # noqa: FBT001, FBT002 - a flow's parameters are a form
) -> "RunSummary | State[RunSummary]":
    """Build the dataset that a recipe describes, train its model, measure both.

    What is there already is reused; when nothing changed, nothing is done.

    Args:
        recipe: A recipe file, or a recipe filled in here.
        warehouse: Folder that versions are published in.
        sample: Take only so many records of each source, to try a recipe out.
        lock: A folder of lock.json and tokenizer.json, such as a dataset version of another
            warehouse: its tokenizer is used; empty: that of the latest version here, if any.
        relearn_tokenizer: Learn a tokenizer anew from the data as it is now.
    """
    plan = prepare(recipe, warehouse, sample, lock=lock, relearn_tokenizer=relearn_tokenizer)
    store = Warehouse(plan.warehouse)
    dataset = build_until(plan, Stage.SHARD)
    assert dataset is not None, "the last stage publishes"  # noqa: S101
    name_run(f"{dataset.label} refresh")
    model: Published | None = None
    if plan.recipe.train is not None:
        model = build_model(plan.recipe, store, dataset)
    stand(store, plan.recipe, dataset, model)
    store.prune_cache()
    summary = summarise(plan.recipe, store, dataset, model)
    create_markdown_artifact(
        artifacts.refresh_markdown(summary, os.environ.get(REPORTS_URL)),
        key="refresh",
        description=dataset.label,
    )
    if DatasetManifest.load(dataset.path).warnings:
        return Completed(name="CompletedWithWarnings", data=summary)
    return summary
