"""Distributions: exact, over bins that stay, whatever the order of rows."""

import math
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.quality import QUANTILES
from pipeline.validate.distributions import (
    COUNT_BINS,
    NUMBER_BINS,
    SHARE_BINS,
    Groups,
    bins_of,
    distribution,
    numbers_at,
)

NUMBERS = st.lists(st.floats(-2, 9) | st.sampled_from([0.0, 0.05, 1.0, 4.0, math.nan]))
ROWS = st.lists(
    st.tuples(st.floats(0, 1) | st.just(math.nan), st.integers(0, 2), st.booleans()), max_size=60
)


def slow_counts(numbers, edges):
    counts = Counter()
    for number in numbers:
        if number < edges[0]:
            counts["below"] += 1
        elif number > edges[-1]:
            counts["above"] += 1
        else:
            places = [n for n in range(len(edges) - 1) if edges[n] <= number]
            counts[places[-1]] += 1
    return counts


@given(values=NUMBERS, bins=st.sampled_from([SHARE_BINS, COUNT_BINS, NUMBER_BINS]))
def test_a_distribution_is_what_counting_one_by_one_gives(values, bins):
    found = distribution([np.sort(np.array(values, np.float64))], bins.edges)
    numbers = sorted(value for value in values if not math.isnan(value))
    assert (found.values, found.missing) == (len(numbers), len(values) - len(numbers))
    counts = slow_counts(numbers, bins.edges)
    assert (found.below, found.above) == (counts["below"], counts["above"])
    assert list(found.counts) == [counts[n] for n in range(len(bins.edges) - 1)]
    if not numbers:
        assert found.mean is None
        assert found.quantiles == ()
        return
    assert found.mean == pytest.approx(sum(numbers) / len(numbers))
    for share, quantile in zip(QUANTILES, found.quantiles, strict=True):
        assert quantile in numbers
        assert sum(one <= quantile for one in numbers) >= share * len(numbers)
        assert sum(one < quantile for one in numbers) <= share * len(numbers)


def same(found, values):
    """Tells whether it is the distribution of these numbers, sorted in one run."""
    wanted = distribution([np.sort(np.array(values, np.float64))], SHARE_BINS.edges)
    about = {"mean": None if wanted.mean is None else pytest.approx(wanted.mean)}
    return found.model_dump() == {**wanted.model_dump(), **about}


@given(
    runs=st.lists(st.lists(st.floats(allow_nan=False)), min_size=1).filter(any),
    shares=st.lists(st.floats(0, 1, exclude_max=True), min_size=1),
)
def test_places_in_several_runs_are_those_in_one(runs, shares):
    together = np.sort(np.concatenate([np.array(run, np.float64) for run in runs]))
    ranks = np.array([int(share * len(together)) for share in shares])
    found = numbers_at([np.sort(np.array(run, np.float64)) for run in runs if run], ranks)
    assert found.tolist() == together[ranks].tolist()


@given(rows=ROWS, seed=st.integers(0, 9))
def test_a_signal_is_described_in_total_and_per_source_whatever_the_order(rows, seed):
    def describe(rows):
        values, sources, kept = (
            (list(part) for part in zip(*rows, strict=True)) if rows else [[]] * 3
        )
        groups = Groups(["a", "b", "c"], np.array(sources, np.uint16), np.array(kept, np.bool_))
        return groups.describe(np.array(values, np.float64), SHARE_BINS)

    found = describe(rows)
    for number, name in enumerate(["a", "b", "c"]):
        mine = np.array([value for value, source, _ in rows if source == number])
        kept = np.array([value for value, source, kept in rows if source == number and kept])
        assert same(found.sources[name].measured, mine)
        assert same(found.sources[name].kept, kept)
    assert same(found.total.measured, np.array([value for value, _, _ in rows]))
    assert same(found.total.kept, np.array([value for value, _, kept in rows if kept]))
    mixed = np.random.default_rng(seed).permutation(len(rows))
    assert describe([rows[n] for n in mixed]) == found


@pytest.mark.parametrize(
    ("name", "kind", "bins"),
    [
        ("words", pl.Int64(), COUNT_BINS),
        ("digit_ratio", pl.Float64(), SHARE_BINS),
        ("language_score", pl.Float32(), SHARE_BINS),
        ("quality", pl.Float32(), SHARE_BINS),
        ("mean_word_length", pl.Float64(), NUMBER_BINS),
    ],
)
def test_bins_follow_from_name_and_type(name, kind, bins):
    assert bins_of(name, kind) is bins


@pytest.mark.parametrize("bins", [SHARE_BINS, COUNT_BINS, NUMBER_BINS])
def test_edges_ascend(bins):
    assert list(bins.edges) == sorted(set(bins.edges))
    assert bins.edges[0] == 0
