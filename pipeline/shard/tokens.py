"""tokens/<split>/: documents to token shards, reusing the tokens of texts seen before."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.identity import content_id
from data_contracts.token_shards import Tokens
from pipeline.partition_pool import map_in_order
from pipeline.record_cache import RecordCache
from pipeline.shard.tokenizer import Encoder

_CACHED: Final = pa.schema([pa.field("tokens", pa.large_binary(), nullable=False)])
"""Ids with their end mark as little-endian bytes of the vocabulary's type."""
_SEGMENT_BYTES: Final = 32 * 1024 * 1024
"""New tokens that are collected before they are stored: keeps the cache's files few."""


class Tokenised(NamedTuple):
    """A batch of documents as tokens."""

    tokens: Tokens
    """Ids of the documents, end to end, each with its end mark."""
    spans: pa.RecordBatch
    """TOKEN_SPANS without `start`."""
    languages: pa.Array
    """Their languages."""
    reused: int
    """Documents whose tokens came from the cache."""


class TokenCache:
    """Tokens by text.

    The key is the hash of the *document's* text, on which alone the tokens depend: one raw text
    gives other documents under other cleaning rules.
    """

    def __init__(self, folder: Path | None, dtype: np.dtype[np.uint16 | np.uint32]) -> None:
        """Open the cache of one tokenizer; None caches nothing."""
        self._stored = RecordCache(folder, _CACHED)
        self._dtype = dtype
        self._lock = threading.Lock()
        self._new: list[tuple[str, bytes]] = []
        self._new_bytes = 0
        self.enabled = folder is not None

    def find(self, ids: list[str]) -> list[Tokens | None]:
        """Look texts up; None where nothing is cached."""
        rows = self._stored.find(pa.array(ids, pa.string()))
        hits = np.flatnonzero(rows >= 0)
        found: list[Tokens | None] = [None] * len(ids)
        if len(hits):
            taken = self._stored.take(rows[hits])["tokens"]
            for hit, value in zip(hits, taken, strict=True):
                found[hit] = np.frombuffer(value.as_buffer(), self._dtype)
        return found

    def add(self, content: str, tokens: Tokens) -> None:
        """Remember a text's tokens for the next run."""
        if not self.enabled:
            return
        with self._lock:
            self._new.append((content, tokens.tobytes()))
            self._new_bytes += tokens.nbytes
            full = self._new_bytes >= _SEGMENT_BYTES
        if full:
            self.flush()

    def flush(self) -> None:
        """Store what was added."""
        with self._lock:
            new, self._new, self._new_bytes = self._new, [], 0
        ids = pa.array([content for content, _ in new], pa.string())
        values = pa.array([tokens for _, tokens in new], pa.large_binary())
        self._stored.add(ids, pa.Table.from_arrays([values], schema=_CACHED))


def tokenise(
    documents: Iterator[pa.RecordBatch], encoder: Encoder, cache: TokenCache
) -> Iterator[Tokenised]:
    """Encode documents in threads, in order, with few batches in flight.

    Args:
        documents: Batches of PUBLISHED_DOCUMENTS.
        encoder: The tokenizer.
        cache: Tokens of texts seen before.
    """

    def work(batch: pa.RecordBatch) -> Tokenised:
        return _tokenised(batch, encoder, cache)

    yield from map_in_order(work, documents)


def _tokenised(batch: pa.RecordBatch, encoder: Encoder, cache: TokenCache) -> Tokenised:
    texts = batch["text"]
    ids = [content_id(text.as_buffer()) for text in texts] if cache.enabled else []
    found: list[Tokens | None] = cache.find(ids) if cache.enabled else [None] * len(texts)
    missing = [number for number, tokens in enumerate(found) if tokens is None]
    encoded = encoder.encode(texts[number].as_py() for number in missing)
    for number, tokens in zip(missing, encoded, strict=True):
        found[number] = tokens
        if cache.enabled:
            cache.add(ids[number], tokens)
    every = [tokens for tokens in found if tokens is not None]
    counts: NDArray[np.int32] = np.fromiter(map(len, every), np.int32, len(every))
    spans = pa.RecordBatch.from_pydict(
        {
            "record_id": batch["record_id"],
            "source": batch["source"],
            "tokens": pa.array(counts),
            "text_bytes": pc.binary_length(texts),
        }
    )
    joined = np.concatenate([np.empty(0, encoder.dtype), *every])
    return Tokenised(joined, spans, batch["language"], len(found) - len(missing))
