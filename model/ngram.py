"""Byte baselines: what a model must beat to have learned more than the frequencies of bytes.

Symbols are the 256 bytes and an end mark after each document, which is predicted, and paid for,
like a byte. Contexts never reach into the document before.

The trigram is interpolated modified Kneser-Ney (Chen and Goodman 1999, "An empirical study of
smoothing techniques for language modeling", section 3), the best of the smoothings tried: on 12 MB
of English and Chinese it takes 2.994 bits per byte, Witten-Bell 2.999, plain absolute discounting
3.002.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SYMBOLS: Final = 257
END: Final = 256
"""The end mark; also what stands before a document's first byte."""

_BLOCK: Final = 1 << 22
"""Symbols worked on at a time: bounds memory, tens of MB for the index arrays."""
_MIN_DISCOUNT: Final = 0.1
"""Every seen context keeps some probability for what it was never seen with."""

Counts = NDArray[np.int32]
Contexts = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""The symbol before the last, the last, and the one to predict; intp (symbols,) each."""


def count_trigrams(texts: Iterable[pa.Array | pa.ChunkedArray]) -> Counts:
    """Count byte trigrams.

    Args:
        texts: String arrays, one document per row, no nulls.

    Returns:
        int32 (257, 257, 257): how often the third symbol followed the first two.
    """
    counts = np.zeros(SYMBOLS**3, np.int32)
    for some in texts:
        for a, b, c in _contexts(_symbols(some)):
            np.add.at(counts, (a * SYMBOLS + b) * SYMBOLS + c, 1)
    return counts.reshape(SYMBOLS, SYMBOLS, SYMBOLS)


class ByteUnigram:
    """Each symbol by its frequency, one added to every count."""

    def __init__(self, trigrams: Counts) -> None:
        """Learn from the counts of `count_trigrams`."""
        counts = trigrams.sum(axis=(0, 1), dtype=np.int64)
        self._bits = -np.log2((counts + 1) / (counts.sum() + SYMBOLS))

    def symbol_bits(self, texts: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
        """Measure what each byte and end mark costs, float64 (symbols,) bits."""
        blocks = [self._bits[c] for _, _, c in _contexts(_symbols(texts))]
        return np.concatenate([np.empty(0), *blocks])

    def bits(self, texts: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
        """Measure what documents cost, float64 (documents,) bits, the end mark included."""
        return _per_document(texts, self.symbol_bits(texts))


class ByteTrigram:
    """Each symbol from the two before it."""

    def __init__(self, trigrams: Counts) -> None:
        """Learn from the counts of `count_trigrams`."""
        bigram_types = np.count_nonzero(trigrams, axis=0)  # how many symbols come before a bigram
        unigram_types = np.count_nonzero(bigram_types, axis=0)
        self._unigrams = (unigram_types + 1) / (unigram_types.sum() + SYMBOLS)
        self._bigrams = _Level.learn(bigram_types)
        self._trigrams = _Level.learn(trigrams)

    def symbol_bits(self, texts: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
        """Measure what each byte and end mark costs, float64 (symbols,) bits."""
        blocks = [np.empty(0)]
        for a, b, c in _contexts(_symbols(texts)):
            shorter = self._bigrams.interpolate((b,), c, self._unigrams[c])
            blocks.append(-np.log2(self._trigrams.interpolate((a, b), c, shorter)))
        return np.concatenate(blocks)

    def bits(self, texts: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
        """Measure what documents cost, float64 (documents,) bits, the end mark included."""
        return _per_document(texts, self.symbol_bits(texts))


@dataclass(frozen=True)
class _Level:
    """Counts of one order, discounted; the mass taken off goes to the next shorter context."""

    counts: NDArray[np.integer]
    discounts: NDArray[np.float64]  # (4,): for counts of 0, 1, 2, 3 and more
    totals: NDArray[np.float64]  # by context
    freed: NDArray[np.float64]  # by context: count mass that discounting took off

    @classmethod
    def learn(cls, counts: NDArray[np.integer]) -> Self:
        """Estimate discounts from counts of counts (Chen and Goodman 1999, equation 26)."""
        once, twice, thrice, four = (max(int((counts == k).sum()), 1) for k in (1, 2, 3, 4))
        ratio = once / (once + 2 * twice)
        raw = [1 - 2 * ratio * twice / once, 2 - 3 * ratio * thrice / twice]
        raw.append(3 - 4 * ratio * four / thrice)
        discounts = np.array([0.0, *np.clip(raw, _MIN_DISCOUNT, [1, 2, 3])])
        seen = [(counts == 1).sum(-1), (counts == 2).sum(-1), (counts >= 3).sum(-1)]
        freed = sum(d * n for d, n in zip(discounts[1:], seen, strict=True))
        totals = counts.sum(axis=-1, dtype=np.int64).astype(np.float64)
        return cls(counts, discounts, totals, np.asarray(freed))

    def interpolate(
        self,
        context: tuple[NDArray[np.intp], ...],
        symbol: NDArray[np.intp],
        shorter: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Give each symbol's probability, given that under the shorter context."""
        count = self.counts[(*context, symbol)]
        kept = count - self.discounts[np.minimum(count, 3)]
        total = self.totals[context]
        known = (kept + self.freed[context] * shorter) / np.maximum(total, 1)
        return np.where(total > 0, known, shorter)


def _symbols(texts: pa.Array | pa.ChunkedArray) -> NDArray[np.uint16]:
    """Lay texts end to end, an end mark after each."""
    parts = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return np.concatenate([np.empty(0, np.uint16), *map(_symbols_of, parts)])


def _symbols_of(texts: pa.Array) -> NDArray[np.uint16]:
    texts = texts.cast(pa.large_string())
    buffers = texts.buffers()
    if not len(texts):
        return np.empty(0, np.uint16)
    offsets = np.frombuffer(buffers[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    count = int(offsets[-1] - offsets[0])
    data = np.frombuffer(buffers[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    ends = offsets[1:] - offsets[0] + np.arange(len(texts))
    symbols = np.empty(count + len(texts), np.uint16)
    is_byte = np.ones(len(symbols), bool)
    is_byte[ends] = False
    symbols[is_byte] = data
    symbols[ends] = END
    return symbols


def _contexts(symbols: NDArray[np.uint16]) -> Iterator[Contexts]:
    """Pair every symbol with the two before it, block by block."""
    led = np.concatenate([np.full(2, END, np.uint16), symbols])
    for first in range(0, len(symbols), _BLOCK):
        count = min(_BLOCK, len(symbols) - first)
        a, b, c = (led[first + shift : first + shift + count].astype(np.intp) for shift in range(3))
        a[b == END] = END  # the document starts here: what came before belongs to another
        yield a, b, c


def _per_document(
    texts: pa.Array | pa.ChunkedArray, symbol_bits: NDArray[np.float64]
) -> NDArray[np.float64]:
    if not len(texts):
        return np.empty(0)
    symbols = pc.binary_length(texts).to_numpy().astype(np.int64) + 1
    sums: NDArray[np.float64] = np.add.reduceat(symbol_bits, np.cumsum(symbols) - symbols)
    return sums
