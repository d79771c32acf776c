"""Garbage collection: what no kept version needs, and what held forgotten text. No Prefect here."""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from data_contracts.errors import ForgottenStillPublished
from data_contracts.forgotten import NOBODY, ForgetList
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.reasons import Stage
from data_contracts.results import RESULT_FILE
from data_contracts.warehouse import Warehouse
from flows.deliveries import take_out
from flows.holders import (
    Holder,
    Kind,
    dataset_folders,
    evaluation_folders,
    holders,
    model_folders,
    record_caches,
    run_folders,
)
from flows.plan import model_key
from flows.recipe import Recipe, parse_recipe
from flows.steps import record_cache_keys
from pipeline.record_cache import forget

VERSIONS: Final = {Kind.DATASET, Kind.MODEL, Kind.EVALUATION, Kind.REJECTED}
HOLDS: Final = "holds forgotten text"
GOES_ON: Final = {Stage.TRAIN, Stage.EVALUATE}
"""Stages whose unfinished work is kept: a killed training is continued from where it was, and an
evaluation, which takes no lease, may be going on."""


class Removal(Frozen):
    """Something that goes."""

    path: Path
    """A folder."""
    why: str
    """Why nobody needs it, or why it must not stay."""
    whole: bool = True
    """False: only rows of forgotten records are taken out of it."""


class Collection(Frozen):
    """What garbage collection removes."""

    removals: tuple[Removal, ...]
    """In order of path."""
    bytes_freed: int
    """Room that this gives back; a file with a name elsewhere gives none."""


def collect(
    warehouse: Warehouse, *, keep: int | None = None, forgotten: bool = False, dry_run: bool = False
) -> Collection:
    """Remove what no kept version needs.

    That is: folders that killed runs left, stage outputs and caches that belong to no kept version
    and, if asked for, old versions and what held the text of forgotten records. Versions that an
    alias names, and datasets of kept models, are always kept. Kept deliveries of sources that only
    ever get more are never removed; forgotten text is taken out of them.

    Args:
        warehouse: The warehouse.
        keep: Keep so many of the newest versions of every dataset and model; None: all.
        forgotten: Also remove every version, model, evaluation and cache that holds forgotten text.
        dry_run: Only tell.

    Raises:
        WarehouseBusy: A run is writing.
        ForgottenStillPublished: The latest version of a dataset still holds forgotten text: a run
            must make the next one first.
    """
    with warehouse.alone():
        found = {one.path: one for one in _left_over(warehouse)}
        lists = _lists(warehouse) if forgotten else {}
        if lists:
            found |= {one.path: one for one in _forgotten(warehouse, lists)}
        found |= {one.path: one for one in _old_versions(warehouse, keep, set(found))}
        found |= {
            one.path: one for one in _unneeded(warehouse, set(found)) if one.path not in found
        }
        removals = tuple(found[path] for path in sorted(found))
        collection = Collection(removals=removals, bytes_freed=_bytes_freed(removals))
        if not dry_run:
            _remove(warehouse, removals, lists)
    return collection


def _lists(warehouse: Warehouse) -> dict[str, ForgetList]:
    lists = {name: warehouse.forgotten(name) for name in warehouse.names("datasets")}
    return {name: one for name, one in lists.items() if one.records}


def _union(lists: Iterable[ForgetList]) -> ForgetList:
    union = NOBODY
    for one in lists:
        union = union.joined(one.records)
    return union


def _left_over(warehouse: Warehouse) -> Iterator[Removal]:
    """Find what killed runs left: folders that were never renamed, stages that never ended."""
    for kind in ("datasets", "models", "evaluations"):
        for folder in (warehouse.root / kind).rglob(".*.partial"):
            yield Removal(path=folder, why="left by a killed run")
        for folder in (warehouse.root / kind).rglob(".*.removed"):
            yield Removal(path=folder, why="left by a killed removal")
    for stage, folder in run_folders(warehouse):
        if not _is_done(folder) and stage not in GOES_ON:
            yield Removal(path=folder, why="left by a killed run")
    for kind in ("cache", "landed"):
        for path in (warehouse.root / kind).rglob("*.partial"):
            yield Removal(path=path, why="left by a killed run")


def _forgotten(warehouse: Warehouse, lists: dict[str, ForgetList]) -> Iterator[Removal]:
    """Find what holds forgotten text; versions only of the dataset whose list it is."""
    for name, listed in lists.items():
        mine = _of_dataset(name, holders(warehouse, listed))
        if warehouse.latest("datasets", name) in {one.path for one in mine}:
            raise ForgottenStillPublished(name)
        for one in mine:
            yield Removal(path=one.path, why=HOLDS, whole=one.kind is not Kind.DELIVERY)
    every = _union(lists.values())
    for one in holders(warehouse, every):
        if one.kind not in {*VERSIONS, Kind.DELIVERY, Kind.EXPORT}:
            yield Removal(path=one.path, why=HOLDS, whole=one.kind is not Kind.RESULTS)
    for stage, folder in run_folders(warehouse):
        if stage in GOES_ON and not _is_done(folder):
            yield Removal(path=folder, why=f"unfinished: `{stage}` may hold forgotten text")


def _of_dataset(name: str, found: tuple[Holder, ...]) -> list[Holder]:
    """Pick a dataset's versions and rejected folders, models of it, and evaluations of either."""
    held = [one for one in found if one.kind in {*VERSIONS, Kind.DELIVERY}]
    labels = {one.label for one in held if one.label.split("@")[0] == name}
    labels |= {
        one.label
        for one in held
        if one.kind is Kind.MODEL and ModelManifest.load(one.path).dataset in labels
    }
    return [
        one
        for one in held
        if one.label in labels
        or (one.kind is Kind.EVALUATION and labels & set(one.path.parts))
        or (one.kind is Kind.REJECTED and one.path.parent.name == name)
        or (one.kind is Kind.DELIVERY and one.path.parent.parent.name == name)
    ]


def _old_versions(warehouse: Warehouse, keep: int | None, gone: set[Path]) -> Iterator[Removal]:
    if keep is None:
        return
    aliases = _aliases(warehouse)
    needed: set[str] = set()
    for kind, folders in (("models", model_folders), ("datasets", dataset_folders)):
        by_name: dict[str, list[Path]] = {}
        for folder in folders(warehouse):
            if folder not in gone:
                by_name.setdefault(folder.parent.name, []).append(folder)
        for name, versions in by_name.items():
            for place, folder in enumerate(reversed(versions)):
                is_kept = (
                    place < keep or folder.name in aliases or f"{name}@{folder.name}" in needed
                )
                if not is_kept:
                    yield Removal(path=folder, why=f"older than the newest {keep}")
                elif kind == "models":
                    needed.add(ModelManifest.load(folder).dataset)


def _aliases(warehouse: Warehouse) -> str:
    """Read all pointer files as one text: a version named in any of them is kept."""
    files = (path for path in (warehouse.root / "aliases").rglob("*") if path.is_file())
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)


def _unneeded(warehouse: Warehouse, gone: set[Path]) -> Iterator[Removal]:
    """Find evaluations of versions that go, and cached work that no version is made of."""
    datasets = [one for one in dataset_folders(warehouse) if one not in gone]
    models = [one for one in model_folders(warehouse) if one not in gone]
    labels = {f"{one.parent.name}@{one.name}" for one in (*datasets, *models)}
    evaluations = set()
    for folder in evaluation_folders(warehouse):
        if {folder.parent.parent.name, folder.parent.name} <= labels:
            evaluations.add(folder.name)
        else:
            yield Removal(path=folder, why="its model or dataset is not kept")
    manifests = [DatasetManifest.load(one) for one in datasets]
    keys = {key for one in manifests for key in one.stage_keys.values()}
    keys |= {ModelManifest.load(one).fingerprint for one in models}
    recipes = [(parse_recipe(one.recipe, "manifest.json"), one.fingerprint) for one in manifests]
    keys |= {model_key(recipe, digest) for recipe, digest in recipes if recipe.train}
    for stage, folder in run_folders(warehouse):
        is_kept = (
            folder.name[:16] in evaluations if stage is Stage.EVALUATE else folder.name in keys
        )
        if not is_kept and (_is_done(folder) or stage not in GOES_ON):
            yield Removal(path=folder, why="no version is made of it")
    yield from _unneeded_caches(warehouse, [recipe for recipe, _ in recipes])


def _unneeded_caches(warehouse: Warehouse, recipes: list[Recipe]) -> Iterator[Removal]:
    wanted = {item for recipe in recipes for item in record_cache_keys(recipe).items()}
    for stage, folder in record_caches(warehouse):
        if (stage, folder.name) not in wanted:
            yield Removal(path=folder, why="of other settings or stage versions")


def _is_done(run: Path) -> bool:
    return (run / RESULT_FILE).exists()


def _bytes_freed(removals: Iterable[Removal]) -> int:
    names, sizes, links = Counter[int](), dict[int, int](), dict[int, int]()
    for one in removals:
        if not one.whole:
            continue
        for path in [one.path, *one.path.rglob("*")]:
            if path.is_file():
                found = path.stat()
                names[found.st_ino] += 1
                sizes[found.st_ino], links[found.st_ino] = found.st_size, found.st_nlink
    return sum(size for file, size in sizes.items() if names[file] >= links[file])


def _remove(
    warehouse: Warehouse, removals: Iterable[Removal], lists: dict[str, ForgetList]
) -> None:
    """Remove it all. A version goes from sight at once, however long its files take."""
    parts = [one.path for one in removals if not one.whole]
    for name, listed in lists.items():
        kept = warehouse.increments(name)
        take_out(warehouse, name, {one for one in parts if one.is_relative_to(kept)}, listed)
    every = _union(lists.values())
    for path in (one for one in parts if one.is_dir()):
        forget(path, every.content_ids)
    for one in removals:
        if one.whole and one.path.is_dir():
            hidden = one.path.with_name(f".{one.path.name}.removed")
            one.path.rename(hidden)
            shutil.rmtree(hidden)
        elif one.whole:
            one.path.unlink(missing_ok=True)
