import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.drift import LEAST_SHARE, LEAST_VALUES, MUCH, joined, stability_index

counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=60)
pairs = st.integers(1, 60).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 10_000), min_size=size, max_size=size)] * 2)
)


def test_a_worked_example():
    # Shares 0.5, 0.5 before and 0.25, 0.75 now; half a record per bin is lost in a million.
    index = stability_index([250_000, 750_000], [500_000, 500_000])
    assert index == pytest.approx(0.25 * math.log(1.5) - 0.25 * math.log(0.5), abs=1e-4)


@given(counts)
def test_nothing_moved_is_zero(before):
    index = stability_index(before, before)
    assert index == (None if sum(before) < LEAST_VALUES else pytest.approx(0, abs=1e-12))


@given(pairs)
def test_it_is_no_less_than_zero_and_the_same_both_ways(pair):
    one, other = stability_index(*pair), stability_index(*reversed(pair))
    assert (one is None) == (other is None)
    if one is not None:
        assert one >= 0
        assert one == pytest.approx(other, rel=1e-9, abs=1e-12)


@given(pairs)
def test_joining_bins_loses_no_record_and_adds_no_drift(pair):
    ours, theirs = joined(*pair)
    assert (sum(ours), sum(theirs)) == (sum(pair[0]), sum(pair[1]))
    assert all(there >= LEAST_SHARE * sum(theirs) for there in theirs[:-1])


def test_what_lies_where_nothing_was_before_is_much():
    before, now = [1000] * 10 + [0] * 10, [0] * 10 + [1000] * 10
    assert stability_index(*joined(now, before)) > MUCH


def test_a_distribution_that_did_not_exist_before_says_nothing():
    assert stability_index([5000], [0]) is None
