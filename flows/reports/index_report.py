"""What the index page shows, gathered from manifests: every version, its key figures, its roles."""

from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import AwareDatetime, Field

from data_contracts.aliases import Alias
from data_contracts.errors import CorpusError
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, Manifest, ModelManifest
from data_contracts.warehouse import Kind, Warehouse
from flows.freshness import Freshness, freshness

AnyManifest = TypeVar("AnyManifest", bound=Manifest)


class DatasetRow(Frozen):
    """One dataset version."""

    version: str
    """Its version."""
    created: AwareDatetime
    """When it was made."""
    records_in: int
    """Records read."""
    records_kept: int
    """Records in it."""
    tokens: int
    """Tokens of all splits."""
    warnings: tuple[str, ...]
    """Rules of severity `warning` that it broke."""
    roles: tuple[str, ...]
    """`candidate`, `production`."""


class ModelRow(Frozen):
    """One model version."""

    version: str
    """Its version."""
    created: AwareDatetime
    """When it was made."""
    dataset: str
    """NAME@VERSION that it was trained on."""
    parameters: int
    """Trainable parameters."""
    validation: float | None
    """Bits per byte of validation text; None: not measured."""
    test: float | None
    """Bits per byte of test text."""
    failures: tuple[str, ...]
    """Critical rules of its scorecard that it broke."""
    warnings: tuple[str, ...]
    """Rules of severity `warning` that it broke."""
    roles: tuple[str, ...]
    """`candidate`, `production`."""


class IndexReport(Frozen):
    """All versions of a warehouse, oldest first."""

    datasets: dict[str, tuple[DatasetRow, ...]]
    """By name."""
    models: dict[str, tuple[ModelRow, ...]]
    """By name."""
    rejected: tuple[tuple[str, str], ...]
    """What gates rejected: name and folder."""
    unreadable: tuple[str, ...]
    """NAME@VERSION of what cannot be read."""
    freshness: dict[str, Freshness] = Field(default_factory=dict)
    """When each dataset was looked after, and when it is due again; without those nobody can tell of."""


def gather_index(warehouse: Warehouse) -> IndexReport:
    """Read the manifests of all versions; those that cannot be read are named, not shown."""
    unreadable: list[str] = []
    datasets = {
        name: tuple(
            _dataset(manifest, _roles(warehouse, manifest))
            for manifest in _manifests(warehouse, "datasets", name, DatasetManifest, unreadable)
        )
        for name in warehouse.names("datasets")
    }
    models = {
        name: tuple(
            _model(manifest, _roles(warehouse, manifest))
            for manifest in _manifests(warehouse, "models", name, ModelManifest, unreadable)
        )
        for name in warehouse.names("models")
    }
    rejected = sorted((warehouse.root / "datasets" / "rejected").glob("*/*/report.html"))
    return IndexReport(
        datasets=datasets,
        models=models,
        rejected=tuple((path.parent.parent.name, path.parent.name) for path in rejected),
        unreadable=tuple(unreadable),
        freshness=_freshness(warehouse),
    )


def _freshness(warehouse: Warehouse) -> dict[str, Freshness]:
    try:
        return {one.name: one for one in freshness(warehouse)}
    except CorpusError:  # a manifest or a contract that cannot be read: it is named elsewhere
        return {}


def _manifests(
    warehouse: Warehouse,
    kind: Kind,
    name: str,
    manifest: type[AnyManifest],
    unreadable: list[str],
) -> list[AnyManifest]:
    found: list[AnyManifest] = []
    for version in warehouse.versions(kind, name):
        try:
            found.append(_read(manifest, warehouse.version_folder(kind, name, version)))
        except CorpusError:
            unreadable.append(f"{name}@{version}")
    return found


@lru_cache(maxsize=10_000)  # versions are immutable: each is read once
def _read(manifest: type[AnyManifest], folder: Path) -> AnyManifest:
    return manifest.load(folder)


def _roles(warehouse: Warehouse, manifest: Manifest) -> tuple[str, ...]:
    label = f"{manifest.name}@{manifest.version}"
    roles = []
    for alias in Alias:
        try:
            target = warehouse.aliases.target(manifest.name, alias)
        except CorpusError:
            continue
        if target is not None and label in (target.dataset, target.model):
            roles.append(str(alias))
    return tuple(roles)


def _dataset(manifest: DatasetManifest, roles: tuple[str, ...]) -> DatasetRow:
    return DatasetRow(
        version=manifest.version,
        created=manifest.created,
        records_in=manifest.records_in,
        records_kept=manifest.records_kept,
        tokens=sum(manifest.tokens.values()),
        warnings=manifest.warnings,
        roles=roles,
    )


def _model(manifest: ModelManifest, roles: tuple[str, ...]) -> ModelRow:
    return ModelRow(
        version=manifest.version,
        created=manifest.created,
        dataset=manifest.dataset,
        parameters=manifest.parameters,
        validation=manifest.figures.get("validation_bits_per_byte"),
        test=manifest.figures.get("test_bits_per_byte"),
        failures=manifest.failures,
        warnings=manifest.warnings,
        roles=roles,
    )
