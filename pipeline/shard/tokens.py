"""tokens/<split>/: documents to token shards, reusing the tokens of records seen before."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.token_shards import Tokens
from pipeline.buffers import one_chunk
from pipeline.id_halves import id_strings
from pipeline.partition_pool import map_in_order
from pipeline.record_cache import RecordCache
from pipeline.shard.placements import Placed
from pipeline.shard.tokenizer import Encoder

CACHED: Final = pa.schema([pa.field("tokens", pa.large_binary(), nullable=False)])
"""What is reused by content_id, under one tokenizer and one way to clean: ids with their end mark as
little-endian bytes of the vocabulary's type."""
TOGETHER_BYTES: Final = 16 * 1024 * 1024
"""Documents of a split that are worked on together, unless one batch of them has more: each time rows
are looked for in every segment of the cache."""


class Tokenised(NamedTuple):
    """Documents of a split as tokens."""

    tokens: Tokens
    """Ids of the documents, end to end, each with its end mark."""
    spans: pa.Table
    """TOKEN_SPANS without `start`."""
    records: NDArray[np.int64]
    """int64 (documents,): whose they are, in `Placements`."""
    split: int
    """Index into `SPLITS`."""
    languages: pa.ChunkedArray
    """Their languages."""
    reused: int
    """Documents whose tokens came from the cache."""


def tokenise(
    documents: Iterator[Placed],
    contents: NDArray[np.uint64],
    encoder: Encoder,
    cache: RecordCache,
) -> Iterator[Tokenised]:
    """Encode documents in threads, each split's in order, with few in flight.

    Args:
        documents: Batches of them, of any splits by turns.
        contents: uint64 (2, records), the halves of the content_ids of all records.
        encoder: The tokenizer.
        cache: Tokens of records seen before (CACHED).
    """

    def work(batches: list[Placed]) -> Tokenised:
        return _tokenised(batches, contents, encoder, cache)

    yield from map_in_order(work, _together(documents))


def _together(documents: Iterator[Placed]) -> Iterator[list[Placed]]:
    """Collect batches of a split until they are enough."""
    waiting: dict[int, list[Placed]] = defaultdict(list)
    sizes: dict[int, int] = defaultdict(int)
    for batch in documents:
        waiting[batch.split].append(batch)
        sizes[batch.split] += batch.documents.nbytes
        if sizes[batch.split] >= TOGETHER_BYTES:
            sizes[batch.split] = 0
            yield waiting.pop(batch.split)
    yield from waiting.values()


def _tokenised(
    batches: list[Placed], contents: NDArray[np.uint64], encoder: Encoder, cache: RecordCache
) -> Tokenised:
    documents = pa.Table.from_batches([batch.documents for batch in batches])
    records = np.concatenate([batch.records for batch in batches])
    high, low = contents[:, records]
    texts, rows = documents["text"], cache.find_halves((high, low))
    missing = np.flatnonzero(rows < 0)
    encoded = encoder.encode(texts[number].as_py() for number in missing.tolist())
    values = pa.array([tokens.tobytes() for tokens in encoded], pa.large_binary())
    fresh = pa.Table.from_arrays([values], schema=CACHED)
    if len(missing):
        cache.add(id_strings((high[missing], low[missing])), fresh)
    values = one_chunk(cache.take(rows, fresh)["tokens"])
    counts = pc.binary_length(values).to_numpy() // encoder.dtype.itemsize
    spans = pa.table(
        {
            "record_id": documents["record_id"],
            "source": documents["source"],
            "tokens": pa.array(counts.astype(np.int32)),
            "text_bytes": pc.binary_length(texts),
        }
    )
    return Tokenised(
        _end_to_end(values, encoder),
        spans,
        records,
        batches[0].split,
        documents["language"],
        len(rows) - len(missing),
    )


def _end_to_end(values: pa.Array, encoder: Encoder) -> Tokens:
    """View the bytes of all values as tokens."""
    if not len(values):
        return np.empty(0, encoder.dtype)
    offsets = np.frombuffer(values.buffers()[1], np.int64)[values.offset :]
    size = offsets[len(values)] - offsets[0]
    return np.frombuffer(
        values.buffers()[2], encoder.dtype, size // encoder.dtype.itemsize, offsets[0]
    )
