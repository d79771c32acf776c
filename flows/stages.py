"""One flow per stage, each usable by itself from the Prefect pages.

Flows from ingest to shard take a recipe, reuse what exists and stop after their stage; train and
evaluate take versions that are in the warehouse.
"""

from collections.abc import Callable
from pathlib import Path

from prefect import flow

from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.reasons import Stage
from data_contracts.results import EvaluateResult
from data_contracts.warehouse import Warehouse
from flows.building import (
    build_model,
    build_until,
    measure_model,
    name_run,
    prepare,
)
from flows.candidates import stand
from flows.forms import RecipeChoice
from flows.places import DEFAULT_WAREHOUSE, DEMO_RECIPE
from flows.promotion import Standing
from flows.publish import Published, published_dataset, published_model
from flows.recipe import Recipe, parse_recipe
from model.recipe import EvaluateRecipe, TrainRecipe

ARGUMENTS = """

Args:
    recipe: One of the list, another recipe file, or a recipe filled in here.
    changes: Fields of the recipe to set for this run, such as dedup.jaccard_threshold=0.7 (one
        each; mill explain lists them).
    sample: Take only so many records of each source, to try a recipe out.
    warehouse: Folder that versions are published in.
"""
"""The help of the form's fields, as Prefect reads it off a docstring."""


def _flow_until(last: Stage, description: str) -> Callable[..., Published | None]:
    """Make the flow that runs the data half up to a stage."""

    def run(
        recipe: RecipeChoice = DEMO_RECIPE,
        changes: tuple[str, ...] = (),
        sample: int | None = None,
        warehouse: Path = DEFAULT_WAREHOUSE,
    ) -> Published | None:
        return build_until(prepare(recipe, warehouse, sample, changes), last)

    run.__doc__ = description + ARGUMENTS
    return flow(name=last.value, description=description)(run)


ingest = _flow_until(Stage.INGEST, "Read a recipe's sources into records, and stop.")
clean = _flow_until(Stage.CLEAN, "Normalise, measure and judge a recipe's records, and stop.")
dedup = _flow_until(Stage.DEDUP, "Find a recipe's duplicates and elect survivors, and stop.")
validate = _flow_until(Stage.VALIDATE, "Check a recipe's data against its contract, and stop.")
shard = _flow_until(
    Stage.SHARD, "Publish the dataset version that a recipe describes, and stop before training."
)


@flow(name="train")
def train(
    dataset: str | None = None,
    settings: TrainRecipe | None = None,
    warehouse: Path = DEFAULT_WAREHOUSE,
) -> Published:
    """Train, measure and publish a model on a dataset version.

    Args:
        dataset: NAME@VERSION, or NAME for its latest version; empty: the latest of all.
        settings: How to train; empty: as the recipe of the dataset says.
        warehouse: Folder that versions are published in.
    """
    store = Warehouse.existing(warehouse)
    found = published_dataset(store, dataset)
    recipe = _recipe_of(found.path)
    recipe = recipe.model_copy(update={"train": settings or recipe.train or TrainRecipe()})
    name_run(f"{found.label} train")
    return build_model(recipe, store, found)


@flow(name="evaluate")
def evaluate(
    model: str | None = None,
    dataset: str | None = None,
    settings: EvaluateRecipe | None = None,
    warehouse: Path = DEFAULT_WAREHOUSE,
) -> EvaluateResult:
    """Measure a model version on a dataset version.

    Args:
        model: NAME@VERSION, or NAME for its latest version; empty: the latest of all.
        dataset: NAME@VERSION or NAME; empty: the dataset that the model was trained on.
        settings: How to measure; empty: as the recipe of the dataset says.
        warehouse: Folder that versions are published in.
    """
    store = Warehouse.existing(warehouse)
    measured = published_model(store, model)
    wanted = dataset or ModelManifest.load(measured.path).dataset
    on = published_dataset(store, wanted)
    recipe = _recipe_of(on.path)
    recipe = recipe.model_copy(update={"evaluate": settings or recipe.evaluate})
    name_run(f"{measured.label} on {on.label}")
    return measure_model(recipe, store, measured, on)


@flow(name="retrain")
def retrain(
    dataset: str | None = None,
    settings: TrainRecipe | None = None,
    warehouse: Path = DEFAULT_WAREHOUSE,
) -> Standing:
    """Train on a dataset version, and hold the model against the one in production.

    Doing it twice does nothing new: a model is known by its dataset version and its settings.

    Args:
        dataset: NAME@VERSION, or NAME for its latest version; empty: the latest of all.
        settings: How to train; empty: as the recipe of the dataset says.
        warehouse: Folder that versions are published in.
    """
    store = Warehouse.existing(warehouse)
    found = published_dataset(store, dataset)
    recipe = _recipe_of(found.path)
    recipe = recipe.model_copy(update={"train": settings or recipe.train or TrainRecipe()})
    name_run(f"{found.label} retrain")
    return stand(store, recipe, found, build_model(recipe, store, found))


def _recipe_of(version: Path) -> Recipe:
    return parse_recipe(DatasetManifest.load(version).recipe, version)
