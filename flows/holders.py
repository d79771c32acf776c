"""What in a warehouse holds the text of given records, or what was made of it. No Prefect here."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import polars as pl

from data_contracts.arrow_files import partitions
from data_contracts.exports import Exports
from data_contracts.forgotten import ForgetList
from data_contracts.frozen import Frozen
from data_contracts.identity import HALF, half
from data_contracts.manifest import ModelManifest
from data_contracts.reasons import Reason, Stage
from data_contracts.results import RESULT_FILE
from data_contracts.warehouse import Warehouse
from flows.deliveries import that_hold


class Kind(StrEnum):
    """What can hold text."""

    DATASET = "dataset"
    """A dataset version."""
    MODEL = "model"
    """A model version trained on such a dataset version."""
    EVALUATION = "evaluation"
    """Figures and samples of such a model, or on such a dataset."""
    REJECTED = "rejected"
    """What a failed gate left."""
    RUN = "run"
    """A stage's whole output in the cache."""
    READ = "read"
    """What was read of files, in the cache."""
    RESULTS = "results"
    """Results per record, in the cache."""
    DELIVERY = "delivery"
    """A file that is kept for a source that only ever gets more."""
    EXPORT = "export"
    """A folder outside the warehouse that documents were written to (`mill export`)."""


class Holder(Frozen):
    """A folder that holds text of records on a forget list."""

    kind: Kind
    """What it is."""
    label: str
    """NAME@VERSION, or the folder's place in the warehouse."""
    path: Path
    """The folder, or the file."""


def holders(warehouse: Warehouse, forgotten: ForgetList) -> tuple[Holder, ...]:
    """Find everything that holds the text of a record on the list, or was learned from it.

    A version whose ledger says `forgotten` of all of them holds none. Exports are outside the
    warehouse: they are named, and nobody's here to remove.
    """
    if not forgotten.records:
        return ()
    records = _with_same_content(warehouse, forgotten)
    listed = pl.col("record_id").is_in(sorted(records))
    versions = [
        _holder(warehouse, Kind.DATASET, folder, f"{folder.parent.name}@{folder.name}")
        for folder in dataset_folders(warehouse)
        if _ledger_has(folder / "ledger", listed)
    ]
    labels = {one.label for one in versions}
    models = [
        _holder(warehouse, Kind.MODEL, folder, f"{folder.parent.name}@{folder.name}")
        for folder in model_folders(warehouse)
        if ModelManifest.load(folder).dataset in labels
    ]
    labels |= {one.label for one in models}
    evaluations = [
        _holder(warehouse, Kind.EVALUATION, folder)
        for folder in evaluation_folders(warehouse)
        if labels & set(folder.relative_to(warehouse.root).parts)
    ]
    rejected = [
        _holder(warehouse, Kind.REJECTED, folder)
        for folder in rejected_folders(warehouse)
        if _ledger_has(folder / "ledger", listed)
    ]
    runs = [
        _holder(warehouse, Kind.RUN, folder)
        for stage, folder in run_folders(warehouse)
        if _run_has(stage, folder, listed)
    ]
    halves = sorted({half(one) for one in forgotten.content_ids})
    cached = _cached(warehouse, pl.col("content_id").str.slice(HALF).is_in(halves))
    exports = _exports(warehouse, {one.label for one in versions})
    deliveries = [
        _holder(warehouse, Kind.DELIVERY, path)
        for name in warehouse.names("datasets")
        for path in that_hold(warehouse, name, forgotten)
    ]
    return (*versions, *models, *evaluations, *rejected, *runs, *cached, *deliveries, *exports)


def dataset_folders(warehouse: Warehouse) -> Iterator[Path]:
    """List all dataset versions."""
    for name in warehouse.names("datasets"):
        for version in warehouse.versions("datasets", name):
            yield warehouse.version_folder("datasets", name, version)


def model_folders(warehouse: Warehouse) -> Iterator[Path]:
    """List all model versions."""
    for name in warehouse.names("models"):
        for version in warehouse.versions("models", name):
            yield warehouse.version_folder("models", name, version)


def evaluation_folders(warehouse: Warehouse) -> list[Path]:
    """List all evaluations."""
    return _shown(warehouse.root.glob("evaluations/*/*/*"))


def rejected_folders(warehouse: Warehouse) -> list[Path]:
    """List what failed gates left."""
    return _shown(warehouse.root.glob("datasets/rejected/*/*"))


def run_folders(warehouse: Warehouse) -> Iterator[tuple[Stage, Path]]:
    """List the whole outputs in the cache, finished or not."""
    for stage in Stage:
        for folder in sorted(warehouse.run_folder(stage, "any").parent.glob("*")):
            yield stage, folder


def record_caches(warehouse: Warehouse) -> list[tuple[Stage, Path]]:
    """List the caches of results per record."""
    return [
        (stage, folder)
        for stage in Stage
        for folder in sorted(warehouse.record_cache(stage, "any").parent.glob("*"))
    ]


def _exports(warehouse: Warehouse, labels: set[str]) -> list[Holder]:
    """Find folders that were given documents of these versions, or of one that is gone."""
    known = {f"{one.parent.name}@{one.name}" for one in dataset_folders(warehouse)}
    return [
        Holder(kind=Kind.EXPORT, label=f"{one.folder} ({one.dataset})", path=Path(one.folder))
        for one in Exports.load(warehouse.root).exports
        if (one.dataset in labels or one.dataset not in known) and Path(one.folder).exists()
    ]


def _shown(folders: Iterable[Path]) -> list[Path]:
    return sorted(one for one in folders if not one.name.startswith(".") and one.is_dir())


def _holder(warehouse: Warehouse, kind: Kind, folder: Path, label: str | None = None) -> Holder:
    place = folder.relative_to(warehouse.root).as_posix()
    return Holder(kind=kind, label=label or place, path=folder)


def _with_same_content(warehouse: Warehouse, forgotten: ForgetList) -> set[str]:
    """Find all records that have or had a listed text, under whatever key."""
    found = set(forgotten.record_ids)
    has_text = pl.col("content_id").is_in(sorted(forgotten.content_ids))
    ledgers = [folder / "ledger" for folder in dataset_folders(warehouse)]
    ledgers += [folder / "ledger" for folder in rejected_folders(warehouse)]
    runs = list(run_folders(warehouse))
    ledgers += [folder / "ledger" for _, folder in runs]
    tables = [table for one in ledgers for table in _tables(one)]
    tables += [t for stage, one in runs if stage is Stage.INGEST for t in _tables(one / "origins")]
    for table in tables:
        found |= set(table.filter(has_text).select("record_id").collect()["record_id"])
    return found


def _tables(folder: Path) -> list[pl.LazyFrame]:
    parquet = sorted(folder.glob("*.parquet"))
    return [pl.scan_parquet(parquet, glob=False)] if parquet else _arrow(folder)


def _arrow(folder: Path) -> list[pl.LazyFrame]:
    found = partitions(folder)
    return [pl.scan_ipc(found, glob=False)] if found else []


def _any(tables: list[pl.LazyFrame], wanted: pl.Expr) -> bool:
    return any(table.filter(wanted).head(1).collect().height for table in tables)


def _ledger_has(folder: Path, listed: pl.Expr) -> bool:
    stays = pl.col("reason").is_null() | (pl.col("reason") != str(Reason.FORGOTTEN))
    return _any(_tables(folder), listed & stays)


def _run_has(stage: Stage, folder: Path, listed: pl.Expr) -> bool:
    if not (folder / RESULT_FILE).exists():
        return True  # what a killed run left: nobody knows
    match stage:
        case Stage.INGEST:
            return _any(_arrow(folder / "records"), listed)
        case Stage.CLEAN:
            return _any(_arrow(folder / "signals"), listed)
        case Stage.DEDUP:
            tables = [*_arrow(folder / "kept"), *_arrow(folder / "decisions")]
            return any(_any([one], listed) for one in tables)
        case Stage.VALIDATE | Stage.SHARD:
            return _ledger_has(folder / "ledger", listed)
        case _:
            return False  # a model's: `flows.collecting` knows which versions need it


def _cached(warehouse: Warehouse, listed: pl.Expr) -> Iterator[Holder]:
    for stage, folder in record_caches(warehouse):
        if stage is Stage.INGEST:
            for unit in sorted((folder / "units").glob("*")):
                if _any(_arrow(unit), listed & pl.col("text").is_not_null()):
                    yield _holder(warehouse, Kind.READ, unit)
        elif stage in {Stage.CLEAN, Stage.DEDUP, Stage.SHARD}:
            for kind in sorted(folder.glob("*")):
                segments = sorted(kind.glob("*.arrow"))
                if segments and _any([pl.scan_ipc(segments, glob=False)], listed):
                    yield _holder(warehouse, Kind.RESULTS, kind)
