"""The tables that contracts speak of at the gate, as Polars sees them.

Tables of one row per record stay on disk and are streamed; the figures are counted once, here.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
import pyarrow as pa

from data_contracts.arrow_files import partitions
from data_contracts.reasons import DUPLICATE_REASONS, UNREADABLE_REASONS, Fate, Reason, Stage
from data_contracts.results import CleanResult, DedupResult, IngestResult, StageResult
from data_contracts.schemas import DOCUMENTS, PUBLISHED_DOCUMENTS, RECORDS
from data_contracts.shipped_contracts import shipped_tables
from data_contracts.split import SPLITS
from pipeline.validate.documents import DocumentCounts
from pipeline.validate.kept import Kept
from pipeline.validate.ledger import DECIDING

UNKNOWN_LANGUAGE: Final = "und"
"""The language of a text in none that is known."""


class Stages(NamedTuple):
    """Results of the stages before, and the ledger joined from them."""

    ingested: IngestResult
    cleaned: CleanResult
    deduped: DedupResult
    ledger: Path
    """Folder of Parquet files (LEDGER)."""


class Counts(NamedTuple):
    """What every figure is counted from."""

    fates: pl.DataFrame
    """source, stage, reason, fate, language, split, records (int64): one row per combination."""
    broken: pl.DataFrame
    """rule, records (int64): records that break each rule, whatever else they break."""
    edits: pl.DataFrame
    """source, signal, records, occurrences (int64): what cleaning took out or found."""
    kept: Kept
    """Which records are in the dataset."""
    documents: DocumentCounts
    """What was counted in the text of documents that passed clean."""


def scan(folder: Path, schema: pa.Schema | None = None) -> pl.LazyFrame:
    """Look at a folder of partitions, memory-mapped (no rows when there are none)."""
    found = partitions(folder)
    if found:
        return pl.scan_ipc(found, glob=False)
    return pl.LazyFrame(schema.empty_table() if schema is not None else None)


def scan_ledger(folder: Path) -> pl.LazyFrame:
    """Look at the ledger's Parquet files."""
    return pl.scan_parquet(sorted(folder.glob("part-*.parquet")), glob=False)


def count(stages: Stages, kept: Kept, documents: DocumentCounts) -> Counts:
    """Count fates, broken rules and edits in the ledger.

    Args:
        stages: Results and ledger.
        kept: Which records are in the dataset.
        documents: What was counted in their text.
    """
    ledger = scan_ledger(stages.ledger)
    kinds = ["source", "stage", "reason", "fate", "language", "split"]
    fates = ledger.group_by(kinds).agg(records=pl.len().cast(pl.Int64))
    rules = ledger.select(rule=pl.col("reasons").list.eval(pl.element().struct.field("rule")))
    broken = (
        rules.select(pl.col("rule").list.unique())
        .explode("rule")
        .drop_nulls()
        .group_by("rule")
        .agg(records=pl.len().cast(pl.Int64))
    )
    edits = (
        ledger.select("source", "edits")
        .explode("edits")
        .drop_nulls()
        .unnest("edits")
        .group_by("source", "signal")
        .agg(records=pl.len().cast(pl.Int64), occurrences=pl.col("count").sum())
    )
    return Counts(
        fates=fates.collect(engine="streaming").sort(kinds, nulls_last=True),
        broken=broken.collect(engine="streaming"),
        edits=edits.collect(engine="streaming").sort("source", "signal"),
        kept=kept,
        documents=documents,
    )


def contract_tables(
    stages: Stages, counts: Counts, licenses: Mapping[str, str | None], jaccard_threshold: float
) -> dict[str, pl.LazyFrame]:
    """Give the tables of one row per record, and the figures of sources, splits and the whole.

    Args:
        stages: Results and ledger.
        counts: What `count` gave.
        licenses: Licence by source, None where none is stated.
        jaccard_threshold: Least similarity of a duplicate.
    """
    documents = (
        scan(stages.cleaned.documents, DOCUMENTS)
        .filter(counts.kept.holds())
        .select(PUBLISHED_DOCUMENTS.names)
    )
    signals = scan(stages.cleaned.signals, shipped_tables()["signals"].schema)
    return {
        "records": scan(stages.ingested.records, RECORDS),
        "documents": documents,
        "signals": signals,
        "ledger": scan_ledger(stages.ledger),
        "sources": source_figures(counts, source_names(stages.ingested, licenses), licenses).lazy(),
        "splits": split_figures(counts).lazy(),
        "dataset": _dataset_figures(stages, counts, jaccard_threshold).lazy(),
    }


def source_names(ingested: IngestResult, licenses: Mapping[str, str | None]) -> list[str]:
    """List the sources in the recipe's order, then any others by name."""
    return [*licenses, *sorted(set(ingested.sources) - set(licenses))]


def source_figures(
    counts: Counts, sources: Sequence[str], licenses: Mapping[str, str | None]
) -> pl.DataFrame:
    """Count each source's figures (table `sources`); a ratio of nothing is 0."""
    rows = []
    for source in sources:
        fates = counts.fates.filter(pl.col("source") == source)
        rows.append({"source": source, "license": licenses.get(source), **_ratios(fates)})
    return figures_table(rows, shipped_tables()["sources"].schema)


def split_figures(counts: Counts) -> pl.DataFrame:
    """Count each split's figures (table `splits`)."""
    rows = []
    for split in SPLITS:
        held = counts.documents.sizes.filter(pl.col("split") == str(split))
        rows.append(
            {
                "split": str(split),
                "documents": _total(held["documents"]),
                "characters": _total(held["characters"]),
                "text_bytes": _total(held["text_bytes"]),
            }
        )
    return figures_table(rows, shipped_tables()["splits"].schema)


def _dataset_figures(stages: Stages, counts: Counts, jaccard_threshold: float) -> pl.DataFrame:
    ratios = _ratios(counts.fates)
    without, under = _wrong_duplicates(stages, counts.kept, jaccard_threshold)
    found = _total(counts.documents.sizes.filter("kept")["documents"])
    planted = stages.deduped.planted
    by_reason = dict(counts.fates.group_by("reason").agg(pl.col("records").sum()).iter_rows())
    compared = stages.deduped.rows_in
    row = {
        "sources": counts.fates["source"].n_unique(),
        **ratios,
        "capped_ratio": _share(stages.deduped.comparisons_capped, stages.deduped.rows_in),
        "count_mismatches": _mismatches(stages, counts),
        "duplicates_without_survivor": without,
        "duplicates_under_threshold": under,
        "repeated_documents": counts.documents.repeated,
        "documents_missing": ratios["kept"] - found,
        "held_out_copies": counts.documents.held_out_copies,
        "held_out_overlap_ratio": _share(by_reason.get(str(Reason.HELD_OUT_OVERLAP), 0), compared),
        "evaluation_overlap_ratio": _share(
            by_reason.get(str(Reason.EVALUATION_OVERLAP), 0), compared
        ),
        "recall_shortfall": planted.shortfall if planted else 0.0,
        "planted_recall": planted.at_threshold.recall if planted else None,
    }
    return figures_table([row], shipped_tables()["dataset"].schema)


def _ratios(fates: pl.DataFrame) -> dict[str, float]:
    """Count what sources and the dataset have in common."""
    total = _total(fates["records"])
    kept = fates.filter(pl.col("fate") == str(Fate.KEPT))
    by_reason = dict(fates.group_by("reason").agg(pl.col("records").sum()).iter_rows())
    unreadable = sum(by_reason.get(str(reason), 0) for reason in UNREADABLE_REASONS)
    duplicates = sum(by_reason.get(str(reason), 0) for reason in DUPLICATE_REASONS)
    judged = {str(reason) for reason in Reason} - {*UNREADABLE_REASONS, *DUPLICATE_REASONS}
    compared = fates.filter(pl.col("stage").is_in([str(Stage.DEDUP), str(Stage.SHARD)]))
    unknown = kept.filter(pl.col("language") == UNKNOWN_LANGUAGE)
    return {
        "records_in": total,
        "kept": _total(kept["records"]),
        "kept_ratio": _share(_total(kept["records"]), total),
        "unreadable_ratio": _share(unreadable, total),
        "duplicate_ratio": _share(duplicates, _total(compared["records"])),
        "largest_rule_ratio": _share(max((by_reason.get(r, 0) for r in judged), default=0), total),
        "unknown_language_ratio": _share(_total(unknown["records"]), _total(kept["records"])),
    }


def _wrong_duplicates(stages: Stages, kept: Kept, jaccard_threshold: float) -> tuple[int, int]:
    """Count duplicates that name no kept record, and those not known to reach the threshold."""
    near_enough = pl.col("similarity").ge(jaccard_threshold).fill_null(value=False)
    wrong = (
        scan_ledger(stages.ledger)
        .filter(pl.col("fate") == str(Fate.DUPLICATE))
        .select(
            orphans=(~kept.holds("survivor_id")).sum(),
            under=(~near_enough | pl.col("similarity").is_nan()).sum(),
        )
        .collect(engine="streaming")
    )
    return wrong["orphans"].item(), wrong["under"].item()


def _mismatches(stages: Stages, counts: Counts) -> int:
    """Count the differences between what stages said they counted and what the ledger holds."""
    ledger = {
        (source, stage, reason): records
        for source, stage, reason, records in counts.fates.group_by("source", "stage", "reason")
        .agg(pl.col("records").sum())
        .iter_rows()
    }
    results: tuple[StageResult, ...] = (stages.ingested, stages.cleaned, stages.deduped)
    claimed: dict[tuple[str, str, str | None], int] = {}
    for stage, result in zip(DECIDING, results, strict=True):
        for source, said in result.sources.items():
            for reason, records in said.rows_dropped.items():
                claimed[source, str(stage), str(reason)] = records
    for source, said in stages.deduped.sources.items():
        claimed[source, str(Stage.SHARD), None] = said.rows_kept
    wrong: int = sum(
        ledger.get(place, 0) != claimed.get(place, 0) for place in {**ledger, **claimed}
    )
    # Records handed from stage to stage: each was given what the one before kept.
    handed = pairwise(results)
    return wrong + sum(
        _kept_by(before, source) != _given_to(after, source)
        for before, after in handed
        for source in {**before.sources, **after.sources}
    )


def _kept_by(result: StageResult, source: str) -> int:
    return result.sources[source].rows_kept if source in result.sources else 0


def _given_to(result: StageResult, source: str) -> int:
    return result.sources[source].rows_in if source in result.sources else 0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _total(numbers: pl.Series) -> int:
    return int(numbers.cast(pl.Int64).sum())


def figures_table(rows: Iterable[Mapping[str, object]], schema: pa.Schema) -> pl.DataFrame:
    """Make a frame of figures with exactly the promised columns."""
    picked = [{name: row[name] for name in schema.names} for row in rows]
    frame = pl.from_arrow(pa.Table.from_pylist(picked, schema=schema))
    assert isinstance(frame, pl.DataFrame), "a table becomes a frame"  # noqa: S101
    return frame
