"""Whether versions are what was published: checksums of all files, and books that add up."""

from pathlib import Path

from data_contracts.errors import VersionUnknown
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.warehouse import Kind, Warehouse
from flows.arithmetic import Books, check_books
from flows.deliveries import verify_deliveries


class Verified(Frozen):
    """A version that is sound."""

    kind: Kind
    """What it is."""
    version: str
    """NAME@VERSION."""
    path: Path
    """Its folder."""
    files: int
    """Files that are as they were published."""
    ledger: Books | None = None
    """Of a dataset: what its ledger adds up to."""
    deliveries: int = 0
    """Of a dataset: kept deliveries of its sources, which are as they came."""


def verify(warehouse: Warehouse, wanted: str) -> tuple[Verified, ...]:
    """Check the dataset version and the model version of this name.

    Raises:
        VersionUnknown: There is neither.
        VersionCorrupt: A file is missing or differs, or a ledger does not add up; it names which.
    """
    kinds: tuple[tuple[Kind, type[DatasetManifest | ModelManifest]], ...] = (
        ("datasets", DatasetManifest),
        ("models", ModelManifest),
    )
    found = []
    for kind, manifest in kinds:
        try:
            folder = warehouse.find(kind, wanted)
        except VersionUnknown:
            continue
        loaded = manifest.load(folder)
        loaded.verify(folder)
        is_dataset = isinstance(loaded, DatasetManifest)
        found.append(
            Verified(
                kind=kind,
                version=f"{loaded.name}@{loaded.version}",
                path=folder,
                files=len(loaded.files),
                ledger=check_books(folder, loaded) if isinstance(loaded, DatasetManifest) else None,
                deliveries=verify_deliveries(warehouse, loaded.name) if is_dataset else 0,
            )
        )
    if not found:
        known = warehouse.names("datasets") + warehouse.names("models")
        raise VersionUnknown("version", wanted, known)
    return tuple(found)
