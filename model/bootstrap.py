"""Intervals: ratios of sums over documents and their chunks, means over examples of groups."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.results import Interval


@dataclass(frozen=True)
class Strata:
    """Chunks of documents of sources, in that order: those of one document lie together."""

    source: NDArray[np.integer]
    """(documents,): the source of each."""
    first_chunk: NDArray[np.int64]
    """(documents + 1,): where each document's chunks begin."""

    @classmethod
    def of(cls, sources: NDArray[np.str_], chunks: NDArray[np.int64]) -> "Strata":
        """Lay out documents of these sources with so many chunks each (one or more)."""
        numbers = np.unique(sources, return_inverse=True)[1]
        return cls(numbers, np.concatenate([[0], np.cumsum(chunks)]).astype(np.int64))


def ratio_interval(
    numerators: NDArray[np.float64], denominators: NDArray[np.float64], resamples: int, seed: int
) -> Interval:
    """Estimate sum / sum with its 95% percentile interval, resampling documents.

    Documents are drawn whole: the tokens of one are not independent of each other (Efron and
    Tibshirani 1993, chapters 8 and 13). The same seed and number of documents draw the same
    documents, so figures of two predictors are comparable resample by resample.

    Args:
        numerators: float64 (documents,), bits for instance.
        denominators: float64 (documents,), bytes for instance; all above 0.
        resamples: How many times the documents are drawn anew.
        seed: Decides the draws.
    """
    generator = np.random.default_rng(seed)
    documents = len(numerators)
    ratios = np.empty(resamples)
    for number in range(resamples):
        times = np.bincount(generator.integers(0, documents, documents), minlength=documents)
        ratios[number] = float(times @ numerators) / float(times @ denominators)
    return _interval(float(numerators.sum()) / float(denominators.sum()), ratios)


def hierarchical_ratios(
    numerators: NDArray[np.float64],
    denominators: NDArray[np.float64],
    strata: Strata,
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Draw sum / sum anew, level by level: documents within their source, chunks within them.

    The sources of a corpus are its own choice and stay; which documents they gave, and which
    stretches of them, is what is drawn. With replacement on both levels, which leaves the interval
    a little too wide rather than too narrow (Davison and Hinkley 1997, section 3.8), and gives one
    even where a source has a single document.

    Args:
        numerators: float64 (chunks,), bits for instance.
        denominators: float64 (chunks,), bytes for instance; all above 0.
        strata: How chunks lie in documents and documents in sources.
        resamples: How many times they are drawn anew.
        seed: Decides the draws: the same ones for every predictor.

    Returns:
        float64 (resamples,).
    """
    generator = np.random.default_rng(seed)
    order = np.argsort(strata.source, kind="stable")
    _, sizes = np.unique(strata.source, return_counts=True)
    starts_of = np.repeat(np.cumsum(sizes) - sizes, sizes)
    sizes_of = np.repeat(sizes, sizes)
    chunks = np.diff(strata.first_chunk)
    ratios = np.empty(resamples)
    for number in range(resamples):
        places = starts_of + (generator.random(len(order)) * sizes_of).astype(np.int64)
        documents = order[places]
        many = chunks[documents]
        within = (generator.random(int(many.sum())) * np.repeat(many, many)).astype(np.int64)
        drawn = np.repeat(strata.first_chunk[documents], many) + within
        ratios[number] = float(numerators[drawn].sum()) / float(denominators[drawn].sum())
    return ratios


def hierarchical_interval(
    numerators: NDArray[np.float64],
    denominators: NDArray[np.float64],
    strata: Strata,
    resamples: int,
    seed: int,
) -> Interval:
    """Estimate sum / sum with the 95% percentile interval of `hierarchical_ratios`."""
    ratios = hierarchical_ratios(numerators, denominators, strata, resamples, seed)
    return _interval(float(numerators.sum()) / float(denominators.sum()), ratios)


def difference_interval(
    first: tuple[float, NDArray[np.float64]], second: tuple[float, NDArray[np.float64]]
) -> Interval:
    """Estimate second - first, measured on different texts, from independent draws of both.

    Args:
        first: Its value, and its draws, float64 (resamples,), of a seed of their own.
        second: The same.
    """
    return _interval(second[0] - first[0], second[1] - first[1])


def stratified_mean_interval(
    values: NDArray[np.float64], strata: NDArray[np.str_], resamples: int, seed: int
) -> Interval:
    """Estimate a mean with its 95% percentile interval, resampling within strata.

    The groups of a benchmark are its own choice and stay; what else could have been asked in each
    is what is drawn anew (Efron and Tibshirani 1993, section 8.3).

    Args:
        values: float64 (examples,).
        strata: The group of each example.
        resamples: How many times the examples are drawn anew.
        seed: Decides the draws.
    """
    generator = np.random.default_rng(seed)
    _, members, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    values = values[np.argsort(members, kind="stable")]
    starts_of = np.repeat(np.cumsum(sizes) - sizes, sizes)
    sizes_of = np.repeat(sizes, sizes)
    means = np.empty(resamples)
    for number in range(resamples):
        drawn = starts_of + (generator.random(len(values)) * sizes_of).astype(np.int64)
        means[number] = values[drawn].mean()
    return _interval(float(values.mean()), means)


def share_interval(hits: int, trials: int) -> Interval:
    """Estimate a share with Wilson's 95% interval (1927), which is right at 0 and 1 too."""
    z2 = 1.959964**2
    share = hits / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))
    half = float(np.sqrt(spread)) / (1 + z2 / trials)
    return Interval(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def _interval(value: float, drawn: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value=value, low=float(low), high=float(high))
