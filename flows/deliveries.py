"""Deliveries that are kept for sources that only ever get more, as a warehouse holds them.

`pipeline.ingest.increments` keeps them; here is who holds forgotten text among them, whether they are
what was kept, and older ones that come late. No Prefect here.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.compute as pc

from data_contracts.arrow_files import read_ipc
from data_contracts.errors import RecipeInvalid
from data_contracts.forgotten import ForgetList
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, now
from data_contracts.warehouse import Warehouse
from flows.recipe import Recipe, parse_recipe
from pipeline.ingest.increments import Increment, Increments, keep
from pipeline.ingest.landing import land


class Backfilled(Frozen):
    """What `backfill` kept."""

    dataset: str
    """The dataset's name."""
    source: str
    """The source's name."""
    files: int
    """Files that were named."""
    kept: int
    """Of these, those that were not kept before."""
    bytes: int
    """Size of all that were named."""


def backfill(warehouse: Warehouse, recipe: Recipe, name: str, path: str) -> Backfilled:
    """Keep older deliveries of a source as if they had been seen when they came.

    The next run of the recipe reads them. A file keeps its path within PATH, under which the
    source's later ones lie within theirs.

    Args:
        warehouse: Where they are kept.
        recipe: The recipe; its source must be one that only ever gets more.
        name: The source's name.
        path: A file, a folder, a glob or a URL, read as the source's own.

    Raises:
        RecipeInvalid: There is no such source, or it delivers snapshots.
        SourceMissing: There is nothing to read.
        WarehouseBusy: A run is writing the dataset.
    """
    sources = {one.name: one for one in recipe.sources}
    if name not in sources:
        known = ", ".join(sources)
        raise RecipeInvalid(
            recipe.name, "sources", f"none is named `{name}`", f"There is: {known}."
        )
    if sources[name].delivery != "append":
        problem = "its files are all there is, so that none can be added to them"
        fix = "Set `delivery: append` to keep what was delivered."
        raise RecipeInvalid(recipe.name, f"sources.{name}.delivery", problem, fix)
    source = sources[name].model_copy(update={"path": path})
    kept = warehouse.increments(recipe.name)
    with warehouse.lease(recipe.name):
        landed = land(source, warehouse.landing_memo())
        before = {(one.path, one.sha256) for one in Increments.load(kept / name).increments}
        fresh = tuple(one for one in landed.files if (one.path, one.sha256) not in before)
        count = keep(source, landed.model_copy(update={"files": fresh}), kept, now())
    return Backfilled(
        dataset=recipe.name,
        source=name,
        files=len(landed.files),
        kept=count,
        bytes=landed.bytes,
    )


def verify_deliveries(warehouse: Warehouse, dataset: str) -> int:
    """Compare all that is kept for a dataset with its checksums.

    Returns:
        How many files are kept.

    Raises:
        VersionCorrupt: One is missing or differs.
    """
    count = 0
    for folder in _sources(warehouse, dataset):
        index = Increments.load(folder)
        index.verify(folder)
        count += len(index.increments)
    return count


def that_hold(warehouse: Warehouse, dataset: str, listed: ForgetList) -> Iterator[Path]:
    """Find the kept files that hold text of forgotten records of a dataset.

    Of a file as it was delivered the ledgers tell: it holds what was read of its path.
    """
    paths: set[tuple[str, str]] | None = None
    for folder in _sources(warehouse, dataset):
        for one in Increments.load(folder).increments:
            if one.rows:
                if _rows_hold(folder, one, listed):
                    yield folder / one.file
                continue
            if paths is None:
                paths = _paths_of(warehouse, dataset, listed)
            if _is_of(one, folder.name, paths):
                yield folder / one.file


def take_out(warehouse: Warehouse, dataset: str, files: set[Path], listed: ForgetList) -> None:
    """Take the text of forgotten records out of kept files; call it under the dataset's lease."""
    from pipeline.ingest.redaction import take_out as rewrite  # noqa: PLC0415 - loads all readers

    latest = warehouse.find("datasets", dataset)
    recipe = parse_recipe(DatasetManifest.load(latest).recipe, latest)
    for source in recipe.sources:
        folder = warehouse.increments(dataset) / source.name
        held = {
            one.path for one in Increments.load(folder).increments if folder / one.file in files
        }
        if held:
            rewrite(source, recipe.ingest, warehouse.increments(dataset), held, listed)


def _sources(warehouse: Warehouse, dataset: str) -> list[Path]:
    return sorted(path for path in warehouse.increments(dataset).glob("*") if path.is_dir())


def _rows_hold(folder: Path, one: Increment, listed: ForgetList) -> bool:
    rows = read_ipc(folder / one.file)
    has_text = pc.is_valid(rows["text"])
    gone = listed.covers(folder.name, rows["key"], rows["content_id"])
    return bool(pc.any(pc.and_(has_text, gone)).as_py())


def _is_of(one: Increment, source: str, paths: set[tuple[str, str]]) -> bool:
    """Tell whether records of these sources and paths may be of a file, or of one in an archive."""
    return any(
        name == source and (path == one.path or path.startswith(f"{one.path}/"))
        for name, path in paths
    )


def _paths_of(warehouse: Warehouse, dataset: str, listed: ForgetList) -> set[tuple[str, str]]:
    wanted = pl.col("record_id").is_in(sorted(listed.record_ids))
    wanted |= pl.col("content_id").is_in(sorted(listed.content_ids))
    found: set[tuple[str, str]] = set()
    for version in warehouse.versions("datasets", dataset):
        folder = warehouse.version_folder("datasets", dataset, version) / "ledger"
        ledger = pl.scan_parquet(sorted(folder.glob("*.parquet")), glob=False)
        found |= set(ledger.filter(wanted).select("source", "path").unique().collect().iter_rows())
    return found
