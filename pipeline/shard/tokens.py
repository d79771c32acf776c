"""tokens/<split>/: documents to token shards, reusing the tokens of records seen before."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.token_shards import Tokens
from pipeline.id_halves import Halves, id_strings
from pipeline.partition_pool import map_in_order
from pipeline.record_cache import RecordCache
from pipeline.shard.placements import Placed
from pipeline.shard.tokenizer import Encoder

CACHED: Final = pa.schema([pa.field("tokens", pa.large_binary(), nullable=False)])
"""What is reused by content_id, under one tokenizer and one way to clean: ids with their end mark as
little-endian bytes of the vocabulary's type."""


class Tokenised(NamedTuple):
    """A batch of documents as tokens."""

    tokens: Tokens
    """Ids of the documents, end to end, each with its end mark."""
    spans: pa.Table
    """TOKEN_SPANS without `start`."""
    records: NDArray[np.int64]
    """int64 (documents,): whose they are, in `Placements`."""
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
    """Encode documents in threads, in order, with few batches in flight.

    Args:
        documents: Batches of them.
        contents: uint64 (2, records), the halves of the content_ids of all records.
        encoder: The tokenizer.
        cache: Tokens of records seen before (CACHED).
    """

    def work(batch: Placed) -> Tokenised:
        high, low = contents[:, batch.records]
        return _tokenised(batch, (high, low), encoder, cache)

    yield from map_in_order(work, documents)


def _tokenised(placed: Placed, contents: Halves, encoder: Encoder, cache: RecordCache) -> Tokenised:
    documents = placed.documents
    texts, rows = documents["text"], cache.find_halves(contents)
    missing = np.flatnonzero(rows < 0)
    encoded = encoder.encode(texts[number].as_py() for number in missing.tolist())
    values = pa.array([tokens.tobytes() for tokens in encoded], pa.large_binary())
    fresh = pa.Table.from_arrays([values], schema=CACHED)
    if len(missing):
        cache.add(id_strings((contents[0][missing], contents[1][missing])), fresh)
    values = cache.take(rows, fresh)["tokens"].combine_chunks()
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
        placed.records,
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
