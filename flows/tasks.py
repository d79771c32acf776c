"""One task per stage and per coarse step: retries, logs, progress, artifacts; no logic.

Tasks take and return small JSON-able values, never tables, and cache nothing through Prefect: the
warehouse knows what is there.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from data_contracts.checks import ContractResult
from data_contracts.progress import Progress
from data_contracts.reasons import Stage
from data_contracts.results import (
    CleanResult,
    DedupResult,
    EvaluateResult,
    IngestResult,
    Result,
    ShardResult,
    StageResult,
    TrainResult,
    ValidateResult,
)
from data_contracts.warehouse import Warehouse
from flows import promotion, publish, release, scorecard, steps
from flows.artifact_keys import CONTRACT, SCORECARD, artifact_key
from flows.listeners import StageListener
from flows.plan import Plan
from flows.promotion import Standing
from flows.publish import DataResults, Published
from flows.recipe import Recipe
from flows.reports import artifacts, pages
from flows.watchdog import ended_when_it_hangs

AnyResult = TypeVar("AnyResult", bound=Result)


def worth_retrying(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Retry only errors that say a moment later may be different."""
    return bool(getattr(state.result(raise_on_failure=False), "retryable", False))


STAGE_HOURS = "MILL_STAGE_HOURS"
"""Environment variable: hours after which a stage is stopped, 72 by default; a rerun continues."""
LIMIT_SECONDS = 3600 * float(os.environ.get(STAGE_HOURS, "72"))
"""The same in seconds. What cannot be stopped is ended soon after: `flows.watchdog`."""
SETTINGS: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "timeout_seconds": LIMIT_SECONDS,
    "retries": 3,
    "retry_delay_seconds": [1, 10, 60],
    "retry_condition_fn": worth_retrying,
}


@task(name="ingest", task_run_name="ingest", **SETTINGS)
def ingest_task(plan: Plan) -> IngestResult:
    """Read the sources into records."""
    return _stage(
        Stage.INGEST,
        plan.recipe,
        lambda heard: steps.run_ingest(plan, heard),
        artifacts.ingest_markdown,
    )


@task(name="clean", task_run_name="clean", **SETTINGS)
def clean_task(plan: Plan, ingested: IngestResult) -> CleanResult:
    """Normalise, measure and judge the records."""
    return _stage(
        Stage.CLEAN,
        plan.recipe,
        lambda heard: steps.run_clean(plan, ingested, heard),
        artifacts.clean_markdown,
    )


@task(name="dedup", task_run_name="dedup", **SETTINGS)
def dedup_task(plan: Plan, cleaned: CleanResult) -> DedupResult:
    """Find duplicates and elect survivors."""
    return _stage(
        Stage.DEDUP,
        plan.recipe,
        lambda heard: steps.run_dedup(plan, cleaned, heard),
        artifacts.dedup_markdown,
    )


@task(name="validate", task_run_name="validate", **SETTINGS)
def validate_task(
    plan: Plan, ingested: IngestResult, cleaned: CleanResult, deduped: DedupResult
) -> ValidateResult:
    """Check the contract."""
    return _stage(
        Stage.VALIDATE,
        plan.recipe,
        lambda heard: steps.run_validate(plan, ingested, cleaned, deduped, heard),
        artifacts.validate_markdown,
    )


@task(name="shard", task_run_name="shard", **SETTINGS)
def shard_task(
    plan: Plan, cleaned: CleanResult, deduped: DedupResult, validated: ValidateResult
) -> ShardResult:
    """Write documents and tokens."""
    return _stage(
        Stage.SHARD,
        plan.recipe,
        lambda heard: steps.run_shard(plan, cleaned, deduped, validated, heard),
        artifacts.shard_markdown,
    )


@task(name="check contract", task_run_name="check contract", **SETTINGS)
def release_task(plan: Plan, validated: ValidateResult, sharded: ShardResult) -> ContractResult:
    """Judge the tokens, drift and ages of a version before it appears."""
    found = release.judge(plan, validated, sharded)
    create_markdown_artifact(
        artifacts.release_markdown(found),
        key=artifact_key(CONTRACT, plan.recipe.name),
        description="the version's contract",
    )
    return found


@task(name="publish dataset", task_run_name="publish dataset", **SETTINGS)
def publish_dataset_task(plan: Plan, results: DataResults) -> Published:
    """Let the dataset version appear."""
    published = publish.publish_dataset(
        plan,
        results,
        lambda folder, manifest: pages.dataset_page(
            folder, manifest, results, Warehouse(plan.warehouse)
        ),
        flow_run.get_id(),
    )
    _say_published("dataset", published)
    return published


@task(name="reject dataset", task_run_name="reject dataset", **SETTINGS)
def reject_dataset_task(plan: Plan, results: DataResults) -> Path:
    """Keep what a failed gate leaves."""
    return publish.publish_rejected(
        plan, results, lambda folder: pages.rejected_page(folder, plan, results)
    )


@task(name="train", task_run_name="train", **SETTINGS)
def train_task(recipe: Recipe, warehouse: Path, dataset: Published) -> TrainResult:
    """Train the model."""
    return _stage(
        Stage.TRAIN,
        recipe,
        lambda heard: steps.run_train(recipe, Warehouse(warehouse), dataset, heard),
        artifacts.train_markdown,
    )


@task(name="evaluate", task_run_name="evaluate", **SETTINGS)
def evaluate_task(
    recipe: Recipe, warehouse: Path, model: Path, model_fingerprint: str, dataset: Published
) -> EvaluateResult:
    """Measure the model."""
    return _stage(
        Stage.EVALUATE,
        recipe,
        lambda heard: steps.run_evaluate(
            recipe, Warehouse(warehouse), model, model_fingerprint, dataset, heard
        ),
        artifacts.evaluate_markdown,
    )


@task(name="publish model", task_run_name="publish model", **SETTINGS)
def publish_model_task(
    recipe: Recipe,
    warehouse: Path,
    dataset: Published,
    trained: TrainResult,
    evaluated: EvaluateResult,
) -> Published:
    """Judge the model's scorecard, and let the version appear."""
    judged = scorecard.judge_scorecard(recipe, trained, evaluated)
    create_markdown_artifact(
        artifacts.scorecard_markdown(judged),
        key=artifact_key(SCORECARD, recipe.name),
        description="the model's contract",
    )
    published = publish.publish_model(
        recipe,
        Warehouse(warehouse),
        dataset,
        trained,
        evaluated,
        judged,
        lambda folder, manifest: pages.model_page(folder, manifest, trained, evaluated, judged),
        flow_run.get_id(),
    )
    _say_published("model", published)
    return published


@task(name="publish evaluation", task_run_name="publish evaluation", **SETTINGS)
def publish_evaluation_task(
    recipe: Recipe,
    warehouse: Path,
    model: Published,
    dataset: Published,
    evaluated: EvaluateResult,
) -> Path:
    """Let the figures appear."""
    return publish.publish_evaluation(recipe, Warehouse(warehouse), model, dataset, evaluated)


@task(name="compare with production", task_run_name="compare with production", **SETTINGS)
def judge_task(warehouse: Path, standing: Standing) -> Standing:
    """Measure a candidate against production."""
    return promotion.judge(Warehouse(warehouse), standing)


def _stage(
    stage: Stage,
    recipe: Recipe,
    run: Callable[[Progress], AnyResult],
    describe: Callable[[AnyResult], str],
) -> AnyResult:
    """Run a stage, with progress, and leave a log line and an artifact."""
    heard = StageListener(stage, recipe.name)
    try:
        with _guarded(stage):
            result = run(heard)
    except BaseException:
        heard.give_up()
        raise
    outcome = _in_words(result)
    heard.finish(outcome)
    get_run_logger().info("%s: %s", stage.value, outcome)
    create_markdown_artifact(
        describe(result), key=artifact_key(stage.value, recipe.name), description=outcome
    )
    return result


def _guarded(stage: Stage) -> AbstractContextManager[None]:
    here = TaskRunContext.get()
    client = here.client if here else None
    return ended_when_it_hangs(
        stage.value,
        LIMIT_SECONDS,
        api_url=str(client.api_url) if client else None,
        flow_run=flow_run.get_id(),
        task_run=str(here.task_run.id) if here else None,
    )


def _in_words(result: Result) -> str:
    if isinstance(result, StageResult):
        dropped = sum(result.rows_dropped.values())
        return (
            f"{result.rows_in:,} records in, {result.rows_kept:,} kept, {dropped:,} dropped; "
            f"{result.megabytes_per_second:,.1f} MB/s"
        )
    if isinstance(result, TrainResult):
        return (
            f"{result.steps:,} steps, {result.parameters / 1e6:.2f} M parameters, "
            f"validation loss {result.best_validation_loss:.3f}"
        )
    if isinstance(result, EvaluateResult):
        found = ", ".join(
            f"{one.split} {one.bits_per_byte.value:.3f}"
            for one in result.figures
            if one.predictor == "model"
        )
        guessed = ", ".join(
            f"{one.split} {one.accuracy.value:.1%}"
            for one in result.hidden
            if one.predictor == "model"
        )
        said = f"hidden tokens guessed: {guessed}" if guessed else f"bits per byte: {found}"
        verdict = "beats" if result.beats_baselines else "does not clearly beat"
        return f"{said}; {verdict} every baseline"
    return f"done in {result.elapsed_seconds:,.1f} s"


def _say_published(kind: str, published: Published) -> None:
    verb = "published" if published.created else "is there already"
    get_run_logger().info("%s %s %s: %s", kind, published.label, verb, published.path)
