"""Slow twin of `model.ngram`: dictionaries, one symbol at a time."""

import math
from collections import Counter

END = 256
SYMBOLS = 257


def trigrams(text):
    """Symbols of a document with the two before each."""
    symbols = [END, END, *text.encode(), END]
    return list(zip(symbols, symbols[1:], symbols[2:], strict=False))


class Trigram:
    """Interpolated modified Kneser-Ney, as in Chen and Goodman 1999."""

    def __init__(self, texts):
        self.counts = Counter(gram for text in texts for gram in trigrams(text))
        self.bigram_types = Counter((b, c) for _, b, c in self.counts)
        self.unigram_types = Counter(c for _, c in self.bigram_types)
        self.discounts = _discounts(self.counts), _discounts(self.bigram_types)

    def probability(self, a, b, c):
        """Of c after a, b."""
        return self._interpolated(
            {k: n for k, n in self.counts.items() if k[:2] == (a, b)},
            (a, b, c),
            self.discounts[0],
            self._after_one(b, c),
        )

    def bits(self, text):
        """Cost of a document, its end mark included."""
        return -sum(math.log2(self.probability(*gram)) for gram in trigrams(text))

    def _after_one(self, b, c):
        lowest = (self.unigram_types[c] + 1) / (sum(self.unigram_types.values()) + SYMBOLS)
        seen = {k: n for k, n in self.bigram_types.items() if k[0] == b}
        return self._interpolated(seen, (b, c), self.discounts[1], lowest)

    @staticmethod
    def _interpolated(seen, gram, discounts, shorter):
        total = sum(seen.values())
        if not total:
            return shorter
        count = seen.get(gram, 0)
        kept = count - discounts[min(count, 3)]
        freed = sum(discounts[min(n, 3)] for n in seen.values())
        return (kept + freed * shorter) / total


def unigram_bits(training, text):
    """Cost of a document under the add-one unigram."""
    counts = Counter(symbol for one in training for symbol in [*one.encode(), END])
    total = sum(counts.values())
    return -sum(
        math.log2((counts[symbol] + 1) / (total + SYMBOLS)) for symbol in [*text.encode(), END]
    )


def _discounts(counts):
    n = [max(sum(count == k for count in counts.values()), 1) for k in (1, 2, 3, 4)]
    ratio = n[0] / (n[0] + 2 * n[1])
    raw = [k - (k + 1) * ratio * n[k] / n[k - 1] for k in (1, 2, 3)]
    return [0.0, *(min(max(one, 0.1), k) for k, one in zip((1, 2, 3), raw, strict=True))]
