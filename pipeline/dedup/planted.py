"""The run's own recall: near-duplicates of known similarity, made from the data.

A planted text is a kept document between made-up words. A document of n shingles and k new words
around it have n / (n + k) of their shingles in common, exactly, in every script. Planted texts go
through the signatures and bands of the run, and the run's own band keys of the documents tell
whether each meets its original. They are made after the decisions and thrown away: no table, no
count and no cache ever sees one.

What is measured is how often bands propose a pair. A pair that is proposed is compared exactly, but
for those that `comparisons_capped` reports.
"""

import math
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.planted_recall import PlantedRecall, RecallPoint
from pipeline.dedup import kernels
from pipeline.dedup.bands import chance_to_meet
from pipeline.dedup.corpus import SLICE_BYTES, Corpus, cuts
from pipeline.dedup.fates import KEPT, Fates
from pipeline.dedup.measuring import MeasuredCorpus
from pipeline.dedup.recipe import SHINGLE_TOKENS, DedupRecipe
from pipeline.dedup.signatures import measure_texts
from pipeline.text.tokens import token_hashes

AT_THRESHOLD: Final = 400
"""Documents that a text at the threshold is planted for: recall of .99 is known within .01."""
PER_POINT: Final = 100
"""Documents that texts at each other similarity are planted for."""
SIMILARITIES: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Where the curve is measured, besides the threshold."""
LEAST_SHINGLES: Final = 20
"""Shingles of a document that a text is planted for: with fewer, one word is too large a step."""
MOST_BYTES: Final = 64 * 1024
"""UTF-8 bytes of a document that a text is planted for at most: bounds what a run pays."""
_WORD_BYTES: Final = 33  # of a made-up word, the space before it included
_Z: Final = 1.959963984540054  # 97.5% quantile of the normal distribution


def measure_recall(
    corpus: Corpus, measured: MeasuredCorpus, fates: Fates, recipe: DedupRecipe
) -> PlantedRecall | None:
    """Plant near-duplicates of kept documents and count which of them would be found.

    The documents are those of the smallest record_id (a hash: an even sample), so that the figures
    are a function of the set of records.

    Args:
        corpus: The documents.
        measured: Their band keys.
        fates: Which are kept.
        recipe: Threshold, bands and wanted recall.

    Returns:
        Recall at the threshold and at other similarities; None when no kept document is long enough.
    """
    rows = _chosen(corpus, measured, fates)
    texts = _texts(corpus, rows)
    shingles = _shingle_counts(corpus, rows, texts)
    enough = np.flatnonzero(shingles >= LEAST_SHINGLES)
    rows, shingles, texts = rows[enough], shingles[enough], [texts[i] for i in enough]
    if not len(rows):
        return None
    tags = [f"{number:016x}" for number in corpus.ids[rows, 0].tolist()]
    keys = np.stack([np.memmap(path, np.uint64, "r")[rows] for path in measured.band_files])
    curve = [
        _point(similarity, texts[:PER_POINT], tags, shingles, keys, recipe)
        for similarity in SIMILARITIES
        if similarity != recipe.jaccard_threshold
    ]
    return PlantedRecall(
        target=recipe.target_recall,
        at_threshold=_point(recipe.jaccard_threshold, texts, tags, shingles, keys, recipe),
        curve=tuple(curve),
    )


def planted_text(text: str, words: int, tag: str) -> str:
    """Put made-up words, all different, around a text: half before, half after.

    They are of letters and digits without a space, one token each, and in no corpus. The tag tells
    those of one document from those of others: shared words would make the outcomes depend on each
    other, and the interval too narrow.
    """
    made_up = [f"qxzplanted{tag}x{number}" for number in range(words)]
    half = words // 2
    return " ".join([*made_up[:half], text, *made_up[half:]])


def words_to_add(shingles: int, similarity: float) -> int:
    """Give the most new words with which a text stays at least this similar to its original."""
    words = math.floor(shingles * (1 - similarity) / similarity) + 1
    while shingles / (shingles + words) < similarity:
        words -= 1
    return words


def wilson_interval(found: int, tried: int) -> tuple[float, float]:
    """Give the 95% score interval of a share (E. B. Wilson, 1927)."""
    share, weight = found / tried, _Z * _Z / tried
    middle = share + weight / 2
    spread = _Z * math.sqrt(share * (1 - share) / tried + weight / (4 * tried))
    low, high = (middle - spread) / (1 + weight), (middle + spread) / (1 + weight)
    return max(0.0, low) if found else 0.0, min(1.0, high) if found < tried else 1.0


def _chosen(corpus: Corpus, measured: MeasuredCorpus, fates: Fates) -> NDArray[np.int64]:
    fits = (
        (fates.reasons == KEPT)
        & (measured.tokens >= LEAST_SHINGLES + SHINGLE_TOKENS - 1)
        & (corpus.text_bytes <= MOST_BYTES)
    )
    return corpus.by_id(fits)[:AT_THRESHOLD]


def _texts(corpus: Corpus, rows: NDArray[np.int64]) -> list[str]:
    """Fetch texts in the order of `rows`."""
    ascending = np.argsort(rows)
    found: list[str] = [""] * len(rows)
    for place, text in zip(ascending, corpus.texts(rows[ascending]).to_pylist(), strict=True):
        found[place] = text
    return found


def _shingle_counts(corpus: Corpus, rows: NDArray[np.int64], texts: list[str]) -> NDArray[np.int64]:
    counts = np.zeros(len(rows), np.int64)
    for start, stop in cuts(corpus.text_bytes[rows], SLICE_BYTES):
        _, starts = kernels.shingle_sets(*token_hashes(_column(texts[start:stop])))
        counts[start:stop] = np.diff(starts)
    return counts


def _point(
    similarity: float,
    texts: list[str],
    tags: list[str],
    shingles: NDArray[np.int64],
    keys: NDArray[np.uint64],
    recipe: DedupRecipe,
) -> RecallPoint:
    """Plant one text for each document and count those that meet their original in a band.

    Args:
        similarity: How similar, at least and nearly.
        texts: The documents.
        tags: What tells them apart.
        shingles: int64 (at least as many,), how many different ones each has.
        keys: uint64 (bands, at least as many), their band keys in the run.
        recipe: Bands.
    """
    bands, found, total = recipe.bands, 0, 0.0
    added = [words_to_add(count, similarity) for count in shingles[: len(texts)].tolist()]
    sizes = [len(text) + _WORD_BYTES * words for text, words in zip(texts, added, strict=True)]
    for start, stop in cuts(np.array(sizes), SLICE_BYTES):
        originals, which = texts[start:stop], slice(start, stop)
        planted = [
            planted_text(text, words, tag)
            for text, words, tag in zip(originals, added[which], tags[which], strict=True)
        ]
        signatures = measure_texts(_column(planted), recipe.num_permutations).signatures
        met = kernels.band_keys(signatures, bands.bands, bands.rows) == keys[:, which]
        found += int(met.any(axis=0).sum())
        total += float(_similarities(originals, planted).sum())
    mean = total / len(texts)
    low, high = wilson_interval(found, len(texts))
    return RecallPoint(
        similarity=mean,
        planted=len(texts),
        found=found,
        low=low,
        high=high,
        expected=chance_to_meet(mean, bands),
    )


def _similarities(left: list[str], right: list[str]) -> NDArray[np.float64]:
    values, starts = kernels.shingle_sets(*token_hashes(_column(left + right)))
    places = np.arange(len(left))
    found: NDArray[np.float64] = kernels.similarities(values, starts, places, places + len(left))
    return found


def _column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())
