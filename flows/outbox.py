"""Events leave through an outbox: what was published is told at least once, also after a kill.

A version that has no mark under `outbox/` was not told of yet. The mark is written after the event
was handed over, so a kill in between tells twice; what an event starts is idempotent.
"""

from pathlib import Path

from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from data_contracts.aliases import Target
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.verdict import Comparison
from data_contracts.warehouse import Warehouse

DATASET_REFRESHED = "corpus.dataset.refreshed"
DATASET_REJECTED = "corpus.dataset.rejected"
MODEL_PROMOTED = "corpus.model.promoted"
MODEL_REGRESSED = "corpus.model.regressed"
MODEL_TRAINED = "corpus.model.trained"


def tell_of_versions(warehouse: Warehouse) -> list[str]:
    """Send an event for every version that has not been told of.

    Returns:
        The labels told, NAME@VERSION.
    """
    told = []
    for name in warehouse.names("datasets"):
        for folder in _untold(warehouse, "datasets", name):
            dataset = DatasetManifest.load(folder)
            _send(
                DATASET_REFRESHED,
                f"corpus.dataset.{name}",
                name,
                {
                    "name": name,
                    "version": dataset.version,
                    "fingerprint": dataset.fingerprint,
                    "path": str(folder),
                    "records_in": dataset.records_in,
                    "records_kept": dataset.records_kept,
                },
            )
            told.append(_mark(warehouse, "datasets", name, dataset.version))
    for name in warehouse.names("models"):
        for folder in _untold(warehouse, "models", name):
            model = ModelManifest.load(folder)
            _send(
                MODEL_TRAINED,
                f"corpus.model.{name}",
                name,
                {
                    "name": name,
                    "version": model.version,
                    "dataset": model.dataset,
                    "path": str(folder),
                    **model.figures,
                },
            )
            told.append(_mark(warehouse, "models", name, model.version))
    if told:
        EventsWorker.drain_all(timeout=30, at_exit=False)
    return told


def tell_of_rejection(name: str, fingerprint: str, report: Path, failures: list[str]) -> None:
    """Send the event of a dataset that its contract rejected."""
    _send(
        DATASET_REJECTED,
        f"corpus.dataset.{name}",
        name,
        {"name": name, "fingerprint": fingerprint, "report": str(report), "failures": failures},
    )


def tell_of_promotion(name: str, target: Target, note: str) -> None:
    """Send the event of an alias `production` that was moved."""
    payload: dict[str, object] = {
        "name": name,
        "dataset": target.dataset,
        "model": target.model,
        "note": note,
    }
    _send(MODEL_PROMOTED, f"corpus.model.{name}", name, payload)


def tell_of_regression(name: str, found: Comparison) -> None:
    """Send the event of a candidate that is worse than production."""
    payload = found.model_dump(mode="json", exclude={"sources"})
    _send(MODEL_REGRESSED, f"corpus.model.{name}", name, payload)


def _send(event: str, resource: str, name: str, payload: dict[str, object]) -> None:
    emit_event(
        event,
        resource={"prefect.resource.id": resource, "prefect.resource.name": name},
        payload=payload,
    )


def _untold(warehouse: Warehouse, kind: str, name: str) -> list[Path]:
    return [
        warehouse.root / kind / name / version
        for version in warehouse.versions(kind, name)  # type: ignore[arg-type]
        if not _mark_path(warehouse, kind, name, version).exists()
    ]


def _mark(warehouse: Warehouse, kind: str, name: str, version: str) -> str:
    path = _mark_path(warehouse, kind, name, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return f"{name}@{version}"


def _mark_path(warehouse: Warehouse, kind: str, name: str, version: str) -> Path:
    return warehouse.root / "outbox" / kind / f"{name}@{version}"
