"""A few records to look at: examples of each reason, and the biggest duplicate clusters.

Which ones is a function of the set of records: those of the smallest record_id.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.arrow_files import read_partitions
from data_contracts.quality import (
    CLUSTERS_SHOWN,
    EXAMPLES_PER_REASON,
    EXCERPT_CHARACTERS,
    MEMBER_CHARACTERS,
    ClusterMember,
    ClusterQuality,
    Example,
)
from data_contracts.reasons import Fate
from data_contracts.schemas import DOCUMENTS, KEPT, RECORDS
from pipeline.validate.tables import Stages, scan, scan_ledger

_PLACE = ("record_id", "source", "key", "path", "position")


def examples_by_reason(stages: Stages) -> dict[str, tuple[Example, ...]]:
    """Pick a few records of each reason, with the beginning of their raw text."""
    ledger = scan_ledger(stages.ledger).filter(pl.col("reason").is_not_null())
    picked = ledger.group_by("reason").agg(pl.col("record_id").bottom_k(EXAMPLES_PER_REASON))
    rows = (
        ledger.join(picked.explode("record_id").select("record_id"), on="record_id", how="semi")
        .select(*_PLACE, "reason", "reasons")
        .collect(engine="streaming")
        .sort("record_id")
    )
    texts = _beginnings(
        stages.ingested.records, RECORDS, rows["record_id"].to_list(), EXCERPT_CHARACTERS
    )
    found: dict[str, list[Example]] = {}
    for row in rows.iter_rows(named=True):
        evidence: Sequence[Mapping[str, Any]] = row["reasons"]
        first = next((one for one in evidence if one["rule"] == row["reason"]), {})
        example = Example(
            **{name: row[name] for name in _PLACE},
            value=_finite(first.get("value")),
            threshold=_finite(first.get("threshold")),
            excerpt=texts.get(row["record_id"]),
        )
        found.setdefault(row["reason"], []).append(example)
    return {reason: tuple(some) for reason, some in found.items()}


def biggest_clusters(stages: Stages) -> tuple[ClusterQuality, ...]:
    """Pick the clusters of most records, each with its survivor and the member least like it."""
    kept = scan(stages.deduped.kept, KEPT).filter(pl.col("cluster_size") > 1)
    biggest = (
        kept.select("record_id", "cluster_id", "cluster_size")
        .bottom_k(CLUSTERS_SHOWN, by=["cluster_size", "cluster_id"], reverse=[True, False])
        .collect(engine="streaming")
        .sort("cluster_size", "cluster_id", descending=[True, False])
    )
    members = (
        scan_ledger(stages.ledger)
        .filter(pl.col("cluster_id").is_in(biggest["cluster_id"].to_list()))
        .select(*_PLACE, "cluster_id", "fate", "similarity")
        .collect(engine="streaming")
    )
    dropped = members.filter(pl.col("fate") == str(Fate.DUPLICATE))
    furthest = dropped.sort("similarity", "record_id", nulls_last=True).unique(
        "cluster_id", keep="first", maintain_order=True
    )
    shown = [*biggest["record_id"].to_list(), *furthest["record_id"].to_list()]
    texts = _beginnings(stages.cleaned.documents, DOCUMENTS, shown, MEMBER_CHARACTERS)
    rows = {row["record_id"]: row for row in members.iter_rows(named=True)}
    partners = dict(furthest.select("cluster_id", "record_id").iter_rows())
    return tuple(
        ClusterQuality(
            cluster_id=cluster,
            records=size,
            survivor=_member(rows[survivor], texts, None),
            furthest=_member(rows[partners[cluster]], texts, rows[partners[cluster]]["similarity"]),
        )
        for survivor, cluster, size in biggest.iter_rows()
        if cluster in partners and survivor in rows
    )


def _member(
    row: Mapping[str, Any], texts: Mapping[str, str], similarity: float | None
) -> ClusterMember:
    return ClusterMember(
        **{name: row[name] for name in _PLACE},
        similarity=similarity,
        excerpt=texts.get(row["record_id"]) or "",
    )


def _beginnings(
    folder: Path, schema: pa.Schema, record_ids: list[str], characters: int
) -> dict[str, str]:
    """Read how the texts of a few records begin: of all others, only the ids."""
    wanted, found = pa.array(record_ids, pa.string()), dict[str, str]()
    for table in read_partitions(folder, schema) if record_ids else ():
        rows = table.select(["record_id", "text"])
        some = rows.filter(pc.is_in(rows["record_id"], value_set=wanted))
        texts = pc.utf8_slice_codeunits(some["text"], 0, characters)
        found.update(zip(some["record_id"].to_pylist(), texts.to_pylist(), strict=True))
    return found


def _finite(number: float | None) -> float | None:
    return number if number is not None and abs(number) < float("inf") else None
