"""Backfill: older deliveries of a source come late, and the next version holds them."""

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from data_contracts.errors import RecipeInvalid
from data_contracts.reasons import Stage
from data_contracts.warehouse import Warehouse
from flows import tasks
from flows.artifact_keys import DELIVERIES, artifact_key
from flows.building import build_until, name_run, prepare
from flows.deliveries import Backfilled
from flows.deliveries import backfill as keep
from flows.forms import RecipeChoice, chosen
from flows.places import DEFAULT_WAREHOUSE, DEMO_RECIPE
from flows.publish import Published
from flows.recipe import Recipe
from flows.reports.upkeep import deliveries_markdown


@flow(name="backfill")
def backfill(
    recipe: RecipeChoice = DEMO_RECIPE,
    source: str = "",
    path: str = "",
    build: bool = True,  # noqa: FBT001, FBT002 - a flow's parameters are a form
    warehouse: Path = DEFAULT_WAREHOUSE,
) -> Published | None:
    """Keep older deliveries of a source that only gets more, and build the version that holds them.

    Args:
        recipe: One of the list, another recipe file, or a recipe filled in here.
        source: The source that they belong to; empty: the only one with delivery append.
        path: The older deliveries: a file, a folder, a glob or a URL; empty: only show what is kept.
        build: Build the next dataset version in this run; a new one starts the deployment retrain.
        warehouse: Folder that versions are published in.
    """
    loaded, store = chosen(recipe), Warehouse.create(warehouse)
    name_run(f"{loaded.name} backfill")
    if path.strip():
        done = keep_task(store.root, loaded, source.strip() or _only_source(loaded), path.strip())
        get_run_logger().info("%s: %d of %d files are new", done.source, done.kept, done.files)
    create_markdown_artifact(
        deliveries_markdown(loaded.name, store.increments(loaded.name)),
        key=artifact_key(DELIVERIES, loaded.name),
        description=loaded.name,
    )
    if not path.strip() or not build:
        return None
    return build_until(prepare(loaded, store.root, None), Stage.SHARD)


@task(name="keep deliveries", task_run_name="keep deliveries", **tasks.SETTINGS)
def keep_task(warehouse: Path, recipe: Recipe, source: str, path: str) -> Backfilled:
    """Keep older deliveries."""
    return keep(Warehouse(warehouse), recipe, source, path)


def _only_source(recipe: Recipe) -> str:
    names = [one.name for one in recipe.sources if one.delivery == "append"]
    if len(names) == 1:
        return names[0]
    problem = f"{len(names)} sources of the recipe have `delivery: append`"
    raise RecipeInvalid(recipe.name, "sources", problem, "Name the one that they belong to.")
