"""Documents as clean would hand them on, made from plain rows."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from data_contracts.arrow_files import partition_name, read_all, write_ipc
from data_contracts.identity import content_id, record_id
from data_contracts.results import CleanResult, DedupResult, SourceCounts
from data_contracts.schemas import DECISIONS, DOCUMENTS, KEPT
from data_contracts.split import SplitRecipe

NOTHING_HELD_OUT = SplitRecipe(validation_ratio=0, test_ratio=0)


@dataclass(frozen=True)
class Document:
    """One row of DOCUMENTS."""

    key: str
    text: str
    source: str = "web"
    quality: float = 0.0

    @property
    def id(self) -> str:
        return record_id(self.source, self.key)


def cleaned(folder: Path, documents: list[Document], partitions: int = 1) -> CleanResult:
    """Write documents, in their order, as that many partitions."""
    for number in range(partitions):
        size = -(-len(documents) // partitions)
        part = documents[number * size : (number + 1) * size]
        columns = [
            [d.id for d in part],
            [d.source for d in part],
            [content_id(d.text.encode()) for d in part],
            ["und"] * len(part),
            [d.quality for d in part],
            [d.text for d in part],
        ]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, DOCUMENTS, strict=True)]
        table = pa.Table.from_arrays(arrays, schema=DOCUMENTS)
        write_ipc(folder / "documents" / partition_name(number), table)
    counts = Counter(d.source for d in documents)
    size = sum(len(d.text.encode()) for d in documents)
    return CleanResult(
        folder=folder,
        elapsed_seconds=0,
        sources={name: SourceCounts(rows_in=n, rows_kept=n) for name, n in counts.items()},
        bytes_in=size,
        bytes_out=size,
    )


def kept(result: DedupResult) -> dict[str, dict]:
    """Rows of kept/ by record_id."""
    return {row["record_id"]: row for row in read_all(result.kept, KEPT).to_pylist()}


def decisions(result: DedupResult) -> dict[str, dict]:
    """Rows of decisions/ by record_id."""
    return {row["record_id"]: row for row in read_all(result.decisions, DECISIONS).to_pylist()}
