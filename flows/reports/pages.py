"""The pages that publishing writes: gather, then render."""

from pathlib import Path

from data_contracts.aliases import Alias
from data_contracts.checks import ContractResult
from data_contracts.contract_diff import RuleChange, diff_contracts
from data_contracts.errors import ContractInvalid
from data_contracts.fingerprint import library_versions
from data_contracts.gate import QUALITY_FILE
from data_contracts.manifest import DatasetManifest, ModelManifest, now
from data_contracts.quality import Quality
from data_contracts.reasons import Stage
from data_contracts.results import EvaluateResult, TrainResult
from data_contracts.warehouse import Warehouse
from flows.contract_files import kept_contracts
from flows.plan import STAGES, Plan
from flows.publish import DataResults
from flows.reports.dataset_page import render_dataset
from flows.reports.dataset_report import Origin, gather_dataset
from flows.reports.model_page import render_model
from flows.reports.model_report import gather_model


def _others(warehouse: Warehouse, name: str) -> list[tuple[str, str, Quality]]:
    """Give the figures of the versions that a new one is compared with."""
    latest = warehouse.latest("datasets", name)
    production = warehouse.aliases.target(name, Alias.PRODUCTION)
    before = f"{name}@{latest.name}" if latest else None
    in_use = production.dataset if production else None
    roles = {
        before: "the version before" if before != in_use else "the version before, in production",
        in_use: "production" if before != in_use else "the version before, in production",
    }
    return [
        (label, role, Quality.load(warehouse.find("datasets", label) / QUALITY_FILE))
        for label, role in roles.items()
        if label is not None
    ]


def dataset_page(
    folder: Path, manifest: DatasetManifest, results: DataResults, warehouse: Warehouse
) -> str:
    """Write the page of a dataset version.

    Args:
        folder: The version's folder, with quality.json.
        manifest: Its manifest so far.
        results: What the stages made.
        warehouse: Holds the versions that it is compared with.
    """
    others = _others(warehouse, manifest.name)
    origin = Origin.of(manifest)
    return render_dataset(
        gather_dataset(
            folder,
            origin,
            results.in_order,
            others,
            results.released,
            _contract_changes(folder, warehouse, manifest.name),
        )
    )


def _contract_changes(folder: Path, warehouse: Warehouse, name: str) -> tuple[RuleChange, ...]:
    """Compare the contracts of a version with those of the one before; unreadable ones say nothing."""
    latest = warehouse.latest("datasets", name)
    if latest is None:
        return ()
    try:
        return diff_contracts(kept_contracts(latest), kept_contracts(folder))
    except ContractInvalid:  # another version of the mill wrote them
        return ()


def rejected_page(folder: Path, plan: Plan, results: DataResults) -> str:
    """Write the page of what a failed gate leaves.

    Args:
        folder: The rejected folder, with quality.json.
        plan: What was planned.
        results: What the stages made, up to validate.
    """
    done = {one.stage for one in results.in_order}
    ran = {one.stage: one for one in plan.stages if one.stage in done}
    origin = Origin(
        name=plan.recipe.name,
        version=None,
        fingerprint=plan.key(Stage.VALIDATE),
        created=now(),
        corpusmill=library_versions(["corpusmill"])["corpusmill"],
        libraries=library_versions(sorted({n for s in ran for n in STAGES[s].LIBRARIES})),
        stage_keys={stage.value: one.key for stage, one in ran.items()},
        recipe=plan.recipe.model_dump(mode="json"),
        reused=frozenset(stage for stage, one in ran.items() if one.reused),
        files={one.name: (len(one.files), one.bytes) for one in plan.landed},
    )
    others = _others(Warehouse(plan.warehouse), plan.recipe.name)
    return render_dataset(
        gather_dataset(folder, origin, results.in_order, others, results.released)
    )


def model_page(
    folder: Path,
    manifest: ModelManifest,
    trained: TrainResult,
    evaluated: EvaluateResult,
    judged: ContractResult | None = None,
) -> str:
    """Write the page of a model version.

    Args:
        folder: The version's folder, with metrics.jsonl.
        manifest: Its manifest so far.
        trained: What training returned.
        evaluated: What evaluation on its own dataset returned.
        judged: What the contract says of its figures.
    """
    return render_model(gather_model(folder, manifest, trained, evaluated, judged))
