"""What flows share: a dataset and a model, built of tasks in order."""

from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from data_contracts.reasons import Stage
from data_contracts.results import EvaluateResult
from data_contracts.warehouse import Warehouse
from flows import steps, tasks
from flows.disk import a_full_disk_is_told
from flows.forms import chosen
from flows.freshness import note_checked
from flows.outbox import tell
from flows.plan import Plan, make_plan, model_key
from flows.publish import (
    DataResults,
    Published,
    contract_failed,
    published_dataset,
    published_model,
)
from flows.recipe import Recipe


def prepare(
    recipe: Path | Recipe,
    warehouse: Path,
    sample: int | None,
    changes: tuple[str, ...] = (),
    *,
    lock: Path | None = None,
    relearn_tokenizer: bool = False,
) -> Plan:
    """Load a recipe and plan its run (as `flows.plan.make_plan`); name the run after the dataset.

    Raises:
        CorpusError: The recipe is wrong, a source is missing, the disk is too small.
    """
    plan = make_plan(
        chosen(recipe, changes).sampled(sample),
        Warehouse.create(warehouse),
        lock=lock and lock.absolute(),
        relearn_tokenizer=relearn_tokenizer,
    )
    plan.require_room()
    logger = get_run_logger()
    logger.info(
        "dataset `%s`: %d sources, %d files, %.1f MB",
        plan.recipe.name,
        len(plan.landed),
        sum(len(source.files) for source in plan.landed),
        plan.bytes_landed / 1e6,
    )
    for stage in plan.stages:
        logger.info("%s: %s", stage.stage.value, "reused" if stage.reused else "to do")
    name_run(f"{plan.recipe.name} {flow_run.get_flow_name()}")
    return plan


def build_until(plan: Plan, last: Stage, *, training: bool = False) -> Published | None:
    """Run the stages of the data half up to one; `shard` ends in a dataset version.

    Args:
        plan: What to run.
        last: The last stage.
        training: Whether the same run trains on the version: nobody else is asked to, then.

    Raises:
        ContractFailed: A critical check failed; the rejected folder holds the evidence.
        DiskFull: There was less room than the plan took for enough.
    """
    warehouse = Warehouse(plan.warehouse)
    with a_full_disk_is_told(warehouse.root), warehouse.lease(plan.recipe.name):
        if kept := steps.keep_deliveries(plan):
            get_run_logger().info("kept %d new deliveries", kept)
        if last is Stage.SHARD and plan.dataset_version is not None:
            get_run_logger().info("the dataset is up to date: %s", plan.dataset_version)
            note_checked(warehouse, plan.recipe.name)
            return published_dataset(warehouse, f"{plan.recipe.name}@{plan.dataset_version}")
        ingested = tasks.ingest_task(plan)
        if last is Stage.INGEST:
            return None
        cleaned = tasks.clean_task(plan, ingested)
        if last is Stage.CLEAN:
            return None
        deduped = tasks.dedup_task(plan, cleaned)
        if last is Stage.DEDUP:
            return None
        validated = tasks.validate_task(plan, ingested, cleaned, deduped)
        results = DataResults(
            ingested=ingested,
            cleaned=cleaned,
            deduped=deduped,
            validated=validated,
            sharded=None,
        )
        _stop_if_rejected(plan, results)
        if last is Stage.VALIDATE:
            return None
        sharded = tasks.shard_task(plan, cleaned, deduped, validated)
        released = tasks.release_task(plan, validated, sharded)
        results = results.model_copy(update={"sharded": sharded, "released": released})
        _stop_if_rejected(plan, results)
        published = tasks.publish_dataset_task(plan, results)
        note_checked(warehouse, plan.recipe.name)
    tell(warehouse, training=training)
    return published


def build_model(recipe: Recipe, warehouse: Warehouse, dataset: Published) -> Published:
    """Train and measure the recipe's model on a dataset version, unless it is there."""
    with a_full_disk_is_told(warehouse.root), warehouse.lease(f"{recipe.name}-model"):
        fingerprint = model_key(recipe, dataset.fingerprint)
        found = warehouse.model_with(recipe.name, fingerprint)
        if found is not None:
            model = published_model(warehouse, f"{recipe.name}@{found[1].version}")
            measure_model(recipe, warehouse, model, dataset)
            return model
        trained = tasks.train_task(recipe, warehouse.root, dataset)
        evaluated = tasks.evaluate_task(
            recipe, warehouse.root, trained.folder, fingerprint, dataset
        )
        model = tasks.publish_model_task(recipe, warehouse.root, dataset, trained, evaluated)
        tasks.publish_evaluation_task(recipe, warehouse.root, model, dataset, evaluated)
    tell(warehouse)
    return model


def measure_model(
    recipe: Recipe, warehouse: Warehouse, model: Published, dataset: Published
) -> EvaluateResult:
    """Measure a model version on a dataset version."""
    evaluated = tasks.evaluate_task(recipe, warehouse.root, model.path, model.fingerprint, dataset)
    tasks.publish_evaluation_task(recipe, warehouse.root, model, dataset, evaluated)
    return evaluated


def name_run(name: str) -> None:
    """Rename the flow run that is going on."""
    identity = flow_run.get_id()
    if identity is not None:
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run_id=UUID(identity), name=name)


def _stop_if_rejected(plan: Plan, results: DataResults) -> None:
    latest = results.released or results.validated
    for check in latest.warnings:
        get_run_logger().warning("contract: %s: %s", check.description, check.observed)
    if latest.passed:
        return
    report = tasks.reject_dataset_task(plan, results)
    error = contract_failed(plan, results, report)
    tell(Warehouse(plan.warehouse))
    raise error
