"""The stages of one plan, each run once or taken from the cache. Works without Prefect.

`flows.tasks` wraps these functions one to one; notebooks and other orchestrators call them directly.
"""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from data_contracts.errors import RecipeInvalid, SourceChanged
from data_contracts.fingerprint import fingerprint
from data_contracts.manifest import now
from data_contracts.progress import Progress, silent
from data_contracts.reasons import Stage
from data_contracts.results import (
    RESULT_FILE,
    CleanResult,
    DedupResult,
    EvaluateResult,
    IngestResult,
    Result,
    ShardResult,
    TrainResult,
    ValidateResult,
    check_chain,
)
from data_contracts.seal import SEAL_FILE, broken_files, seal
from data_contracts.warehouse import Warehouse
from flows.decontamination import evaluation_files
from flows.disk import a_full_disk_is_told
from flows.plan import Plan, data_keys, evaluation_key, model_key, stage_versions
from flows.publish import Published
from flows.recipe import Recipe

_LOG = logging.getLogger(__name__)

AnyResult = TypeVar("AnyResult", bound=Result)


def keep_deliveries(plan: Plan) -> int:
    """Copy deliveries of sources that only ever get more, before anything is made of them.

    Call it under the dataset's lease.

    Returns:
        How many were new.

    Raises:
        SourceChanged: A file is not what it was when the plan was made.
    """
    from pipeline.ingest.increments import keep  # noqa: PLC0415

    if not plan.to_keep:
        return 0
    folder, when = Warehouse(plan.warehouse).increments(plan.recipe.name), now()
    pairs = zip(plan.recipe.sources, plan.landed, strict=True)
    with a_full_disk_is_told(folder):
        return sum(keep(source, landed, folder, when) for source, landed in pairs)


def run_ingest(plan: Plan, progress: Progress = silent) -> IngestResult:
    """Read the sources.

    Raises:
        SourceChanged: A source is no longer what the plan was made for.
        CorpusError: As `pipeline.ingest.stage.ingest`.
    """
    from pipeline.ingest.increments import land_all  # noqa: PLC0415
    from pipeline.ingest.stage import ingest  # noqa: PLC0415

    recipe, warehouse = plan.recipe, Warehouse(plan.warehouse)
    kept = warehouse.increments(recipe.name)
    cache = _records(plan, Stage.INGEST)

    def work(folder: Path) -> IngestResult:
        result = ingest(
            recipe.sources,
            recipe.ingest,
            folder,
            forgotten=plan.forgotten,
            increments=kept,
            cache=cache,
            progress=progress,
        )
        for source, before in zip(recipe.sources, plan.landed, strict=True):
            if land_all(source, warehouse.landing_memo(), kept).digest != before.digest:
                (folder / "result.json").unlink()
                raise SourceChanged(source.name, source.path)
        return result

    return _planned(plan, Stage.INGEST, IngestResult, work)


def run_clean(plan: Plan, ingested: IngestResult, progress: Progress = silent) -> CleanResult:
    """Normalise, measure and judge the records.

    Raises:
        RecipeInvalid: What the recipe brings itself changed meanwhile, or does not work.
    """
    from pipeline.clean.stage import CleanInputs, clean  # noqa: PLC0415

    recipe = plan.recipe
    languages = {one.name: one.language for one in recipe.sources if one.language is not None}
    inputs = CleanInputs(ingested=ingested, declared_languages=languages)
    cache = _records(plan, Stage.CLEAN)

    def work(folder: Path) -> CleanResult:
        result = clean(inputs, recipe.clean, folder, cache=cache, progress=progress)
        planned = (plan.landed, plan.tokenizer_sha256, plan.forgotten, plan.against)
        if data_keys(recipe, *planned)[Stage.CLEAN] != plan.key(Stage.CLEAN):
            (folder / "result.json").unlink()
            problem = "the quality model, or an own signal or rule, changed during the run"
            raise RecipeInvalid(
                recipe.name, "clean", problem, "Run again when it is as it shall be."
            )
        return result

    result = _planned(plan, Stage.CLEAN, CleanResult, work)
    check_chain(ingested, result)
    return result


def run_dedup(plan: Plan, cleaned: CleanResult, progress: Progress = silent) -> DedupResult:
    """Find duplicates, elect survivors, and drop what repeats evaluation sets.

    Raises:
        SourceChanged: An evaluation set is no longer what the plan was made for.
        CorpusError: An evaluation set cannot be read.
    """
    from pipeline.dedup.stage import DedupInputs, dedup  # noqa: PLC0415

    recipe = plan.recipe
    priorities = {source.name: source.priority for source in recipe.sources}
    warehouse = Warehouse(plan.warehouse)
    cache = _records(plan, Stage.DEDUP)

    def work(folder: Path) -> DedupResult:
        with TemporaryDirectory() as texts:
            files = evaluation_files(recipe, warehouse, plan.against, Path(texts), progress)
            inputs = DedupInputs(
                cleaned=cleaned,
                split=recipe.split,
                source_priority=priorities,
                evaluation_sets=files,
            )
            return dedup(inputs, recipe.dedup, folder, cache=cache, progress=progress)

    result = _planned(plan, Stage.DEDUP, DedupResult, work)
    check_chain(cleaned, result)
    return result


def run_validate(
    plan: Plan,
    ingested: IngestResult,
    cleaned: CleanResult,
    deduped: DedupResult,
    progress: Progress = silent,
) -> ValidateResult:
    """Check the contract; look at `passed`."""
    from pipeline.validate.stage import ValidateInputs, validate  # noqa: PLC0415

    recipe = plan.recipe
    inputs = ValidateInputs(
        dataset=recipe.name,
        ingested=ingested,
        cleaned=cleaned,
        deduped=deduped,
        licenses={source.name: source.license for source in recipe.sources},
        jaccard_threshold=recipe.dedup.jaccard_threshold,
        languages=recipe.clean.languages,
        personal_data=recipe.clean.pii.model_dump(),
    )
    cache = _records(plan, Stage.VALIDATE)
    return _planned(
        plan,
        Stage.VALIDATE,
        ValidateResult,
        lambda folder: validate(inputs, recipe.validation, folder, cache=cache, progress=progress),
    )


def run_shard(
    plan: Plan,
    cleaned: CleanResult,
    deduped: DedupResult,
    validated: ValidateResult,
    progress: Progress = silent,
) -> ShardResult:
    """Write documents and tokens."""
    from pipeline.shard.stage import ShardInputs, shard  # noqa: PLC0415

    recipe = plan.recipe
    inputs = ShardInputs(
        dataset=recipe.name,
        cleaned=cleaned,
        deduped=deduped,
        validated=validated,
        licenses={source.name: source.license for source in recipe.sources},
        metadata=_metadata(plan),
        lock=plan.lock,
    )
    cache = _records(plan, Stage.SHARD)
    result = _planned(
        plan,
        Stage.SHARD,
        ShardResult,
        lambda folder: shard(inputs, recipe.shard, folder, cache=cache, progress=progress),
    )
    check_chain(deduped, result)
    return result


def _metadata(plan: Plan) -> Path | None:
    """Find what ingest kept beside the text; None: no source of the recipe keeps any."""
    if not any(source.metadata_fields or source.constants for source in plan.recipe.sources):
        return None
    folder = Warehouse(plan.warehouse).run_folder(Stage.INGEST, plan.key(Stage.INGEST))
    ingested = IngestResult.load(folder)
    assert ingested is not None, "no stage runs before it"  # noqa: S101
    return ingested.metadata


def run_train(
    recipe: Recipe, warehouse: Warehouse, dataset: Published, progress: Progress = silent
) -> TrainResult:
    """Train the recipe's model on a dataset version; a killed run continues."""
    from model.train import TrainInputs, train  # noqa: PLC0415

    assert recipe.train is not None, "the caller looked"  # noqa: S101
    settings = recipe.train
    inputs = TrainInputs(dataset=dataset.path)
    return _once(
        warehouse,
        warehouse.run_folder(Stage.TRAIN, model_key(recipe, dataset.fingerprint)),
        TrainResult,
        lambda folder: train(inputs, settings, folder, progress=progress),
    )


def run_evaluate(
    recipe: Recipe,
    warehouse: Warehouse,
    model: Path,
    model_fingerprint: str,
    dataset: Published,
    progress: Progress = silent,
) -> EvaluateResult:
    """Measure a model, published or just trained, on a dataset version."""
    from model.evaluate import EvaluateInputs, evaluate  # noqa: PLC0415

    inputs = EvaluateInputs(model=model, dataset=dataset.path)
    key = evaluation_key(recipe, model_fingerprint, dataset.fingerprint)
    return _once(
        warehouse,
        warehouse.run_folder(Stage.EVALUATE, key),
        EvaluateResult,
        lambda folder: evaluate(inputs, recipe.evaluate, folder, progress=progress),
    )


def _planned(
    plan: Plan, stage: Stage, result_type: type[AnyResult], work: Callable[[Path], AnyResult]
) -> AnyResult:
    """Run a stage of the data half under the key that the plan gave it."""
    warehouse = Warehouse(plan.warehouse)
    return _once(warehouse, warehouse.run_folder(stage, plan.key(stage)), result_type, work)


def _once(
    warehouse: Warehouse,
    folder: Path,
    result_type: type[AnyResult],
    work: Callable[[Path], AnyResult],
) -> AnyResult:
    """Take a result from the cache, or do the work into the cache."""
    with a_full_disk_is_told(warehouse.root), warehouse.only_worker(folder):
        done = _found(folder, result_type)
        if done is None:
            with a_full_disk_is_told(folder):
                done = work(folder)
                seal(folder)
    return done


def _found(folder: Path, result_type: type[AnyResult]) -> AnyResult | None:
    """Find a result; what is not as the stage left it, or was never sealed, must be done again."""
    if not (folder / RESULT_FILE).exists():
        return None
    broken = broken_files(folder)
    if not broken:
        os.utime(folder)  # the cache forgets what was least recently used
        return result_type.load(folder)
    if broken[0].name != SEAL_FILE:
        _LOG.warning("%s is not what was cached: the stage runs again", broken[0])
    shutil.rmtree(folder)
    return None


def record_cache_keys(recipe: Recipe) -> dict[Stage, str]:
    """Name the caches of results per record: all that decides a result, beside the record."""
    from pipeline.clean.own import measured_by  # noqa: PLC0415

    edited = [stage_versions(Stage.CLEAN), recipe.clean.edits_alone]
    decides: dict[Stage, object] = {
        Stage.INGEST: stage_versions(Stage.INGEST),
        Stage.CLEAN: [edited, measured_by(recipe.clean)],
        Stage.DEDUP: [edited, stage_versions(Stage.DEDUP), recipe.dedup.num_permutations],
        # Clean's version stands for the finding of personal data, too.
        Stage.VALIDATE: [stage_versions(Stage.CLEAN), stage_versions(Stage.VALIDATE)],
        Stage.SHARD: [edited, stage_versions(Stage.SHARD), "by content_id"],
    }
    return {stage: fingerprint(one) for stage, one in decides.items()}


def _records(plan: Plan, stage: Stage) -> Path:
    return Warehouse(plan.warehouse).record_cache(stage, record_cache_keys(plan.recipe)[stage])
