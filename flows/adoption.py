"""Data made elsewhere becomes a dataset version here: another warehouse's version, or texts.

A version is copied byte for byte. Texts that other programs prepared run through the stages under a
recipe that judges and edits nothing: they are measured, checked by the contracts and given a ledger.
No Prefect here.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from data_contracts.gate import require_passed
from data_contracts.manifest import MANIFEST_FILE, DatasetManifest
from data_contracts.warehouse import Warehouse
from flows.arithmetic import check_books
from flows.publish import Published, published_dataset
from flows.recipe import Recipe, parse_recipe
from pipeline.clean.recipe import Normalise, Pii


def is_version(path: Path) -> bool:
    """Tell the folder of a version from other data."""
    return (path / MANIFEST_FILE).is_file()


def adopt_version(warehouse: Warehouse, folder: Path) -> Published:
    """Register a dataset version of another warehouse; it keeps its name, content and fingerprint.

    Args:
        warehouse: Where it is to be.
        folder: The version.

    Returns:
        The version; the one that is there when this warehouse has one of its fingerprint.

    Raises:
        VersionCorrupt: A file is missing or differs, or the ledger does not add up.
        GateRefused: Its contracts did not pass.
        RecipeInvalid: It was made by a program whose recipes are not understood here.
        WarehouseBusy: A run is writing the dataset.
    """
    manifest = DatasetManifest.load(folder)
    parse_recipe(manifest.recipe, folder / MANIFEST_FILE)
    manifest.verify(folder)
    check_books(folder, manifest)
    require_passed(folder)
    with warehouse.lease(manifest.name):
        found = warehouse.dataset_with(manifest.name, manifest.fingerprint)
        if found is not None:
            return published_dataset(warehouse, f"{manifest.name}@{found[1].version}")
        before = warehouse.versions("datasets", manifest.name)
        version = warehouse.next_version("datasets", manifest.name, manifest.fingerprint)
        staging = warehouse.staging_folder("datasets", manifest.name, version)
        for entry in manifest.files:  # copied, not linked: the folder is not ours
            (staging / entry.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / entry.path, staging / entry.path)
        here = {"version": version, "parent": before[-1] if before else None, "flow_run_id": None}
        manifest = manifest.model_copy(update=here)
        manifest.save(staging)
        manifest.verify(staging)
        place = warehouse.version_folder("datasets", manifest.name, version)
        warehouse.publish(staging, place)
    published = published_dataset(warehouse, f"{manifest.name}@{version}")
    return published.model_copy(update={"created": True})


def recipe_of_texts(
    name: str, path: str, fields: dict[str, str | None], contracts: Sequence[Path] = ()
) -> Recipe:
    """Describe texts as they are: nothing is edited, no rule judges, nothing is trained.

    Records that say the same as another one, or nothing at all, are dropped all the same, and the
    ledger says so: a version does not hold a text twice.

    Args:
        name: Name of the dataset, and of its one source.
        path: A file, a folder, a glob or a URL; a path of this machine must be absolute.
        fields: Other fields of the source, such as `license`; null ones are left out.
        contracts: More contracts to check, beside those of the mill.

    Raises:
        RecipeInvalid: A field is not what it must be.
    """
    off = dict.fromkeys(Normalise.model_fields, False) | {
        "unicode_form": None,
        "max_blank_lines": None,
    }
    given = {key: value for key, value in fields.items() if value is not None}
    content = {
        "name": name,
        "sources": [{"name": name, "path": path, **given}],
        "clean": {
            "preset": "none",
            "normalise": off,
            "pii": dict.fromkeys(Pii.model_fields, "keep"),
            "min_language_score": None,
        },
        "dedup": {"jaccard_threshold": 1.0, "held_out_overlap": False},
        "validate": {"contracts": [str(one.absolute()) for one in contracts]},
        "train": None,
    }
    return parse_recipe(content, f"adopting {path}")
