"""The biggest duplicate clusters of a dataset version, with word diffs. No Prefect here."""

from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest
from data_contracts.quality import Quality
from data_contracts.warehouse import Warehouse
from flows.published_texts import ledger_rows
from flows.reports.word_diff import DiffPart, word_diff

MEMBERS_SHOWN = 3
"""Members listed of a cluster: those least similar to the survivor, where a mistake would show."""


class Member(Frozen):
    """A record of a cluster."""

    record_id: str
    """Which record."""
    source: str
    """Its source."""
    key: str
    """Its key within the source."""
    path: str
    """File it was read from."""
    position: int
    """1-based line, row or record number in that file."""
    similarity: float
    """Exact Jaccard similarity with the survivor; 1 for the survivor itself."""


class Cluster(Frozen):
    """A record that others repeat."""

    dataset: str
    """NAME@VERSION."""
    records: int
    """Records in it, the survivor included."""
    survivor: Member
    """The one that is in the dataset."""
    furthest: tuple[Member, ...]
    """The others, least similar to the survivor first, at most `MEMBERS_SHOWN`."""
    diff: tuple[DiffPart, ...] | None
    """How the first of them differs from the survivor; None: only the report's clusters keep the
    text of what was dropped."""


def biggest_clusters(warehouse: Warehouse, dataset: str | None, most: int) -> list[Cluster]:
    """Find the clusters of most records, biggest first (of equal ones the smallest id first).

    Raises:
        VersionUnknown: There is no such dataset.
    """
    folder = warehouse.find("datasets", dataset)
    manifest = DatasetManifest.load(folder)
    table = pl.scan_parquet(folder / "index" / "clusters.parquet")
    sizes = (
        table.group_by("cluster_id")
        .agg(records=pl.len().cast(pl.Int64))
        .sort("records", "cluster_id", descending=[True, False])
        .head(most)
        .collect()
    )
    members = (
        table.filter(pl.col("cluster_id").is_in(sizes["cluster_id"].to_list()))
        .filter(pl.col("record_id") != pl.col("cluster_id"))
        .sort("similarity", "record_id")
        .group_by("cluster_id", maintain_order=True)
        .head(MEMBERS_SHOWN)
        .collect()
        .partition_by("cluster_id", as_dict=True)
    )
    shown = [one for some in members.values() for one in some["record_id"]]
    rows = ledger_rows(folder, [*sizes["cluster_id"], *shown])
    diffs = _diffs(folder)
    return [
        Cluster(
            dataset=f"{manifest.name}@{manifest.version}",
            records=size,
            survivor=_member(rows[cluster], 1.0),
            furthest=tuple(
                _member(rows[one], similarity)
                for one, similarity in members[cluster,]
                .select("record_id", "similarity")
                .iter_rows()
            ),
            diff=diffs.get(cluster),
        )
        for cluster, size in sizes.iter_rows()
    ]


def _member(row: dict[str, Any], similarity: float) -> Member:
    places = ("record_id", "source", "key", "path", "position")
    return Member(**{name: row[name] for name in places}, similarity=similarity)


def _diffs(version: Path) -> dict[str, tuple[DiffPart, ...]]:
    quality = Quality.load(version / "quality.json")
    return {
        one.cluster_id: word_diff(one.survivor.excerpt, one.furthest.excerpt)
        for one in quality.clusters
    }
