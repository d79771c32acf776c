import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.schedule import wsd_factor


@given(st.integers(1, 400), st.floats(0, 1), st.floats(0, 1))
def test_the_rate_rises_stays_and_falls_and_is_never_zero(steps, warmup, rest):
    decay = rest * (1 - warmup)
    factors = [wsd_factor(step, steps, warmup, decay) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    peak = factors.index(max(factors))
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)


def test_the_plateau_lies_between_warm_up_and_decay():
    factors = [wsd_factor(step, 100, 0.1, 0.4) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 11)
    assert factors[10:60] == [1.0] * 50
    assert factors[99] == pytest.approx(1 / 41)


def test_without_warm_up_and_decay_the_rate_is_constant():
    assert {wsd_factor(step, 10, 0, 0) for step in range(10)} == {1.0}
