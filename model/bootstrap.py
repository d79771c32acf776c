"""Intervals: ratios of sums over documents, means over examples of groups."""

import numpy as np
from numpy.typing import NDArray

from data_contracts.results import Interval


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
    low, high = np.quantile(ratios, [0.025, 0.975])
    value = float(numerators.sum()) / float(denominators.sum())
    return Interval(value=value, low=float(low), high=float(high))


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
    sizes_of = np.repeat(sizes, sizes)
    starts_of = np.repeat(np.cumsum(sizes) - sizes, sizes)
    means = np.empty(resamples)
    for number in range(resamples):
        drawn = starts_of + (generator.random(len(values)) * sizes_of).astype(np.int64)
        means[number] = values[drawn].mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(value=float(values.mean()), low=float(low), high=float(high))
