"""Which documents may share 13 consecutive tokens with held-out text, told without reading theirs.

A sketch is a few hashes of a document, chosen such that two documents with a 13-gram in common share
one (`kernels.sketches`). Sketches depend on a document alone and are cached: a refresh reads the text
of the few documents that may overlap instead of all. They only propose; 13-grams decide.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.dedup.corpus import SLICE_BYTES, Corpus, cuts
from pipeline.dedup.distinct import distinct
from pipeline.dedup.held_out import kernels
from pipeline.dedup.recipe import HELD_OUT_TOKENS
from pipeline.partition_pool import map_in_order
from pipeline.record_cache import RecordCache
from pipeline.text.tokens import token_hashes

GRAM_TOKENS: Final = 9
"""Tokens of a hashed n-gram. Measured: of English books in windows of 2,000 characters .37% are
proposed (.03% overlap), 467 bytes a document; with 6, 2.1% and 313 bytes; with 12, 1.1% and 931. Of
help pages from one template 23% (8% overlap), with 8 90%."""

_CACHED: Final = pa.schema([pa.field("sketch", pa.large_binary(), nullable=False)])
"""uint32, little-endian."""
_VALUE: Final = np.dtype("<u4")


class _Sketches(NamedTuple):
    values: NDArray[np.uint32]
    """uint32 (values,), documents end to end."""
    starts: NDArray[np.int64]
    """int64 (documents + 1,)."""


class Sketches:
    """The sketches of a corpus, computed or found when they are asked for.

    A context manager: what was computed is cached at its end.
    """

    def __init__(self, corpus: Corpus, cache: Path | None) -> None:
        """Open the cache.

        Args:
            corpus: All documents.
            cache: Folder for reuse by content_id (as for `dedup`); None reuses nothing.
        """
        name = f"sketches-{HELD_OUT_TOKENS}-{GRAM_TOKENS}"
        self._corpus, self._cache = corpus, RecordCache(cache and cache / name, _CACHED)
        self._table = np.zeros(2, np.uint32)

    def __enter__(self) -> Self:
        """Use them until all is decided."""
        self._cache.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cache what was computed."""
        self._cache.__exit__(kind, error, trace)

    def look_for(self, rows: NDArray[np.int64]) -> None:
        """Remember the sketches of held-out documents.

        Args:
            rows: int64, ascending.
        """
        values = [distinct(part.values) for _, part in self._over(rows)]
        every = distinct(np.concatenate([np.zeros(0, np.uint32), *values]))
        self._table = np.zeros(2 << (2 * len(every)).bit_length(), np.uint32)
        kernels.put_values(self._table, every)

    def may_share(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which documents may share 13 tokens with one that was looked for; others do not.

        Args:
            rows: int64, ascending.

        Returns:
            bool (rows given,).
        """
        found = np.zeros(len(rows), np.bool_)
        for first, part in self._over(rows):
            stop = first + len(part.starts) - 1
            found[first:stop] = kernels.holds_any(self._table, part.values, part.starts)
        return found

    def _over(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, _Sketches]]:
        def work(bounds: tuple[int, int]) -> tuple[int, _Sketches]:
            return bounds[0], self._of(rows[slice(*bounds)])

        return map_in_order(work, cuts(self._corpus.text_bytes[rows], SLICE_BYTES))

    def _of(self, rows: NDArray[np.int64]) -> _Sketches:
        contents = self._corpus.content_ids(rows)
        places = self._cache.find(contents)
        missing, found = np.flatnonzero(places < 0), np.flatnonzero(places >= 0)
        fresh = self._computed(rows[missing])
        if len(missing):
            self._cache.add(contents.take(pa.array(missing)), _to_table(fresh))
        if not len(found):
            return fresh
        known = self._cache.take(places[found])
        if not len(missing):
            return _from_table(known)
        back = np.argsort(np.concatenate([found, missing]))
        return _from_table(pa.concat_tables([known, _to_table(fresh)]).take(pa.array(back)))

    def _computed(self, rows: NDArray[np.int64]) -> _Sketches:
        tokens = token_hashes(self._corpus.texts(rows))
        return _Sketches(*kernels.sketches(*tokens, HELD_OUT_TOKENS, GRAM_TOKENS))


def _to_table(part: _Sketches) -> pa.Table:
    values = pa.py_buffer(np.ascontiguousarray(part.values, _VALUE))
    offsets = pa.py_buffer(part.starts * _VALUE.itemsize)
    count = len(part.starts) - 1
    column = pa.Array.from_buffers(pa.large_binary(), count, [None, offsets, values])
    return pa.Table.from_arrays([column], schema=_CACHED)


def _from_table(table: pa.Table) -> _Sketches:
    column = table["sketch"].combine_chunks()
    bounds = np.frombuffer(column.buffers()[1], np.int64, len(column) + 1, 8 * column.offset)
    values = np.zeros(0, np.uint32)
    if size := int(bounds[-1] - bounds[0]) // _VALUE.itemsize:
        values = np.frombuffer(column.buffers()[2], _VALUE, size, int(bounds[0])).astype(np.uint32)
    return _Sketches(values, (bounds - bounds[0]) // _VALUE.itemsize)
