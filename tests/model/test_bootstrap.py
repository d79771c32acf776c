import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.bootstrap import ratio_interval
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
