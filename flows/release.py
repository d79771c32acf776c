"""Judging a version before it appears: gathers what `pipeline.validate.release` looks at. No Prefect."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from data_contracts.aliases import Alias
from data_contracts.checks import ContractResult
from data_contracts.gate import QUALITY_FILE
from data_contracts.manifest import DatasetManifest, now
from data_contracts.quality import Quality
from data_contracts.results import ShardResult, ValidateResult
from data_contracts.warehouse import Warehouse
from flows.plan import Plan

_DAY_SECONDS: Final = 86_400


def judge(plan: Plan, validated: ValidateResult, sharded: ShardResult) -> ContractResult:
    """Judge a version that is about to be published.

    Raises:
        SchemaMismatch: The figures of the version in production cannot be read.
        VersionUnknown: The version in production is not there.
    """
    from pipeline.validate.release import ReleaseInputs, judge_release  # noqa: PLC0415

    warehouse = Warehouse(plan.warehouse)
    inputs = ReleaseInputs(
        sharded=sharded,
        quality=Quality.load(validated.quality),
        production=production_quality(warehouse, plan.recipe.name),
        days_since_previous=_days_since_previous(warehouse, plan.recipe.name),
        days_since_newest_file=_days_since_newest_file(plan),
    )
    return judge_release(inputs, plan.recipe.validation)


def production_quality(warehouse: Warehouse, name: str) -> Quality | None:
    """Read the figures of the version in production; None: nothing is.

    Raises:
        SchemaMismatch: They cannot be read.
        VersionUnknown: The version is not there.
    """
    target = warehouse.aliases.target(name, Alias.PRODUCTION)
    if target is None:
        return None
    return Quality.load(warehouse.find("datasets", target.dataset) / QUALITY_FILE)


def _days_since_previous(warehouse: Warehouse, name: str) -> float | None:
    latest = warehouse.latest("datasets", name)
    if latest is None:
        return None
    return (now() - DatasetManifest.load(latest).created).total_seconds() / _DAY_SECONDS


def _days_since_newest_file(plan: Plan) -> float | None:
    """Look at the files of this machine; a store behind a URL need not tell."""
    places = [Path(file.location) for source in plan.landed for file in source.files]
    changed = [place.stat().st_mtime for place in places if place.exists()]
    if not changed:
        return None
    return (datetime.now(UTC).timestamp() - max(changed)) / _DAY_SECONDS
