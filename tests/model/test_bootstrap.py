import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.bootstrap import ratio_interval, stratified_mean_interval
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
