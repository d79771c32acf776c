"""Which model and dataset a command means: names of a warehouse, or folders. No Prefect here."""

from pathlib import Path

from data_contracts.errors import ModelUnfit
from data_contracts.manifest import MANIFEST_FILE, ModelManifest
from data_contracts.warehouse import Warehouse


def model_folder(given: str, warehouse: Path) -> Path:
    """Find a model: a folder that holds one, else a version of the warehouse.

    Raises:
        VersionUnknown: There is no such version.
        WarehouseFormat: There is no warehouse.
    """
    folder = Path(given)
    if (folder / "config.json").exists():
        return folder
    return Warehouse.existing(warehouse).find("models", given)


def dataset_folder(given: str | None, model: Path, warehouse: Path) -> Path:
    """Find a dataset: a folder, a version of the warehouse, or (None) what a model was trained on.

    Raises:
        ModelUnfit: None was named, and the model does not say what it was trained on.
        VersionUnknown: There is no such version.
        WarehouseFormat: There is no warehouse.
    """
    if given is not None and (Path(given) / "documents").exists():
        return Path(given)
    if given is None:
        if not (model / MANIFEST_FILE).exists():
            raise ModelUnfit(
                model, "it does not say what it was trained on", "Name it with --dataset."
            )
        given = ModelManifest.load(model).dataset
    return Warehouse.existing(warehouse).find("datasets", given)
