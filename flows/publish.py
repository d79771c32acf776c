"""Versions appear in the warehouse: assembled aside, manifest last, one rename. No Prefect here."""

import importlib.metadata
import shutil
from collections.abc import Callable
from pathlib import Path

from data_contracts.checks import (
    RELEASE_FILE,
    RELEASE_SUITES_FILE,
    SUITES_FILE,
    CheckOutcome,
    ContractResult,
)
from data_contracts.contract_stamp import ContractStamp
from data_contracts.contracts import Contracts
from data_contracts.errors import ContractFailed
from data_contracts.fingerprint import library_versions, sha256_of_file
from data_contracts.forgotten import FORGET_FILE
from data_contracts.frozen import Frozen
from data_contracts.gate import GATE_FILE, QUALITY_FILE, Gate, gated_files
from data_contracts.manifest import (
    DatasetManifest,
    ModelManifest,
    SourceEntry,
    list_files,
    now,
)
from data_contracts.reasons import Stage
from data_contracts.results import (
    RESULT_FILE,
    CleanResult,
    DedupResult,
    EvaluateResult,
    IngestResult,
    ShardResult,
    StageResult,
    TrainResult,
    ValidateResult,
    start_folder,
)
from data_contracts.seal import SEAL_FILE
from data_contracts.warehouse import Warehouse, link_tree
from flows.model_card import model_card
from flows.plan import DATA_STAGES, STAGES, Plan, data_keys, evaluation_key, model_key
from flows.recipe import Recipe

REPORT_FILE = "report.html"
CONTRACTS_FOLDER = "contracts"
"""The contracts that judged a version, as they were."""
MODEL_LIBRARIES = ("safetensors", "tokenizers", "torch")


class DataResults(Frozen):
    """The results of the data half, ingest to shard (shard: None when the gate failed)."""

    ingested: IngestResult
    cleaned: CleanResult
    deduped: DedupResult
    validated: ValidateResult
    sharded: ShardResult | None
    released: ContractResult | None = None
    """What was judged of the tokens; None: it did not come to that."""

    @property
    def checks(self) -> tuple[CheckOutcome, ...]:
        """Every check of the contracts, of both judgements."""
        return (*self.validated.checks, *(self.released.checks if self.released else ()))

    @property
    def contracts(self) -> tuple[ContractStamp, ...]:
        """The contracts of both judgements, each once."""
        released = self.released.contracts if self.released else ()
        return tuple(dict.fromkeys((*self.validated.contracts, *released)))

    @property
    def critical_failures(self) -> tuple[CheckOutcome, ...]:
        """Failed checks that block training."""
        return tuple(one for one in self.checks if not one.passed and one.severity == "critical")

    @property
    def warnings(self) -> tuple[CheckOutcome, ...]:
        """Failed checks that mark the version."""
        return tuple(one for one in self.checks if not one.passed and one.severity == "warning")

    @property
    def in_order(self) -> tuple[StageResult, ...]:
        """The results as the stages ran."""
        every = (self.ingested, self.cleaned, self.deduped, self.validated, self.sharded)
        return tuple(one for one in every if one is not None)


class Published(Frozen):
    """A version in the warehouse."""

    name: str
    """Its name."""
    version: str
    """Its version."""
    fingerprint: str
    """Its fingerprint."""
    path: Path
    """Its folder."""
    created: bool
    """Whether this run made it (False: it was there)."""

    @property
    def label(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


def publish_dataset(
    plan: Plan,
    results: DataResults,
    render: Callable[[Path, DatasetManifest], str],
    flow_run_id: str | None = None,
) -> Published:
    """Make a dataset version of the stages' results; call it under the dataset's lease.

    Args:
        plan: What was planned.
        results: What the stages made; the gate passed.
        render: Writes the report of an assembled version (its folder, its manifest so far).
        flow_run_id: The Prefect run that does it.

    Returns:
        The version; the one that is there when the fingerprint is not new.
    """
    warehouse, recipe, sharded = Warehouse(plan.warehouse), plan.recipe, results.sharded
    assert sharded is not None, "the gate passed"  # noqa: S101
    assert results.released is not None, "it was judged"  # noqa: S101
    keys = data_keys(recipe, plan.landed, sharded.tokenizer_sha256, plan.forgotten, plan.against)
    fingerprint = keys[Stage.SHARD]
    found = warehouse.dataset_with(recipe.name, fingerprint)
    if found is not None:
        return _published(found[1], found[0], created=False)
    version = warehouse.next_version("datasets", recipe.name, fingerprint)
    staging = warehouse.staging_folder("datasets", recipe.name, version)
    for path in sorted(sharded.folder.iterdir()):
        if path.name not in {RESULT_FILE, SEAL_FILE, RELEASE_SUITES_FILE}:
            link_tree(path, staging / path.name)
    link_tree(results.validated.quality, staging / QUALITY_FILE)
    _keep_contracts(staging, plan, results)
    gate = _write_gate(staging, results)
    if plan.forgotten.records:
        plan.forgotten.save(staging / FORGET_FILE)
    versions = warehouse.versions("datasets", recipe.name)
    manifest = DatasetManifest(
        name=recipe.name,
        version=version,
        fingerprint=fingerprint,
        created=now(),
        corpusmill=importlib.metadata.version("corpusmill"),
        recipe=recipe.model_dump(mode="json"),
        stage_keys={stage.value: key for stage, key in keys.items()},
        libraries=library_versions(sorted({n for m in STAGES.values() for n in m.LIBRARIES})),
        timings_seconds=_timings(plan, results),
        flow_run_id=flow_run_id,
        files=(),
        sources=_sources(plan, results),
        records_in=results.ingested.rows_in,
        records_kept=sharded.rows_kept,
        records_dropped=_dropped(results),
        documents=sharded.documents,
        tokens=sharded.tokens,
        repeated_tokens=sharded.repeated_tokens,
        tokenizer_sha256=sharded.tokenizer_sha256,
        contracts=results.contracts,
        warnings=tuple(check.description for check in results.warnings),
        parent=versions[-1] if versions else None,
    )
    (staging / REPORT_FILE).write_text(render(staging, manifest), encoding="utf-8")
    files = list_files(staging, {**gate.data_sha256, **sharded.sha256})
    manifest = manifest.model_copy(update={"files": files})
    manifest.save(staging)
    place = warehouse.version_folder("datasets", recipe.name, version)
    warehouse.publish(staging, place)
    return _published(manifest, place, created=True)


def publish_rejected(plan: Plan, results: DataResults, render: Callable[[Path], str]) -> Path:
    """Keep what a failed gate leaves: report, figures, ledger, signals; nothing to train on.

    Returns:
        The report's path.
    """
    warehouse = Warehouse(plan.warehouse)
    place = warehouse.rejected_folder(plan.recipe.name, plan.key(Stage.VALIDATE))
    staging = place.with_name(f".{place.name}.partial")
    start_folder(staging)
    link_tree(results.validated.quality, staging / QUALITY_FILE)
    link_tree(results.validated.ledger, staging / "ledger")
    link_tree(results.cleaned.signals, staging / "signals")
    _keep_contracts(staging, plan, results)
    (staging / REPORT_FILE).write_text(render(staging), encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    warehouse.publish(staging, place)
    return place / REPORT_FILE


def contract_failed(plan: Plan, results: DataResults, report: Path) -> ContractFailed:
    """Say why nothing was published."""
    failures = [
        f"{check.description}: {check.error or check.observed}"
        for check in results.critical_failures
    ] or ["no rule was evaluated"]
    return ContractFailed(plan.recipe.name, failures, report)


def publish_model(
    recipe: Recipe,
    warehouse: Warehouse,
    dataset: Published,
    trained: TrainResult,
    evaluated: EvaluateResult,
    judged: ContractResult,
    render: Callable[[Path, ModelManifest], str],
    flow_run_id: str | None = None,
) -> Published:
    """Make a model version, with its evaluation on its own dataset."""
    fingerprint = model_key(recipe, dataset.fingerprint)
    found = warehouse.model_with(recipe.name, fingerprint)
    if found is not None:
        return _published(found[1], found[0], created=False)
    version = warehouse.next_version("models", recipe.name, fingerprint)
    staging = warehouse.staging_folder("models", recipe.name, version)
    for path in sorted(trained.folder.iterdir()):
        if path.is_file() and path.name not in {RESULT_FILE, SEAL_FILE}:
            link_tree(path, staging / path.name)
    model_figures = [one for one in evaluated.figures if one.predictor == "model"]
    guesses = [one for one in evaluated.hidden if one.predictor == "model"]
    manifest = ModelManifest(
        name=recipe.name,
        version=version,
        fingerprint=fingerprint,
        created=now(),
        corpusmill=importlib.metadata.version("corpusmill"),
        recipe=recipe.model_dump(mode="json"),
        stage_keys={Stage.TRAIN.value: fingerprint},
        libraries=library_versions(MODEL_LIBRARIES),
        timings_seconds={
            Stage.TRAIN.value: trained.elapsed_seconds,
            Stage.EVALUATE.value: evaluated.elapsed_seconds,
        },
        flow_run_id=flow_run_id,
        files=(),
        dataset=dataset.label,
        dataset_fingerprint=dataset.fingerprint,
        parameters=trained.parameters,
        figures={
            "best_validation_loss": trained.best_validation_loss,
            **{f"{one.split}_bits_per_byte": one.bits_per_byte.value for one in model_figures},
            **{f"{one.split}_tokens_guessed": one.accuracy.value for one in guesses},
        },
        contracts=judged.contracts,
        failures=tuple(check.description for check in judged.critical_failures),
        warnings=tuple(check.description for check in judged.warnings),
    )
    (staging / REPORT_FILE).write_text(render(staging, manifest), encoding="utf-8")
    (staging / "README.md").write_text(model_card(manifest, trained, evaluated), encoding="utf-8")
    manifest = manifest.model_copy(update={"files": list_files(staging)})
    manifest.save(staging)
    place = warehouse.version_folder("models", recipe.name, version)
    warehouse.publish(staging, place)
    return _published(manifest, place, created=True)


def publish_evaluation(
    recipe: Recipe,
    warehouse: Warehouse,
    model: Published,
    dataset: Published,
    evaluated: EvaluateResult,
) -> Path:
    """Put an evaluation's figures beside those of other models and datasets."""
    key = evaluation_key(recipe, model.fingerprint, dataset.fingerprint)
    place = warehouse.evaluation_folder(model.label, dataset.label, key)
    if not place.exists():
        staging = place.with_name(f".{place.name}.partial")
        start_folder(staging)
        link_tree(evaluated.folder, staging)
        (staging / SEAL_FILE).unlink(missing_ok=True)
        warehouse.publish(staging, place)
    return place


def published_dataset(warehouse: Warehouse, wanted: str | None) -> Published:
    """Find a dataset version by NAME@VERSION, NAME, or None for the latest.

    Raises:
        VersionUnknown: There is none.
    """
    folder = warehouse.find("datasets", wanted)
    return _published(DatasetManifest.load(folder), folder, created=False)


def published_model(warehouse: Warehouse, wanted: str | None) -> Published:
    """Find a model version by NAME@VERSION, NAME, or None for the latest.

    Raises:
        VersionUnknown: There is none.
    """
    folder = warehouse.find("models", wanted)
    return _published(ModelManifest.load(folder), folder, created=False)


def _published(
    manifest: DatasetManifest | ModelManifest, path: Path, *, created: bool
) -> Published:
    return Published(
        name=manifest.name,
        version=manifest.version,
        fingerprint=manifest.fingerprint,
        path=path,
        created=created,
    )


def _keep_contracts(staging: Path, plan: Plan, results: DataResults) -> None:
    """Put the contracts beside what they judged, and what Great Expectations said of it."""
    folder = staging / CONTRACTS_FOLDER
    folder.mkdir(parents=True)
    for one in Contracts.load(plan.recipe.validation.contracts).members:
        (folder / f"{one.id}.odcs.yaml").write_bytes(one.path.read_bytes())
    link_tree(results.validated.suites, staging / SUITES_FILE)
    if results.sharded is not None and results.released is not None:
        results.released.save(staging / RELEASE_FILE)
        suites = results.sharded.folder / RELEASE_SUITES_FILE
        # Not linked: it is written anew each time that the same tokens are judged.
        (staging / RELEASE_SUITES_FILE).write_bytes(suites.read_bytes())


def _write_gate(staging: Path, results: DataResults) -> Gate:
    released = results.released
    gate = Gate(
        passed=results.validated.passed and bool(released and released.passed),
        checks=len(results.validated.checks),
        contracts=results.contracts,
        quality_sha256=sha256_of_file(staging / QUALITY_FILE),
        data_sha256=gated_files(staging),
    )
    (staging / GATE_FILE).write_text(gate.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return gate


def _timings(plan: Plan, results: DataResults) -> dict[str, float]:
    reused = {one.stage for one in plan.stages if one.reused}
    return {
        result.stage.value: 0.0 if result.stage in reused else result.elapsed_seconds
        for result in results.in_order
        if result.stage in DATA_STAGES
    }


def _dropped(results: DataResults) -> dict[str, int]:
    dropped: dict[str, int] = {}
    for result in results.in_order:
        for reason, count in result.rows_dropped.items():
            dropped[reason.value] = dropped.get(reason.value, 0) + count
    return dropped


def _sources(plan: Plan, results: DataResults) -> tuple[SourceEntry, ...]:
    read, last = results.ingested.sources, results.in_order[-1].sources
    return tuple(
        SourceEntry(
            name=source.name,
            path=source.path,
            license=source.license,
            files=len(landed.files),
            bytes=landed.bytes,
            digest=landed.digest,
            records_in=read[source.name].rows_in if source.name in read else 0,
            records_kept=last[source.name].rows_kept if source.name in last else 0,
        )
        for source, landed in zip(plan.recipe.sources, plan.landed, strict=True)
    )
