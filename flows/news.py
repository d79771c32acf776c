"""What there is to tell of a warehouse, read off the warehouse itself. No Prefect here.

Nothing is remembered while a run goes on: a process killed at any moment leaves versions, rejected
folders, comparisons and aliases behind, and from these the next one sees what has not been told.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import Field, JsonValue

from data_contracts.aliases import Alias
from data_contracts.errors import RecipeInvalid, SchemaMismatch
from data_contracts.frozen import Frozen
from data_contracts.gate import QUALITY_FILE
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.quality import Quality
from data_contracts.verdict import Comparison, Verdict
from data_contracts.warehouse import Kind, Warehouse
from flows.plan import model_key
from flows.publish import REPORT_FILE
from flows.recipe import parse_recipe

DATASET_REFRESHED: Final = "corpus.dataset.refreshed"
DATASET_REJECTED: Final = "corpus.dataset.rejected"
DATASET_STALE: Final = "corpus.dataset.stale"
MODEL_PROMOTED: Final = "corpus.model.promoted"
MODEL_REGRESSED: Final = "corpus.model.regressed"
MODEL_TRAINED: Final = "corpus.model.trained"
RETRAIN: Final = "corpusmill.retrain"
"""Label of a refreshed dataset: `wanted` where no run trains on it already, else `no`."""


class News(Frozen):
    """Something that happened, as an event tells it."""

    event: str
    """What happened, `corpus.…`."""
    resource: str
    """To what: `corpus.dataset.NAME` or `corpus.model.NAME`."""
    name: str
    """The dataset's or model's name."""
    mark: str
    """The file under `outbox/` that says that it was told."""
    payload: dict[str, JsonValue]
    """What is known of it."""
    labels: dict[str, str] = Field(default_factory=dict)
    """What automations can tell such events apart by."""


def untold(warehouse: Warehouse, *, training: bool) -> list[News]:
    """Find what has not been told yet, in the order in which it is told.

    Args:
        warehouse: Where it happened.
        training: Whether who asks trains on what it published itself: nobody else need be asked to.
    """
    parts = (
        _datasets(warehouse, training=training),
        _rejected(warehouse),
        _models(warehouse),
        _regressions(warehouse),
        _promotions(warehouse),
    )
    return [one for part in parts for one in part]


def note_told(warehouse: Warehouse, news: list[News]) -> None:
    """Write down that these were told."""
    for one in news:
        mark = warehouse.root / "outbox" / one.mark
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def _told(warehouse: Warehouse, mark: str) -> bool:
    return (warehouse.root / "outbox" / mark).exists()


def _datasets(warehouse: Warehouse, *, training: bool) -> Iterator[News]:
    for name, folder in _versions(warehouse, "datasets"):
        dataset = DatasetManifest.load(folder)
        wanted = not training and _is_to_be_trained_on(warehouse, dataset, folder)
        yield News(
            event=DATASET_REFRESHED,
            resource=f"corpus.dataset.{name}",
            name=name,
            mark=f"datasets/{name}@{dataset.version}",
            payload={
                "name": name,
                "version": dataset.version,
                "fingerprint": dataset.fingerprint,
                "path": str(folder),
                "warehouse": str(warehouse.root),
                "records_in": dataset.records_in,
                "records_kept": dataset.records_kept,
            },
            labels={RETRAIN: "wanted" if wanted else "no"},
        )


def _is_to_be_trained_on(warehouse: Warehouse, dataset: DatasetManifest, folder: Path) -> bool:
    """Whether the dataset's recipe trains a model, and that is not there yet."""
    try:
        recipe = parse_recipe(dataset.recipe, folder)
    except RecipeInvalid:  # another version of the mill made it
        return False
    if recipe.train is None:
        return False
    return warehouse.model_with(recipe.name, model_key(recipe, dataset.fingerprint)) is None


def _rejected(warehouse: Warehouse) -> Iterator[News]:
    for report in sorted((warehouse.root / "datasets" / "rejected").glob(f"*/*/{REPORT_FILE}")):
        name, fingerprint = report.parent.parent.name, report.parent.name
        mark = f"rejected/{name}@{fingerprint}"
        if fingerprint.startswith(".") or _told(warehouse, mark):  # a dot: not whole yet
            continue
        yield News(
            event=DATASET_REJECTED,
            resource=f"corpus.dataset.{name}",
            name=name,
            mark=mark,
            payload={
                "name": name,
                "fingerprint": fingerprint,
                "report": str(report),
                "failures": list(_failures(report.with_name(QUALITY_FILE))),
            },
        )


def _failures(quality: Path) -> Iterator[str]:
    try:
        checks = Quality.load(quality).checks
    except SchemaMismatch:  # another version of the mill made it
        return
    for one in checks:
        if not one.passed and one.severity == "critical":
            yield f"{one.description}: {one.error or one.observed}"


def _models(warehouse: Warehouse) -> Iterator[News]:
    for name, folder in _versions(warehouse, "models"):
        model = ModelManifest.load(folder)
        yield News(
            event=MODEL_TRAINED,
            resource=f"corpus.model.{name}",
            name=name,
            mark=f"models/{name}@{model.version}",
            payload={
                "name": name,
                "version": model.version,
                "dataset": model.dataset,
                "path": str(folder),
                **model.figures,
            },
        )


def _regressions(warehouse: Warehouse) -> Iterator[News]:
    """Candidates that are worse than production; comparisons made by hand are nobody's news."""
    for name in warehouse.aliases.names():
        stand = [warehouse.aliases.target(name, one) for one in (Alias.CANDIDATE, Alias.PRODUCTION)]
        models = tuple(one.model if one else None for one in stand)
        for path in sorted((warehouse.root / "comparisons" / name).glob("*.json")):
            found = Comparison.load(path)
            if found is None or (found.candidate, found.production) != models:
                continue
            mark = f"regressed/{name}@{path.stem}"
            if found.verdict is Verdict.WORSE and not _told(warehouse, mark):
                yield News(
                    event=MODEL_REGRESSED,
                    resource=f"corpus.model.{name}",
                    name=name,
                    mark=mark,
                    payload=found.model_dump(mode="json", exclude={"sources"}),
                )


def _promotions(warehouse: Warehouse) -> Iterator[News]:
    for name in warehouse.aliases.names():
        pointer = warehouse.aliases.read(name, Alias.PRODUCTION)
        if pointer is None:
            continue
        mark = f"production/{name}@{pointer.since.timestamp():.6f}"
        if _told(warehouse, mark):
            continue
        yield News(
            event=MODEL_PROMOTED,
            resource=f"corpus.model.{name}",
            name=name,
            mark=mark,
            payload={
                "name": name,
                "dataset": pointer.target.dataset,
                "model": pointer.target.model,
                "since": pointer.since.isoformat(),
                "note": pointer.note,
            },
        )


def _versions(warehouse: Warehouse, kind: Kind) -> Iterator[tuple[str, Path]]:
    for name in warehouse.names(kind):
        for version in warehouse.versions(kind, name):
            if not _told(warehouse, f"{kind}/{name}@{version}"):
                yield name, warehouse.version_folder(kind, name, version)
