"""Builds what the stages before shard leave, straight from the promised schemas."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from data_contracts.arrow_files import partition_name, write_ipc, write_parquet
from data_contracts.contract_stamp import ContractStamp
from data_contracts.identity import content_id, record_id
from data_contracts.results import (
    CheckOutcome,
    CleanResult,
    DedupResult,
    SourceCounts,
    ValidateResult,
)
from data_contracts.schemas import DOCUMENTS, KEPT, LEDGER
from data_contracts.split import SPLITS, SplitRecipe, split_numbers
from pipeline.shard.stage import ShardInputs

SIGNALS = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("language_score", pa.float32()),
        pa.field("words", pa.int32(), nullable=False),
    ]
)
PASSED = CheckOutcome(
    rule="rows", description="there are rows", severity="critical", passed=True, observed="3"
)


@dataclass(frozen=True)
class Record:
    """One input record; only `kept` ones are in the dataset."""

    key: str
    text: str
    source: str = "books"
    language: str = "en"
    kept: bool = True
    cluster_size: int = 1

    @property
    def id(self) -> str:
        return record_id(self.source, self.key)


def split_of(record: Record) -> str:
    """A fifth each is held out, so that small sets have all splits."""
    recipe = SplitRecipe(validation_ratio=0.2, test_ratio=0.2)
    return str(SPLITS[split_numbers([record.id], recipe)[0]])


def make_inputs(
    folder: Path,
    records: list[Record],
    *,
    partition_rows: int = 1000,
    order_seed: int | None = None,
    checks: tuple[CheckOutcome, ...] = (PASSED,),
    lock: Path | None = None,
) -> ShardInputs:
    """Write the folders of clean, dedup and validate.

    Args:
        folder: Where.
        records: The input records, dropped ones too.
        partition_rows: Rows of a partition of clean, dedup and of the ledger.
        order_seed: Shuffles clean's and dedup's rows (each its own way); None leaves them.
        checks: What the gate found.
        lock: As in `ShardInputs`.
    """
    generator = np.random.default_rng(order_seed)

    def mixed(rows: list[dict]) -> list[dict]:
        order = range(len(rows)) if order_seed is None else generator.permutation(len(rows))
        return [rows[number] for number in order]

    def write(name: str, rows: list[dict], schema: pa.Schema) -> None:
        for number, start in enumerate(range(0, len(rows), partition_rows)):
            table = pa.Table.from_pylist(rows[start : start + partition_rows], schema=schema)
            if schema is LEDGER:
                write_parquet(folder / name / f"part-{number:05d}.parquet", table)
            else:
                write_ipc(folder / name / partition_name(number), table)

    kept = [record for record in records if record.kept]
    # Documents that clean passed and dedup dropped are there as well.
    write("clean/documents", mixed([_document(one) for one in records]), DOCUMENTS)
    write("clean/signals", mixed([_signals(one) for one in records]), SIGNALS)
    write("dedup/kept", mixed([_kept(one) for one in kept]), KEPT)
    ledger = sorted((_ledger(one) for one in records), key=lambda row: row["record_id"])
    write("validate/ledger", ledger, LEDGER)
    write_parquet(folder / "dedup/index/signatures.parquet", pa.table({"n": [1, 2]}))
    return ShardInputs(
        dataset="tiny",
        cleaned=CleanResult(folder=folder / "clean", **_figures(records, records)),
        deduped=DedupResult(
            folder=folder / "dedup",
            pairs_compared=0,
            pairs_over_threshold=0,
            bands=1,
            rows_per_band=1,
            **_figures(kept, kept),
        ),
        validated=ValidateResult(
            folder=folder / "validate",
            contracts=(ContractStamp(id="documents", version="1.0.0", sha256="0" * 64),),
            checks=checks,
            **_figures(kept, kept),
        ),
        licenses={"books": "CC-BY-4.0", "poems": None},
        lock=lock,
    )


def some_records(count: int, seed: int = 0) -> list[Record]:
    """English and Chinese records of 0 to some 60 words; every seventh is dropped."""
    generator = np.random.default_rng(seed)
    english = ["the", "quick", "brown", "fox", "doesn't", "jump", "over", "12345", "dogs;\n"]
    chinese = "床前明月光疑是地上霜舉頭望明月低頭思故鄉。"
    records = []
    for number in range(count):
        length = int(generator.integers(1, 60))
        words = " ".join(generator.choice(english, length))
        record = Record(f"key-{number}", f"Document {number}: {words}", kept=number % 7 != 3)
        if number % 3 == 0:
            verse = "".join(generator.choice(list(chinese), length))
            record = replace(record, source="poems", language="zh", text=f"{number} {verse}")
        records.append(record)
    return records


def _document(record: Record) -> dict:
    return {
        "record_id": record.id,
        "source": record.source,
        "content_id": content_id(record.text.encode()),
        "language": record.language,
        "quality": 0.5,
        "text": record.text,
    }


def _signals(record: Record) -> dict:
    return {
        "record_id": record.id,
        "source": record.source,
        "language": record.language,
        "language_score": 0.9,
        "words": len(record.text.split()),
    }


def _kept(record: Record) -> dict:
    return {
        "record_id": record.id,
        "split": split_of(record),
        "cluster_id": record.id,
        "cluster_size": record.cluster_size,
    }


def _ledger(record: Record) -> dict:
    return {
        "record_id": record.id,
        "source": record.source,
        "key": record.key,
        "path": "books.jsonl",
        "position": 1,
        "content_id": content_id(record.text.encode()),
        "stage": "shard" if record.kept else "dedup",
        "fate": "kept" if record.kept else "duplicate",
        "reason": None if record.kept else "near_duplicate",
        "reasons": []
        if record.kept
        else [{"rule": "near_duplicate", "value": 0.9, "threshold": 0.8}],
        "edits": [],
        "survivor_id": None,
        "similarity": None if record.kept else 0.9,
        "cluster_id": record.id,
        "language": record.language,
        "split": split_of(record) if record.kept else None,
    }


def _figures(given: list[Record], handed_on: list[Record]) -> dict:
    sources = {}
    for name in sorted({record.source for record in given}):
        rows = sum(record.source == name for record in handed_on)
        sources[name] = SourceCounts(rows_in=rows, rows_kept=rows)
    size = sum(len(record.text.encode()) for record in given)
    return {"elapsed_seconds": 0.0, "sources": sources, "bytes_in": size, "bytes_out": size}
