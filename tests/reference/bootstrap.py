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
