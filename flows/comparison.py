"""What sets two dataset versions apart, from their ledgers and signals. No Prefect, no text is read.

Record ids are hashes, so a range of ids is a random sample of records, and ledger and signals are
sorted by them: both versions are read range by range, in bounded memory, however big they are.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from data_contracts.errors import VersionCorrupt, VersionUnknown
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest
from data_contracts.reasons import Fate
from data_contracts.warehouse import Warehouse
from flows.drift import Drift, Spread, edges_of

ROWS_AT_ONCE = 250_000
"""Records of a version read at a time, about: 120 MB of signals."""
RECORDS_FOR_EDGES = 20_000
"""Kept documents of the earlier version, at least, whose deciles bound the bins (all, if fewer)."""

_ID_DIGITS = "0123456789abcdef"
_AFTER_EVERY_ID = "g"


class Example(Frozen):
    """A record, to look at with `mill why`."""

    record_id: str
    """Which."""
    key: str
    """Its key within the source."""


class Move(Frozen):
    """Records of one source that went the same way from one version to the other."""

    source: str
    """Their source."""
    before: str | None
    """`kept`, or the reason why they were not, in the earlier version; None: not in its ledger."""
    after: str | None
    """The same for the later version."""
    records: int
    """How many."""
    changed: int
    """Of these, in both ledgers, with another raw text."""
    tokens_before: int
    """Their tokens in the earlier version."""
    tokens_after: int
    """Their tokens in the later one."""
    tokens_gained: int
    """Tokens that documents have more than before, the losses of others not counted against it."""
    tokens_lost: int
    """Tokens that documents have less than before."""
    example: Example
    """One of them: the smallest id."""


class SourceChange(Frozen):
    """What became of one source."""

    name: str
    """The source."""
    records_before: int
    """Its records in the earlier version."""
    records_after: int
    """Its records in the later one."""
    added: int
    """Records that only the later one has."""
    removed: int
    """Records that only the earlier one has."""
    changed: int
    """Records of both with another raw text."""
    kept_before: int
    """Documents in the earlier dataset."""
    kept_after: int
    """Documents in the later one."""
    tokens_before: int
    """Tokens in the earlier one."""
    tokens_after: int
    """Tokens in the later one: `tokens_before + tokens_gained - tokens_lost`."""
    tokens_gained: int
    """Tokens of documents that came or grew."""
    tokens_lost: int
    """Tokens of documents that went or shrank."""


class Comparison(Frozen):
    """Two versions, and all that sets them apart."""

    before: str
    """NAME@VERSION of the earlier one."""
    after: str
    """NAME@VERSION of the later one."""
    same_tokenizer: bool
    """Whether tokens count alike in both."""
    records_before: int
    """Rows of the earlier ledger."""
    records_after: int
    """Rows of the later one."""
    added: int
    """Records that only the later one has."""
    removed: int
    """Records that only the earlier one has."""
    changed: int
    """Records of both with another raw text."""
    sources: tuple[SourceChange, ...]
    """By source, in the order of their names."""
    moves: tuple[Move, ...]
    """Every way a record went, also those that stayed as they were."""
    drift: tuple[Drift, ...]
    """How far the documents' signals moved, furthest first."""
    signals_not_compared: tuple[str, ...]
    """Signals that only one of the versions measured."""

    @property
    def fate_changes(self) -> dict[tuple[str, str], list[Move]]:
        """Moves of records in both versions whose fate is another, by (before, after)."""
        return self._grouped(lambda one: None not in {one.before, one.after})

    @property
    def arrivals(self) -> dict[tuple[str, str], list[Move]]:
        """Moves of records that only one version has, by (before, after); "" stands for none."""
        return self._grouped(lambda one: None in {one.before, one.after})

    def _grouped(self, wanted: Callable[[Move], bool]) -> dict[tuple[str, str], list[Move]]:
        grouped: dict[tuple[str, str], list[Move]] = {}
        for move in self.moves:
            if move.before != move.after and wanted(move):
                grouped.setdefault((move.before or "", move.after or ""), []).append(move)
        order = sorted(grouped.items(), key=lambda one: (-records_of(one[1]), one[0]))
        return dict(order)


def records_of(moves: list[Move]) -> int:
    """Count the records of moves."""
    return sum(move.records for move in moves)


def find_versions(warehouse: Warehouse, before: str, after: str | None) -> tuple[Path, Path]:
    """Find the two versions to compare; of one version alone, the one before it is the other.

    Raises:
        VersionUnknown: One of them is not there, or none came before.
    """
    if after is not None:
        return warehouse.find("datasets", before), warehouse.find("datasets", after)
    folder = warehouse.find("datasets", before)
    manifest = DatasetManifest.load(folder)
    if manifest.parent is None:
        known = [f"{manifest.name}@{one}" for one in warehouse.versions("datasets", manifest.name)]
        raise VersionUnknown("dataset", f"(the one before {manifest.version})", known)
    return warehouse.find("datasets", f"{manifest.name}@{manifest.parent}"), folder


def compare(before: Path, after: Path) -> Comparison:
    """Compare two dataset versions.

    Args:
        before: Folder of the earlier version.
        after: Folder of the later one; it may be of another dataset.

    Raises:
        VersionCorrupt: A ledger has not the records that its manifest counts.
    """
    old, new = DatasetManifest.load(before), DatasetManifest.load(after)
    prefixes = id_ranges(max(old.records_in, new.records_in))
    moves = _moves(before, after, prefixes)
    sources = _sources(moves)
    for folder, expected, found in (
        (before, old.records_in, sum(one.records_before for one in sources)),
        (after, new.records_in, sum(one.records_after for one in sources)),
    ):
        if expected != found:
            problem = f"has {found:,} records, the manifest counts {expected:,}"
            raise VersionCorrupt(folder / "ledger", problem)
    drift, missing = _drift(before, after, prefixes)
    return Comparison(
        before=f"{old.name}@{old.version}",
        after=f"{new.name}@{new.version}",
        same_tokenizer=old.tokenizer_sha256 == new.tokenizer_sha256,
        records_before=old.records_in,
        records_after=new.records_in,
        added=sum(one.added for one in sources),
        removed=sum(one.removed for one in sources),
        changed=sum(one.changed for one in sources),
        sources=sources,
        moves=moves,
        drift=drift,
        signals_not_compared=missing,
    )


def id_ranges(rows: int, at_once: int = ROWS_AT_ONCE) -> list[tuple[str, str]]:
    """Cut all ids into ranges [low, high) of about as many records as are read at once."""
    prefixes = [""]
    while rows / len(prefixes) > at_once:
        prefixes = [prefix + digit for prefix in prefixes for digit in _ID_DIGITS]
    return list(zip(prefixes, [*prefixes[1:], _AFTER_EVERY_ID], strict=True))


def _moves(before: Path, after: Path, ranges: list[tuple[str, str]]) -> tuple[Move, ...]:
    keys = ["source", "before", "after"]
    numbers = ["records", "changed", "tokens_before", "tokens_after", "gained", "lost"]
    parts = []
    for some in ranges:
        both = _rows(before, some).join(
            _rows(after, some), on="record_id", how="full", coalesce=True
        )
        parts.append(_grouped(both, keys).collect(engine="streaming"))
    total = (
        pl.concat(parts)
        .sort("record_id")
        .group_by(keys)
        .agg(pl.col(numbers).sum(), pl.col("record_id", "key").first())
        .sort(keys, nulls_last=True)
    )
    return tuple(
        Move(
            source=row["source"],
            before=row["before"],
            after=row["after"],
            records=row["records"],
            changed=row["changed"],
            tokens_before=row["tokens_before"],
            tokens_after=row["tokens_after"],
            tokens_gained=row["gained"],
            tokens_lost=row["lost"],
            example=Example(record_id=row["record_id"], key=row["key"]),
        )
        for row in total.iter_rows(named=True)
    )


def _grouped(both: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    tokens_before, tokens_after = pl.col("tokens").fill_null(0), pl.col("tokens_right").fill_null(0)
    more = tokens_after - tokens_before
    in_both = pl.col("fate").is_not_null() & pl.col("fate_right").is_not_null()
    return (
        both.with_columns(
            source=pl.coalesce("source", "source_right"),
            key=pl.coalesce("key", "key_right"),
            before=pl.col("fate"),
            after=pl.col("fate_right"),
            changed=in_both & pl.col("content_id").ne_missing(pl.col("content_id_right")),
        )
        .group_by(keys)
        .agg(
            records=pl.len().cast(pl.Int64),
            changed=pl.col("changed").sum().cast(pl.Int64),
            tokens_before=tokens_before.sum(),
            tokens_after=tokens_after.sum(),
            gained=more.clip(lower_bound=0).sum(),
            lost=(-more).clip(lower_bound=0).sum(),
            record_id=pl.col("record_id").min(),
            key=pl.col("key").sort_by("record_id").first(),
        )
    )


def _rows(version: Path, ids: tuple[str, str]) -> pl.LazyFrame:
    return in_range(version / "ledger", ids).select(
        "record_id", "source", "key", "content_id", "tokens", fate=pl.coalesce("reason", "fate")
    )


def in_range(folder: Path, ids: tuple[str, str]) -> pl.LazyFrame:
    """Read the rows of a range of ids from Parquet files sorted by them."""
    low, high = ids
    return pl.scan_parquet(sorted(folder.glob("*.parquet")), glob=False).filter(
        (pl.col("record_id") >= low) & (pl.col("record_id") < high)
    )


def _sources(moves: tuple[Move, ...]) -> tuple[SourceChange, ...]:
    kept = Fate.KEPT.value
    by_source: dict[str, list[Move]] = {}
    for move in moves:
        by_source.setdefault(move.source, []).append(move)
    return tuple(
        SourceChange(
            name=name,
            records_before=records_of([one for one in some if one.before is not None]),
            records_after=records_of([one for one in some if one.after is not None]),
            added=records_of([one for one in some if one.before is None]),
            removed=records_of([one for one in some if one.after is None]),
            changed=sum(one.changed for one in some),
            kept_before=records_of([one for one in some if one.before == kept]),
            kept_after=records_of([one for one in some if one.after == kept]),
            tokens_before=sum(one.tokens_before for one in some),
            tokens_after=sum(one.tokens_after for one in some),
            tokens_gained=sum(one.tokens_gained for one in some),
            tokens_lost=sum(one.tokens_lost for one in some),
        )
        for name, some in sorted(by_source.items())
    )


def _drift(
    before: Path, after: Path, ranges: list[tuple[str, str]]
) -> tuple[tuple[Drift, ...], tuple[str, ...]]:
    edges = edges_of(_sample(before, ranges))
    spreads = []
    for version in (before, after):
        spread = Spread(edges)
        for some in ranges:
            spread.add(_kept_signals(version, some))
        spreads.append(spread)
    first, second = spreads
    return first.drift_to(second), tuple(sorted(first.names ^ second.names))


def _sample(version: Path, ranges: list[tuple[str, str]]) -> pl.DataFrame:
    """Take kept documents of the first ranges: hashes name them, so they are a random sample."""
    parts: list[pl.DataFrame] = []
    for some in ranges:
        parts.append(_kept_signals(version, some))
        if sum(part.height for part in parts) >= RECORDS_FOR_EDGES:
            break
    return pl.concat(parts)


def _kept_signals(version: Path, ids: tuple[str, str]) -> pl.DataFrame:
    kept = in_range(version / "ledger", ids).filter(pl.col("fate") == Fate.KEPT.value)
    return (
        in_range(version / "signals", ids)
        .join(kept.select("record_id"), on="record_id", how="semi")
        .collect(engine="streaming")
    )
