"""Everything that `quality.json` holds but the checks: funnel, languages, splits, distributions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from data_contracts.arrow_files import read_partitions
from data_contracts.quality import (
    EditQuality,
    LanguageQuality,
    ReasonQuality,
    SignalQuality,
    SourceQuality,
    SplitQuality,
)
from data_contracts.reasons import Fate, Reason, Stage, fate_of
from data_contracts.shipped_contracts import shipped_tables
from data_contracts.split import SPLITS, Split
from pipeline.validate.distributions import COUNT_BINS, Groups, bins_of
from pipeline.validate.documents import source_numbers
from pipeline.validate.excerpts import examples_by_reason
from pipeline.validate.kept import NOT_KEPT, Kept
from pipeline.validate.tables import Counts, Stages, scan, source_names, split_figures

NOT_SIGNALS: Final = frozenset({"record_id", "content_id", "source", "language"})
"""Columns of the signals table that measure nothing."""


def source_qualities(
    stages: Stages, counts: Counts, licenses: Mapping[str, str | None]
) -> dict[str, SourceQuality]:
    """Follow each source from records in to records kept, in the recipe's order of sources."""
    return {
        source: _source(counts, source, licenses.get(source))
        for source in source_names(stages.ingested, licenses)
    }


def _source(counts: Counts, source: str, license_name: str | None) -> SourceQuality:
    fates = counts.fates.filter(pl.col("source") == source)
    kept = fates.filter(pl.col("fate") == str(Fate.KEPT))
    documents = counts.documents.sizes.filter(pl.col("source") == source, pl.col("kept"))
    by_reason, by_split = _records_by(fates, "reason"), _records_by(kept, "split")
    by_language = _records_by(kept, "language")
    return SourceQuality(
        license=license_name,
        records_in=sum(by_reason.values()),
        dropped={one: by_reason[str(one)] for one in Reason if by_reason.get(str(one))},
        kept=_total(kept["records"]),
        kept_characters=_total(documents["characters"]),
        kept_bytes=_total(documents["text_bytes"]),
        kept_by_split={one: by_split.get(str(one), 0) for one in SPLITS},
        kept_by_language={
            name or "": count for name, count in sorted(by_language.items(), key=_most_first)
        },
        edits={
            row["signal"]: EditQuality(records=row["records"], occurrences=row["occurrences"])
            for row in counts.edits.filter(pl.col("source") == source).iter_rows(named=True)
        },
    )


def language_qualities(counts: Counts) -> dict[str, LanguageQuality]:
    """Count each language over all sources, most kept records first."""
    measured = counts.fates.filter(pl.col("language").is_not_null())
    kept = _records_by(measured.filter(pl.col("fate") == str(Fate.KEPT)), "language")
    characters = dict(
        counts.documents.sizes.filter("kept")
        .group_by("language")
        .agg(pl.col("characters").sum())
        .iter_rows()
    )
    records = _records_by(measured, "language")
    order = sorted(records, key=lambda name: (-kept.get(name, 0), -records[name], name or ""))
    return {
        str(name): LanguageQuality(
            records=records[name],
            kept=kept.get(name, 0),
            kept_characters=characters.get(name, 0),
        )
        for name in order
    }


def split_qualities(counts: Counts) -> dict[Split, SplitQuality]:
    """Count each split over all sources."""
    return {
        Split(row.pop("split")): SplitQuality(**row)
        for row in split_figures(counts).iter_rows(named=True)
    }


def reason_qualities(stages: Stages, counts: Counts) -> tuple[ReasonQuality, ...]:
    """Count each reason over all sources, with examples, in documented order."""
    dropped = _records_by(counts.fates, "reason")
    broken = dict(counts.broken.iter_rows())
    deciding = dict(counts.fates.select("reason", "stage").unique().sort("stage").iter_rows())
    examples = examples_by_reason(stages)
    return tuple(
        ReasonQuality(
            reason=reason,
            # A rule that was broken but never came first was broken in clean.
            stage=Stage(deciding.get(str(reason), Stage.CLEAN)),
            fate=fate_of(reason),
            records=dropped.get(str(reason), 0),
            broken=max(broken.get(str(reason), 0), dropped.get(str(reason), 0)),
            examples=examples.get(str(reason), ()),
        )
        for reason in Reason
        if dropped.get(str(reason)) or broken.get(str(reason))
    )


def length_quality(counts: Counts, sources: list[str]) -> SignalQuality:
    """Describe the characters of documents."""
    source, kept, characters = counts.documents.lengths
    return Groups(sources, source, kept).describe(characters, COUNT_BINS)


def signal_qualities(folder: Path, kept: Kept, sources: list[str]) -> dict[str, SignalQuality]:
    """Describe every numeric signal, one after another: one column is in memory.

    Args:
        folder: Partitions of signals.
        kept: Which records are in the dataset.
        sources: Names of the sources.
    """
    signals = scan(folder, shipped_tables()["signals"].schema)
    schema = signals.collect_schema()
    names = sorted(
        name for name, kind in schema.items() if kind.is_numeric() and name not in NOT_SIGNALS
    )
    groups = _groups(folder, kept, sources)

    return {
        name: groups.describe(_floats(signals.select(name).collect()[name]), bins_of(name, kind))
        for name, kind in ((name, schema[name]) for name in names)
    }


def _groups(signals: Path, kept: Kept, sources: list[str]) -> Groups:
    numbers, held = [np.empty(0, np.uint16)], [np.empty(0, np.bool_)]
    for table in read_partitions(signals):
        numbers.append(source_numbers(table["source"], sources))
        held.append(kept.splits(table["record_id"]) != NOT_KEPT)
    return Groups(sources, np.concatenate(numbers), np.concatenate(held))


def _floats(values: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    floats = values.cast(pl.Float64).fill_null(float("nan")).to_numpy(writable=True)
    floats[~np.isfinite(floats)] = np.nan
    return floats


def _records_by(fates: pl.DataFrame, column: str) -> dict[str | None, int]:
    return dict(fates.group_by(column).agg(pl.col("records").sum()).iter_rows())


def _most_first(item: tuple[str | None, int]) -> tuple[int, str]:
    return -item[1], item[0] or ""


def _total(numbers: pl.Series) -> int:
    return int(numbers.cast(pl.Int64).sum())
