"""Documents of a dataset version by where the ledger says they lie. No Prefect here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa


def ledger_rows(version: Path, record_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Look records up in a version's ledger, by record_id."""
    rows = (
        pl.scan_parquet(sorted((version / "ledger").glob("*.parquet")), glob=False)
        .filter(pl.col("record_id").is_in(list(record_ids)))
        .collect(engine="streaming")
    )
    return {row["record_id"]: row for row in rows.iter_rows(named=True)}


def published_texts(version: Path, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Read the documents of ledger rows, by record_id; records without a document are left out.

    Shards are mapped, and each is read once: only the wanted texts are copied.
    """
    wanted: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for row in rows:
        if row["shard"] is not None:
            wanted[row["split"], row["shard"]][int(row["row"])] = row["record_id"]
    texts: dict[str, str] = {}
    for (split, shard), places in wanted.items():
        left = sorted(places)
        first = 0
        with pa.memory_map(str(version / "documents" / split / shard)) as source:
            for batch in pa.ipc.open_stream(source):
                while left and left[0] < first + batch.num_rows:
                    place = left.pop(0)
                    texts[places[place]] = batch["text"][place - first].as_py()
                if not left:
                    break
                first += batch.num_rows
    return texts
