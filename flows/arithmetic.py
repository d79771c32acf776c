"""Whether a dataset version adds up: manifest, ledger, signals, documents and tokens. No Prefect.

Checksums say that files are those that were published; this says that they belong together. All of
it is read once, a range of ids or a batch at a time: two tables hold the same rows when the sums of
their rows' hashes agree (40 bits of each: a difference goes unseen once in 10^12).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import VersionCorrupt
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest
from data_contracts.reasons import Fate, Reason, Stage, fate_of
from data_contracts.split import SPLITS, Split
from data_contracts.token_shards import REPEATS, SPANS_FILE, TokenShards
from flows.comparison import id_ranges, in_range

_KEPT: Final = Fate.KEPT.value
_HASH_BITS_LEFT_OUT: Final = 24


class Books(Frozen):
    """What was added up, and found right."""

    records: int
    """Rows of the ledger."""
    kept: int
    """Of these, in the dataset."""
    dropped: dict[str, int]
    """Of these, not in it, by reason."""
    duplicates: int
    """Records that repeat a kept one, which is there."""
    tokens: int
    """Tokens of all splits."""


class _Sum(NamedTuple):
    """A set of rows, as far as two of them need to be told apart."""

    rows: int = 0
    hashes: int = 0

    def plus(self, other: "_Sum") -> "_Sum":
        return _Sum(self.rows + other.rows, self.hashes + other.hashes)


class _Ledger(NamedTuple):
    """What the ledger says, added up."""

    groups: pl.DataFrame
    """Records by source, fate, reason, split."""
    shards: dict[tuple[str, str], _Sum]
    """(record, row) by split and shard."""
    spans: dict[str, _Sum]
    """(record, tokens) by split."""
    tokens: dict[str, int]
    """Tokens by split."""


def check_books(version: Path, manifest: DatasetManifest) -> Books:
    """Add a dataset version up.

    Args:
        version: Its folder.
        manifest: Its manifest.

    Raises:
        VersionCorrupt: Something does not add up; it names the file or folder, and by how much.
    """
    ledger = _read_ledger(version, manifest)
    _check_counts(version, manifest, ledger)
    duplicates = _check_survivors(version, manifest)
    for split in SPLITS:
        _check_split(version, manifest, ledger, str(split))
    _check_repeats(version, manifest)
    return Books(
        records=manifest.records_in,
        kept=manifest.records_kept,
        dropped=manifest.records_dropped,
        duplicates=duplicates,
        tokens=sum(manifest.tokens.values()),
    )


def _read_ledger(version: Path, manifest: DatasetManifest) -> _Ledger:
    groups = []
    shards: dict[tuple[str, str], _Sum] = {}
    spans: dict[str, _Sum] = {}
    tokens: dict[str, int] = {}
    folder = version / "ledger"
    for ids in id_ranges(manifest.records_in):
        rows = in_range(folder, ids).collect(engine="streaming")
        records = rows["record_id"]
        if not records.is_sorted() or records.n_unique() != rows.height:
            raise VersionCorrupt(folder, "its rows are not sorted by record_id, each there once")
        _check_rows(folder, rows)
        _check_signals(version, rows, ids)
        groups.append(rows.group_by("source", "fate", "reason", "split").len("records"))
        kept = rows.filter(pl.col("fate") == _KEPT)
        for (split, shard), some in kept.partition_by("split", "shard", as_dict=True).items():
            shards[split, shard] = shards.get((split, shard), _Sum()).plus(
                _sum(some.select("record_id", "row"))
            )
        for (split,), some in kept.partition_by("split", as_dict=True).items():
            spans[split] = spans.get(split, _Sum()).plus(_sum(some.select("record_id", "tokens")))
            tokens[split] = tokens.get(split, 0) + int(some["tokens"].sum())
    found = pl.concat(groups).group_by("source", "fate", "reason", "split").agg(pl.sum("records"))
    return _Ledger(found, shards, spans, tokens)


def _check_rows(folder: Path, rows: pl.DataFrame) -> None:
    """Hold every row to what its fate promises."""
    fates = {str(reason): str(fate_of(reason)) for reason in Reason}
    said = pl.col("reason").replace_strict(fates, default=None, return_dtype=pl.String)
    kept = pl.col("fate") == _KEPT
    placed = pl.all_horizontal(pl.col("split", "shard", "row", "tokens").is_not_null())
    displaced = pl.any_horizontal(pl.col("shard", "row", "tokens").is_not_null())
    wrong = {
        "has a fate that its reason does not give": ~(
            (kept & pl.col("reason").is_null()) | said.eq_missing(pl.col("fate"))
        ),
        "is kept and lies nowhere": kept & ~placed,
        "is not kept and lies somewhere": ~kept & displaced,
        "is a duplicate of nothing": (pl.col("fate") == Fate.DUPLICATE.value)
        & (pl.col("survivor_id").is_null() | pl.col("similarity").is_null()),
    }
    for problem, condition in wrong.items():
        found = rows.filter(condition)
        if found.height:
            raise VersionCorrupt(folder, f"record {found['record_id'][0]} {problem}")


def _check_signals(version: Path, rows: pl.DataFrame, ids: tuple[str, str]) -> None:
    """Every record that was read was measured, once."""
    measured = in_range(version / "signals", ids).select("record_id").collect(engine="streaming")
    read = rows.filter(pl.col("stage") != Stage.INGEST.value).select("record_id")
    if _sum(measured) != _sum(read):
        problem = f"measures {measured.height:,} records of {read.height:,} that were read"
        raise VersionCorrupt(version / "signals", f"{problem}, or other ones")


def _check_counts(version: Path, manifest: DatasetManifest, ledger: _Ledger) -> None:
    """Compare the ledger's counts with the manifest's."""
    groups = ledger.groups
    kept = groups.filter(pl.col("fate") == _KEPT)
    dropped = groups.filter(pl.col("fate") != _KEPT)
    by_split = _counts(kept, "split")
    pairs: list[tuple[str, object, object]] = [
        ("records", int(groups["records"].sum()), manifest.records_in),
        ("kept records", int(kept["records"].sum()), manifest.records_kept),
        ("dropped by reason", _counts(dropped, "reason"), manifest.records_dropped),
        ("kept by split", by_split, {k: n for k, n in manifest.documents.items() if n}),
        ("tokens by split", ledger.tokens, {k: n for k, n in manifest.tokens.items() if n}),
        (
            "records by source",
            _counts(groups, "source"),
            {one.name: one.records_in for one in manifest.sources if one.records_in},
        ),
        (
            "kept by source",
            _counts(kept, "source"),
            {one.name: one.records_kept for one in manifest.sources if one.records_kept},
        ),
    ]
    for what, found, promised in pairs:
        if found != promised:
            problem = f"{what}: it counts {found}, the manifest {promised}"
            raise VersionCorrupt(version / "ledger", problem)


def _counts(groups: pl.DataFrame, by: str) -> dict[str, int]:
    return dict(groups.group_by(by).agg(pl.sum("records").cast(pl.Int64)).sort(by).iter_rows())


def _check_survivors(version: Path, manifest: DatasetManifest) -> int:
    """Every duplicate names a record that is kept, and is as similar as it must be."""
    ledger = pl.scan_parquet(sorted((version / "ledger").glob("*.parquet")), glob=False)
    duplicates = ledger.filter(pl.col("fate") == Fate.DUPLICATE.value)
    kept = ledger.filter(pl.col("fate") == _KEPT).select("record_id")
    lost = duplicates.join(kept, left_on="survivor_id", right_on="record_id", how="anti")
    threshold = manifest.recipe["dedup"]["jaccard_threshold"]
    unlike = duplicates.filter(pl.col("similarity") < threshold)
    for problem, rows in (
        ("repeats a record that is not kept", lost),
        (f"is a duplicate, less similar than {threshold}", unlike),
    ):
        found = rows.select(pl.col("record_id").min()).collect(engine="streaming").item()
        if found is not None:
            raise VersionCorrupt(version / "ledger", f"record {found} {problem}")
    return int(duplicates.select(pl.len()).collect(engine="streaming").item())


def _check_split(version: Path, manifest: DatasetManifest, ledger: _Ledger, split: str) -> None:
    """Documents lie where the ledger says, and tokens are those of the documents, in their order."""
    folder = version / "documents" / split
    ordered = _Sum()
    for path in sorted(folder.glob("data-*.arrow")):
        rows = 0
        placed = _Sum()
        for batch in _documents(path):
            size = batch.height
            placed = placed.plus(_sum(batch.select("record_id", _numbered(rows, size))))
            named = batch.select("record_id", _numbered(ordered.rows, size), "text_bytes")
            ordered = ordered.plus(_sum(named))
            rows += size
        promised = ledger.shards.get((split, path.name), _Sum())
        if placed != promised:
            problem = f"holds {placed.rows:,} documents, the ledger places {promised.rows:,} there"
            raise VersionCorrupt(path, f"{problem}, or other ones")
    if ordered.rows != manifest.documents[split]:
        problem = f"has {ordered.rows:,} documents of {manifest.documents[split]:,}"
        raise VersionCorrupt(folder, problem)
    _check_tokens(version / "tokens" / split, manifest.tokens[split], ledger, split, ordered)


def _check_tokens(folder: Path, tokens: int, ledger: _Ledger, split: str, documents: _Sum) -> None:
    found = len(TokenShards.open(folder))  # its spans cover it without a gap, or this raises
    if found != tokens:
        raise VersionCorrupt(folder, f"holds {found:,} tokens, the manifest counts {tokens:,}")
    ordered, counted = _Sum(), _Sum()
    with pa.memory_map(str(folder / SPANS_FILE)) as source:
        reader = pa.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            batch = pl.DataFrame(pa.table(reader.get_batch(number)))
            place = _numbered(ordered.rows, batch.height)
            ordered = ordered.plus(_sum(batch.select("record_id", place, "text_bytes")))
            counted = counted.plus(_sum(batch.select("record_id", "tokens")))
    if counted != ledger.spans.get(split, _Sum()):
        raise VersionCorrupt(folder / SPANS_FILE, "its tokens are not those of the ledger")
    if ordered != documents:
        raise VersionCorrupt(folder / SPANS_FILE, "its documents are others, or in another order")


def _check_repeats(version: Path, manifest: DatasetManifest) -> None:
    """Further copies are of training documents, whole."""
    folder = version / "tokens" / REPEATS
    found = len(TokenShards.open(folder)) if folder.exists() else 0
    if found != manifest.repeated_tokens:
        problem = f"holds {found:,} tokens, the manifest counts {manifest.repeated_tokens:,}"
        raise VersionCorrupt(folder, problem)
    if not found:
        return
    own = ["record_id", "tokens", "text_bytes"]
    copies = pl.scan_ipc(folder / SPANS_FILE, glob=False).select(own)
    originals = pl.scan_ipc(folder.parent / Split.TRAIN / SPANS_FILE, glob=False).select(own)
    strangers = copies.join(originals, on=own, how="anti").select(pl.len())
    if count := strangers.collect(engine="streaming").item():
        problem = f"{count:,} copies are of no training document"
        raise VersionCorrupt(folder / SPANS_FILE, problem)


def _documents(path: Path) -> Iterator[pl.DataFrame]:
    with pa.memory_map(str(path)) as source:
        for batch in pa.ipc.open_stream(source):
            lengths = pc.binary_length(batch["text"])
            table = pa.table({"record_id": batch["record_id"], "text_bytes": lengths})
            yield pl.DataFrame(table)


def _numbered(first: int, rows: int) -> pl.Expr:
    return pl.int_range(first, first + rows, dtype=pl.Int64).alias("number")


def _sum(rows: pl.DataFrame) -> _Sum:
    """Add rows up, whatever their order; numbers of any width count alike."""
    alike = rows.select(
        pl.col(name).cast(pl.Int64) if kind.is_integer() else pl.col(name)
        for name, kind in rows.schema.items()
    )
    hashes = alike.hash_rows(seed=0)
    return _Sum(rows.height, int((hashes // (1 << _HASH_BITS_LEFT_OUT)).cast(pl.Int64).sum()))
