"""A record's story: its ledger row, its signals, its survivor, told in order. No Prefect here."""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from data_contracts.errors import RecordUnknown
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest
from data_contracts.warehouse import Warehouse
from flows.published_texts import published_texts

MOST_STORIES = 20


class Story(Frozen):
    """All that is known of one record in one dataset version."""

    dataset: str
    """NAME@VERSION."""
    ledger: dict[str, Any]
    """The record's ledger row."""
    signals: dict[str, Any]
    """What was measured on it; empty when it could not be read."""
    survivor: dict[str, Any] | None
    """Ledger row of the kept record that it repeats."""
    text: str | None
    """The document, when it is in the dataset."""


class Found(NamedTuple):
    """The records that were asked for."""

    stories: list[Story]
    """The first `MOST_STORIES` of them, by id."""
    total: int
    """How many there are."""


def find_stories(warehouse: Warehouse, dataset: str | None, wanted: str) -> Found:
    """Find the records with a key, a path or an id; where there is none, with the start of an id.

    Raises:
        VersionUnknown: There is no such dataset.
        RecordUnknown: There is no such record in it.
    """
    folder = warehouse.find("datasets", dataset)
    manifest = DatasetManifest.load(folder)
    label = f"{manifest.name}@{manifest.version}"
    ledger = pl.scan_parquet(sorted((folder / "ledger").glob("*.parquet")), glob=False)
    exact = [pl.col(name) == wanted for name in ("key", "path", "record_id")]
    found = ledger.filter(pl.any_horizontal(exact)).collect()
    if found.is_empty() and wanted:
        found = ledger.filter(pl.col("record_id").str.starts_with(wanted)).collect()
    if found.is_empty():
        raise RecordUnknown(label, wanted, _near(ledger, wanted))
    rows = found.head(MOST_STORIES).to_dicts()
    return Found([_story(folder, label, ledger, row) for row in rows], len(found))


def _story(folder: Path, label: str, ledger: pl.LazyFrame, row: dict[str, Any]) -> Story:
    signals = (
        pl.scan_parquet(sorted((folder / "signals").glob("*.parquet")), glob=False)
        .filter(pl.col("record_id") == row["record_id"])
        .drop("record_id", "source")
        .collect()
        .to_dicts()
    )
    survivor = None
    if row["survivor_id"] is not None:
        found = ledger.filter(pl.col("record_id") == row["survivor_id"]).collect().to_dicts()
        survivor = found[0] if found else None
    return Story(
        dataset=label,
        ledger=row,
        signals=signals[0] if signals else {},
        survivor=survivor,
        text=published_texts(folder, [row]).get(row["record_id"]),
    )


def _near(ledger: pl.LazyFrame, wanted: str) -> list[str]:
    """Offer keys that contain what was asked for, else the first few."""
    for keys in (ledger.filter(pl.col("key").str.contains(wanted, literal=True)), ledger):
        near = keys.select(pl.col("key").drop_nulls()).head(5).collect()["key"].to_list()
        if near:
            break
    return near
