"""A sample of the ledger for a report: small whatever the ledger's size, rare reasons included."""

from pathlib import Path
from typing import Final

import polars as pl

from data_contracts.frozen import Frozen

SAMPLE_ROWS: Final = 1000
"""Rows of a report's sample: about 400 kB of page."""
LEAST_PER_GROUP: Final = 3
"""Rows of each source and reason that are in any sample, while there are that many groups at most."""
_TAIL_DIGITS: Final = 16
_CANDIDATES: Final = 40 * SAMPLE_ROWS  # so that each group has enough of them, all but surely
_FEW: Final = 5_000  # records of a group that is looked at whole
_MOST_CHARACTERS: Final = 1000  # of a key or a path, which may be megabytes long


class SampleRow(Frozen):
    """One record of the sample: its ledger row without what only programs read."""

    record_id: str
    """Who it is."""
    source: str
    """Its source."""
    key: str
    """Its key within the source."""
    path: str
    """File that it was read from."""
    position: int
    """Line, row or record number within the file."""
    fate: str
    """What became of it."""
    reason: str | None
    """The first rule that it broke; None: it was kept."""
    language: str | None
    """Its language; None: never measured."""
    split: str | None
    """Its split; None: not in the dataset."""
    value: float | None
    """The measured value of that rule; for duplicates the similarity."""
    threshold: float | None
    """What it was compared with."""
    tokens: int | None
    """Its tokens."""


class LedgerSample(Frozen):
    """Rows of a ledger."""

    rows: tuple[SampleRow, ...] = ()
    """The sample, by record_id."""
    of: int = 0
    """Rows of the whole ledger."""


def sample_ledger(folder: Path) -> LedgerSample:
    """Draw a sample: some rows of every source and reason, then the groups by their size.

    Two passes, by column, in memory of the sample's order; the same ledger gives the same sample.

    Args:
        folder: Holds the ledger's Parquet files; none or no folder gives an empty sample.
    """
    files = sorted(folder.glob("*.parquet"))
    if not files:
        return LedgerSample()
    ledger = pl.scan_parquet(files, glob=False)
    groups = (
        ledger.group_by("source", "reason").agg(records=pl.len()).collect(engine="streaming")
    ).sort("records", "source", "reason", descending=[True, False, False], nulls_last=True)
    total = int(groups["records"].sum())
    wanted = _shares(groups["records"].to_list())
    most = max(wanted, default=0)
    # Ids are hashes: those of the least second half are a fair draw. (Those of the least first half
    # would all be of one split, which is decided by it.)
    ledger = ledger.with_columns(tail=pl.col("record_id").str.tail(_TAIL_DIGITS))
    few = groups.filter(pl.col("records") <= _FEW).select("source", "reason").lazy()
    narrowed = pl.concat(
        [
            ledger.filter(pl.col("tail") <= _cut(total)),
            ledger.join(few, on=["source", "reason"], how="semi", nulls_equal=True),
        ]
    )
    drawn = (
        narrowed.select("source", "reason", "tail")
        .unique()
        .group_by("source", "reason")
        .agg(pl.col("tail").bottom_k(most))
        .collect(engine="streaming")
        .join(
            groups.with_columns(wanted=pl.Series(wanted, dtype=pl.Int64)),
            on=["source", "reason"],
            nulls_equal=True,
        )
        .select(pl.col("tail").list.sort().list.head(pl.col("wanted")))
        .explode("tail")
    )
    rows = (
        ledger.join(drawn.lazy(), on="tail", how="semi")
        .select(
            *("record_id", "source", "position", "fate", "reason", "language"),
            *("split", "tokens", "similarity"),
            *(pl.col(name).str.head(_MOST_CHARACTERS) for name in ("key", "path")),
            first=pl.col("reasons").list.first(),
        )
        .collect(engine="streaming")
        .sort("record_id")
    )
    return LedgerSample(rows=tuple(_row(one) for one in rows.to_dicts()), of=total)


def _cut(total: int) -> str:
    """Give the greatest tail that is worth a look: of a long ledger, few records are candidates."""
    whole = 16**_TAIL_DIGITS - 1
    return f"{min(whole, whole * _CANDIDATES // max(total, 1)):0{_TAIL_DIGITS}x}"


def _shares(sizes: list[int]) -> list[int]:
    """Share `SAMPLE_ROWS` out: a few for every group, the rest by size."""
    if not sizes:
        return []
    least = max(0, min(LEAST_PER_GROUP, SAMPLE_ROWS // len(sizes)))
    shares = [min(size, least) for size in sizes]
    room, whole = SAMPLE_ROWS - sum(shares), sum(sizes)
    return [
        min(size, share + room * size // whole) for size, share in zip(sizes, shares, strict=True)
    ]


def _row(found: dict[str, object]) -> SampleRow:
    first = found.pop("first")
    similarity = found.pop("similarity")
    evidence = first if isinstance(first, dict) else {}
    value = similarity if similarity is not None else evidence.get("value")
    return SampleRow.model_validate(
        {**found, "value": value, "threshold": evidence.get("threshold")}
    )
