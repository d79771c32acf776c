"""Refresh: raw corpora in; a dataset version, a trained model and its figures out."""

import os
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.manifest import DatasetManifest
from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from flows.artifact_keys import REFRESH, artifact_key
from flows.building import build_model, build_until, name_run, prepare
from flows.candidates import stand
from flows.forms import RecipeChoice
from flows.places import DEFAULT_WAREHOUSE, DEMO_RECIPE
from flows.prefect_settings import REPORTS_URL
from flows.reports import artifacts
from flows.summary import RunSummary, summarise


@flow(name="refresh", validate_parameters=True)
def refresh(
    recipe: RecipeChoice = DEMO_RECIPE,
    changes: tuple[str, ...] = (),
    train: bool = True,  # noqa: FBT001, FBT002 - a flow's parameters are a form
    sample: int | None = None,
    warehouse: Path = DEFAULT_WAREHOUSE,
    lock: Path | None = None,
    relearn_tokenizer: bool = False,  # noqa: FBT001, FBT002
) -> "RunSummary | State[RunSummary]":
    """Build the dataset that a recipe describes, train its model, measure both.

    What is there already is reused; when nothing changed, nothing is done.

    Args:
        recipe: One of the list, another recipe file, or a recipe filled in here.
        changes: Fields of the recipe to set for this run, such as dedup.jaccard_threshold=0.7 (one
            each; mill explain lists them).
        train: Train and compare in this run. Off: a new version starts the deployment retrain.
        sample: Take only so many records of each source, to try a recipe out.
        warehouse: Folder that versions are published in.
        lock: A folder of lock.json and tokenizer.json, such as a dataset version of another
            warehouse: its tokenizer is used; empty: that of the latest version here, if any.
        relearn_tokenizer: Learn a tokenizer anew from the data as it is now.
    """
    pinned: dict[str, Any] = {"lock": lock, "relearn_tokenizer": relearn_tokenizer}
    plan = prepare(recipe, warehouse, sample, changes, **pinned)
    store = Warehouse(plan.warehouse)
    train = train and plan.recipe.train is not None
    dataset = build_until(plan, Stage.SHARD, training=train)
    assert dataset is not None, "the last stage publishes"  # noqa: S101
    name_run(f"{dataset.label} refresh")
    model = build_model(plan.recipe, store, dataset) if train else None
    if train or plan.recipe.train is None:  # else it is not known yet what the candidate is
        stand(store, plan.recipe, dataset, model)
    store.prune_cache()
    summary = summarise(plan.recipe, store, dataset, model)
    create_markdown_artifact(
        artifacts.refresh_markdown(summary, os.environ.get(REPORTS_URL)),
        key=artifact_key(REFRESH, plan.recipe.name),
        description=dataset.label,
    )
    if DatasetManifest.load(dataset.path).warnings:
        return Completed(name="CompletedWithWarnings", data=summary)
    return summary
