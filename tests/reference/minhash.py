"""Shingles and signatures found slowly and obviously: the twin of `pipeline.dedup.kernels`."""

from functools import lru_cache

import numpy as np
from datasketch import MinHash

from tests.reference.words import tokens

MASK = (1 << 64) - 1
PLACES = (
    0xE220A8397B1DCDAF,
    0x6E789E6AA1B965F5,
    0x06C45D188009454F,
    0xF88BB8A8724C81ED,
    0x1B39896A51A8749B,
)
LENGTH = 0x53CB9F0C747EA2EB


def finish(state: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        state = ((state ^ (state >> 33)) * factor) & MASK
    return state ^ (state >> 33)


@lru_cache(1000)
def words_of(text: str) -> tuple[str, ...]:
    """The case-folded tokens."""
    return tuple(token.folded for token in tokens(text))


@lru_cache(1000)
def shingles(text: str) -> list[tuple[str, ...]]:
    """Every run of 5 case-folded tokens, in order; a shorter text is one run."""
    words = words_of(text)
    if len(words) < 5:
        return [words] if words else []
    return [words[i : i + 5] for i in range(len(words) - 4)]


def shingle_hashes(text: str) -> list[int]:
    """The 64-bit hash of each shingle, in order."""
    hashes = [token.hash for token in tokens(text)]
    width = min(5, len(hashes))
    runs = [hashes[i : i + width] for i in range(len(hashes) - width + 1)] if hashes else []
    return [
        finish((width * LENGTH + sum(t * p for t, p in zip(run, PLACES, strict=False))) & MASK)
        for run in runs
    ]


@lru_cache(1000)
def signature(text: str, num_permutations: int) -> np.ndarray:
    """What datasketch makes of the low half of each shingle's hash."""
    sketch = MinHash(num_permutations, scheme="affine32", hashfunc=lambda value: value)
    sketch.update_batch([value & 0xFFFFFFFF for value in shingle_hashes(text)])
    return sketch.hashvalues


def jaccard(a: str, b: str) -> float:
    """Shared shingles over all."""
    left, right = set(shingles(a)), set(shingles(b))
    return len(left & right) / len(left | right) if left | right else 0.0


def ngrams(text: str, width: int = 13) -> set[tuple[str, ...]]:
    """Every run of 13 case-folded tokens."""
    words = words_of(text)
    return {words[i : i + width] for i in range(len(words) - width + 1)}
