"""Slow twin of `model.bootstrap`: draws documents one by one, sorts, reads the percentiles off."""

import numpy as np


def ratio_interval(numerators, denominators, resamples, seed):
    """Value, low and high of sum / sum."""
    generator = np.random.default_rng(seed)
    count = len(numerators)
    ratios = []
    for _ in range(resamples):
        drawn = generator.integers(0, count, count)
        above = sum(float(numerators[one]) for one in drawn)
        below = sum(float(denominators[one]) for one in drawn)
        ratios.append(above / below)
    ratios.sort()
    value = sum(map(float, numerators)) / sum(map(float, denominators))
    return value, _percentile(ratios, 0.025), _percentile(ratios, 0.975)


def _percentile(ordered, share):
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def hierarchical_ratio_interval(documents, resamples, seed):
    """Value, low and high of sum / sum.

    Args:
        documents: (source, [(numerator, denominator) of each chunk]) each.
        resamples: How many.
        seed: Draws come in the order of `model.bootstrap.hierarchical_ratios`.
    """
    generator = np.random.default_rng(seed)
    by_source = {}
    for source, chunks in documents:
        by_source.setdefault(source, []).append(chunks)
    by_source = [by_source[source] for source in sorted(by_source)]
    ratios = []
    for _ in range(resamples):
        drawn = []
        for some in by_source:
            drawn += [some[int(generator.random() * len(some))] for _ in some]
        above = below = 0.0
        for chunks in drawn:
            for _ in chunks:
                numerator, denominator = chunks[int(generator.random() * len(chunks))]
                above, below = above + numerator, below + denominator
        ratios.append(above / below)
    ratios.sort()
    every = [chunk for _, chunks in documents for chunk in chunks]
    value = sum(above for above, _ in every) / sum(below for _, below in every)
    return value, _percentile(ratios, 0.025), _percentile(ratios, 0.975)
