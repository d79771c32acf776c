"""Documents of a dataset version, as text: what evaluation and the byte baselines read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.errors import TooLittleText, VersionCorrupt
from data_contracts.schemas import PUBLISHED_DOCUMENTS, PUBLISHED_METADATA, check_schema


def document_batches(folder: Path) -> Iterator[pa.RecordBatch]:
    """Map a split's documents into memory, batch by batch, in their published order.

    Args:
        folder: documents/<split> of a dataset version.

    Yields:
        Batches of PUBLISHED_DOCUMENTS.

    Raises:
        VersionCorrupt: A file is no Arrow stream.
        SchemaMismatch: A file has other columns.
    """
    for path in sorted(folder.glob("*.arrow")):
        try:
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
                check_schema(str(path), stream.schema, PUBLISHED_DOCUMENTS, {PUBLISHED_METADATA})
                for batch in stream:
                    yield batch.select(PUBLISHED_DOCUMENTS.names)
        except pa.ArrowInvalid as error:
            raise VersionCorrupt(path, f"not an Arrow stream ({error})") from error


def held_out_documents(folder: Path, max_bytes: int | None) -> pa.Table:
    """Read whole documents from a split's start until they hold `max_bytes` of text (None: all).

    Raises:
        TooLittleText: The split has no documents.
    """
    taken: list[pa.RecordBatch] = []
    total = 0
    for batch in document_batches(folder):
        ends = total + np.cumsum(text_bytes(batch["text"]))
        rows = len(ends)
        if max_bytes is not None:
            rows = min(rows, int(np.searchsorted(ends, max_bytes)) + 1)
        taken.append(batch.slice(0, rows))
        total = int(ends[rows - 1]) if rows else total
        if max_bytes is not None and total >= max_bytes:
            break
    if not total:
        raise TooLittleText(folder.name, 0, 1)
    # The batches' own schema: `datasets` declares every column nullable.
    return pa.Table.from_batches(taken)


def text_bytes(texts: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Measure texts in UTF-8 bytes, int64 (documents,)."""
    lengths: NDArray[np.int64] = pc.binary_length(texts).to_numpy().astype(np.int64)
    return lengths
