import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.bootstrap import (
    Strata,
    difference_interval,
    hierarchical_interval,
    hierarchical_ratios,
    ratio_interval,
    share_interval,
    stratified_mean_interval,
)
from tests.reference import bootstrap as reference

DOCUMENTS = st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 100_000)), min_size=1, max_size=20)


@given(DOCUMENTS, st.integers(0, 2**32 - 1))
def test_an_interval_is_that_of_its_slow_twin(documents, seed):
    bits, lengths = (np.array(column, np.float64) for column in zip(*documents, strict=True))
    found = ratio_interval(bits, lengths, 100, seed)
    expected = reference.ratio_interval(bits, lengths, 100, seed)
    assert (found.value, found.low, found.high) == pytest.approx(expected)


def test_intervals_cover_the_truth_about_nineteen_times_in_twenty():
    generator = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        lengths = generator.integers(100, 2000, 80).astype(np.float64)
        bits = lengths * generator.normal(2.0, 0.4, 80)  # true ratio of sums: 2
        interval = ratio_interval(bits, lengths, 200, seed=trial)
        covered += interval.low <= 2.0 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_the_same_seed_draws_the_same_documents_for_every_predictor():
    lengths = np.arange(1.0, 30.0)
    bits = lengths**1.5
    one, twice = (ratio_interval(factor * bits, lengths, 100, seed=4) for factor in (1, 2))
    assert (2 * one.low, 2 * one.high) == pytest.approx((twice.low, twice.high))


def test_a_stratified_interval_covers_what_a_normal_one_does_within_strata():
    generator = np.random.default_rng(7)
    strata = np.array(["a", "b"]).repeat(400)
    values = np.where(strata == "a", generator.random(800) < 0.9, generator.random(800) < 0.5)
    found = stratified_mean_interval(values.astype(float), strata, resamples=2000, seed=1)
    halves = [values[strata == name] for name in ("a", "b")]
    error = np.sqrt(sum(half.var() / len(half) for half in halves)) / 2
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    shuffled = generator.permutation(800)
    again = stratified_mean_interval(values[shuffled].astype(float), strata[shuffled], 2000, 1)
    assert again.value == pytest.approx(found.value)
    assert again.low == pytest.approx(found.low, abs=0.01)


CHUNKS = st.lists(st.tuples(st.floats(0, 1e4), st.integers(1, 2000)), min_size=1, max_size=4)
TREES = st.lists(st.tuples(st.sampled_from("abc"), CHUNKS), min_size=1, max_size=8)


def laid_out(documents):
    chunks = [chunk for _, some in documents for chunk in some]
    bits, lengths = (np.array(column, np.float64) for column in zip(*chunks, strict=True))
    sources = np.array([source for source, _ in documents])
    return bits, lengths, Strata.of(sources, np.array([len(some) for _, some in documents]))


@given(TREES, st.integers(0, 2**32 - 1))
def test_a_hierarchical_interval_is_that_of_its_slow_twin(documents, seed):
    found = hierarchical_interval(*laid_out(documents), 50, seed)
    expected = reference.hierarchical_ratio_interval(documents, 50, seed)
    assert (found.value, found.low, found.high) == pytest.approx(expected)


def test_hierarchical_intervals_cover_the_truth_at_least_nineteen_times_in_twenty():
    generator = np.random.default_rng(2)
    covered = 0
    for trial in range(150):
        documents = []
        for source in "ab":
            for _ in range(25):
                mean = 2.0 + generator.normal(0, 0.3)
                lengths = generator.integers(200, 1024, 4)
                noisy = lengths * generator.normal(mean, 0.3, 4)
                documents.append((source, list(zip(noisy, lengths, strict=True))))
        found = hierarchical_interval(*laid_out(documents), 200, seed=trial)
        covered += found.low <= 2.0 <= found.high
    assert 0.9 <= covered / 150 <= 1


def test_a_single_document_has_an_interval_by_its_chunks():
    chunks = [(900.0, 500), (1200.0, 500), (1500.0, 500)]
    found = hierarchical_interval(*laid_out([("a", chunks)]), 200, seed=1)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(2.4)


def test_a_difference_of_what_is_measured_apart_is_wider_than_each():
    documents = [("a", [(2.0 * n + n % 7, n)]) for n in range(20, 60)]
    drawn = [hierarchical_ratios(*laid_out(documents), 400, seed) for seed in (1, 2)]
    found = difference_interval((2.1, drawn[0]), (2.3, drawn[1]))
    assert found.value == pytest.approx(0.2)
    assert found.high - found.low > np.ptp(np.quantile(drawn[0], [0.025, 0.975]))


def test_wilsons_interval_of_a_share():
    found = share_interval(0, 50)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.0713, abs=1e-4)  # Newcombe 1998, table I, method 3
    found = share_interval(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # the same
