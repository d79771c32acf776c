"""Builds what ingest, clean and dedup leave for validate, straight from the promised schemas."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from data_contracts.arrow_files import partition_name, write_ipc
from data_contracts.identity import content_id, record_id
from data_contracts.reasons import Reason
from data_contracts.results import CleanResult, DedupResult, IngestResult, SourceCounts
from data_contracts.schemas import DECISIONS, DOCUMENTS, KEPT, ORIGINS, RECORDS
from pipeline.validate.stage import ValidateInputs

SIGNALS = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("language_score", pa.float32(), nullable=False),
        pa.field("words", pa.int64(), nullable=False),
        pa.field("digit_ratio", pa.float64(), nullable=False),
        pa.field("mean_word_length", pa.float64(), nullable=False),
        pa.field("removed_word_ratio", pa.float64(), nullable=False),
        pa.field("removed_numeric_lines", pa.int64(), nullable=False),
        pa.field("pii_email", pa.int32(), nullable=False),
    ]
)
STAGES = ("ingest", "clean", "dedup")


@dataclass(frozen=True)
class Record:
    """One input record and its fate: kept, unless a stage drops it."""

    key: str
    text: str | None = None
    """None: made from the key."""
    source: str = "books"
    language: str = "en"
    split: str = "train"
    dropped_by: str | None = None
    """One of `STAGES`."""
    reasons: tuple[str, ...] = ()
    """The first is the record's reason."""
    survivor: "Record | None" = None
    similarity: float | None = None

    @property
    def id(self) -> str:
        return record_id(self.source, self.key)

    @property
    def content(self) -> str:
        return self.text if self.text is not None else f"The text of {self.key}, in {self.source}."

    @property
    def reached(self) -> int:
        """How many of the three stages handed it on."""
        return STAGES.index(self.dropped_by) if self.dropped_by else len(STAGES)


def unreadable(key: str, reason: Reason = Reason.BAD_JSON, **more) -> Record:
    return Record(key, dropped_by="ingest", reasons=(str(reason),), **more)


def ruled_out(key: str, *reasons: Reason, **more) -> Record:
    names = tuple(str(reason) for reason in reasons or (Reason.TOO_FEW_WORDS,))
    return Record(key, dropped_by="clean", reasons=names, **more)


def repeats(key: str, survivor: Record, similarity: float = 0.9, **more) -> Record:
    reason = Reason.EXACT_DUPLICATE if similarity == 1 else Reason.NEAR_DUPLICATE
    return Record(
        key,
        dropped_by="dedup",
        reasons=(str(reason),),
        survivor=survivor,
        similarity=similarity,
        **more,
    )


@dataclass
class Rows:
    """Every table as Python rows: to be changed by a test before it is written."""

    records: list[dict] = field(default_factory=list)
    origins: list[dict] = field(default_factory=list)
    documents: list[dict] = field(default_factory=list)
    signals: list[dict] = field(default_factory=list)
    kept: list[dict] = field(default_factory=list)
    ingest: list[dict] = field(default_factory=list)
    clean: list[dict] = field(default_factory=list)
    dedup: list[dict] = field(default_factory=list)
    """Decisions of the three stages."""


def rows_of(records: Sequence[Record]) -> Rows:
    """Write down what each stage would say of the records."""
    rows = Rows()
    members = Counter(one.survivor.id for one in records if one.survivor)
    for position, one in enumerate(records, 1):
        place = {
            "record_id": one.id,
            "source": one.source,
            "key": one.key,
            "path": f"{one.source}.jsonl",
            "position": position,
            "content_id": content_id(one.content.encode()) if one.reached else None,
        }
        rows.origins.append(place)
        if one.reached > 0:
            rows.records.append({**place, "text": one.content})
            rows.signals.append(_signals(one))
        if one.reached > 1:
            rows.documents.append(
                {
                    **{name: place[name] for name in ("record_id", "source", "content_id")},
                    "language": one.language,
                    "quality": 0.5,
                    "text": one.content,
                }
            )
        if one.reached > 2:
            rows.kept.append(
                {
                    "record_id": one.id,
                    "split": one.split,
                    "cluster_id": one.id,
                    "cluster_size": 1 + members[one.id],
                }
            )
        else:
            getattr(rows, one.dropped_by).append(_decision(one))
    return rows


def _signals(one: Record) -> dict:
    words = one.content.split()
    return {
        "record_id": one.id,
        "source": one.source,
        "language": one.language,
        "language_score": 0.9,
        "words": len(words),
        "digit_ratio": sum(c.isdigit() for c in one.content) / max(len(one.content), 1),
        "mean_word_length": sum(map(len, words)) / max(len(words), 1),
        "removed_word_ratio": 0.25,
        "removed_numeric_lines": len(words) % 3,
        "pii_email": one.content.count("@") + one.content.count("[EMAIL]"),
    }


def _decision(one: Record) -> dict:
    return {
        "record_id": one.id,
        "reason": one.reasons[0],
        "reasons": [{"rule": rule, "value": 3.0, "threshold": 50.0} for rule in one.reasons],
        "survivor_id": one.survivor.id if one.survivor else None,
        "similarity": one.similarity,
    }


def write_inputs(
    folder: Path,
    records: Sequence[Record],
    *,
    rows: Rows | None = None,
    partition_rows: int = 1000,
    order_seed: int | None = None,
    licenses: dict[str, str | None] | None = None,
) -> ValidateInputs:
    """Write the folders of ingest, clean and dedup, and the results that count them.

    Args:
        folder: Where.
        records: The input records; the results count these.
        rows: What the tables hold; None: what follows from the records.
        partition_rows: Rows of a partition.
        order_seed: Shuffles the rows of each table (each its own way); None leaves them.
        licenses: As in `ValidateInputs`; None gives every source CC0-1.0.
    """
    rows = rows or rows_of(records)
    generator = np.random.default_rng(order_seed)

    def write(place: str, table: list[dict], schema: pa.Schema) -> None:
        order = range(len(table)) if order_seed is None else generator.permutation(len(table))
        mixed = [table[number] for number in order]
        for number, start in enumerate(range(0, max(len(mixed), 1), partition_rows)):
            part = pa.Table.from_pylist(mixed[start : start + partition_rows], schema=schema)
            write_ipc(folder / place / partition_name(number), part)

    write("ingest/records", rows.records, RECORDS)
    write("ingest/origins", rows.origins, ORIGINS)
    write("ingest/decisions", rows.ingest, DECISIONS)
    write("clean/documents", rows.documents, DOCUMENTS)
    write("clean/signals", rows.signals, SIGNALS)
    write("clean/decisions", rows.clean, DECISIONS)
    write("dedup/kept", rows.kept, KEPT)
    write("dedup/decisions", rows.dedup, DECISIONS)
    common = {"elapsed_seconds": 1.0, "bytes_in": 1}
    sources = list(dict.fromkeys(one.source for one in records))
    return ValidateInputs(
        dataset="demo",
        ingested=IngestResult(
            folder=folder / "ingest", files=1, sources=_counts(records, 0), **common
        ),
        cleaned=CleanResult(folder=folder / "clean", sources=_counts(records, 1), **common),
        deduped=DedupResult(
            folder=folder / "dedup",
            sources=_counts(records, 2),
            pairs_compared=0,
            pairs_over_threshold=0,
            bands=21,
            rows_per_band=6,
            **common,
        ),
        licenses=licenses if licenses is not None else dict.fromkeys(sources, "CC0-1.0"),
        jaccard_threshold=0.8,
    )


def _counts(records: Sequence[Record], stage: int) -> dict[str, SourceCounts]:
    counts = {}
    for source in dict.fromkeys(one.source for one in records):
        given = [one for one in records if one.source == source and one.reached >= stage]
        dropped = Counter(Reason(one.reasons[0]) for one in given if one.reached == stage)
        counts[source] = SourceCounts(
            rows_in=len(given), rows_kept=len(given) - dropped.total(), rows_dropped=dropped
        )
    return counts
