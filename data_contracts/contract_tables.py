"""The tables that a dataset contract speaks of: their names, columns and types.

`documents`, `signals` and `ledger` hold one row per record, `sources` and `splits` one row each,
`dataset` one row in all. A contract may promise any part of them.
"""

from typing import Final

import pyarrow as pa

from data_contracts.schemas import LEDGER, PUBLISHED_DOCUMENTS


def _promised(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


SIGNALS_ALWAYS: Final = _promised(
    record_id=pa.string(), source=pa.string(), language=pa.string(), language_score=pa.float32()
)
"""Columns that the signals of every recipe have; each signal adds one of its name."""

SOURCE_FIGURES: Final = pa.schema(
    [
        *_promised(source=pa.string()),
        pa.field("license", pa.string()),  # SPDX expression, as in the recipe
        *_promised(
            records_in=pa.int64(),  # records delivered, unreadable ones included
            kept=pa.int64(),  # records in the dataset
            kept_ratio=pa.float64(),  # kept / records_in
            unreadable_ratio=pa.float64(),  # records that could not be read / records_in
            duplicate_ratio=pa.float64(),  # exact and near duplicates / records that passed clean
            largest_rule_ratio=pa.float64(),  # dropped by the rule that drops most / records_in
            unknown_language_ratio=pa.float64(),  # kept in language "und" / kept
        ),
    ]
)
"""One row per source. A ratio of nothing is 0."""

SPLIT_FIGURES: Final = _promised(
    split=pa.string(),
    documents=pa.int64(),
    characters=pa.int64(),  # Unicode code points
    text_bytes=pa.int64(),  # UTF-8
)
"""One row per split, empty ones too."""

_DATASET_ALWAYS: Final = _promised(
    sources=pa.int64(),
    records_in=pa.int64(),
    kept=pa.int64(),
    kept_ratio=pa.float64(),  # kept / records_in
    unreadable_ratio=pa.float64(),  # unreadable / records_in
    duplicate_ratio=pa.float64(),  # exact and near duplicates / records that passed clean
    unknown_language_ratio=pa.float64(),  # kept in language "und" / kept
    capped_ratio=pa.float64(),  # records that dedup compared with fewer than it should / all
    count_mismatches=pa.int64(),  # source, stage and reason whose count is not the ledger's
    duplicates_without_survivor=pa.int64(),  # duplicates that name no kept record
    duplicates_under_threshold=pa.int64(),  # duplicates less similar than the recipe's threshold
    repeated_documents=pa.int64(),  # kept documents whose text another kept document has
    documents_missing=pa.int64(),  # kept records without a document
    recall_shortfall=pa.float64(),  # dedup.target_recall less what was measured, at best
)
DATASET_FIGURES: Final = pa.schema(
    [
        *_DATASET_ALWAYS,
        pa.field("planted_recall", pa.float64()),  # at the threshold; null: nothing was planted
    ]
)
"""One row."""

CONTRACT_TABLES: Final[dict[str, pa.Schema]] = {
    "documents": PUBLISHED_DOCUMENTS,
    "signals": SIGNALS_ALWAYS,
    "ledger": LEDGER,
    "sources": SOURCE_FIGURES,
    "splits": SPLIT_FIGURES,
    "dataset": DATASET_FIGURES,
}
"""Schema of each table by name."""

TABLE_KEYS: Final = {
    "documents": "record_id",
    "signals": "record_id",
    "ledger": "record_id",
    "sources": "source",
    "splits": "split",
}
"""The column that names a row of each table; `dataset` has one row."""

OPEN_TABLES: Final = frozenset({"signals"})
"""Tables with more columns than their schema says: which ones, the recipe decides."""
