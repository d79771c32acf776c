import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.drift import Spread, edges_of, population_stability

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12)


@given(COUNTS)
def test_the_index_is_symmetric_never_negative_and_zero_of_equals(pairs):
    before, after = np.array(pairs).T
    there, back = population_stability(before, after), population_stability(after, before)
    assert there == pytest.approx(back)
    assert there >= 0
    assert population_stability(before, before) == 0


def test_the_index_is_that_of_the_textbook():
    before, after = np.array([10_000, 20_000, 70_000]), np.array([20_000, 20_000, 60_000])
    p, q = before / before.sum(), after / after.sum()
    by_hand = sum((q[i] - p[i]) * np.log(q[i] / p[i]) for i in range(3))
    assert population_stability(before, after) == pytest.approx(by_hand, rel=1e-3)


def spread(edges, *parts):
    made = Spread(edges)
    for part in parts:
        made.add(part)
    return made


def test_parts_count_like_the_whole_and_a_shift_is_seen():
    rng = np.random.default_rng(0)
    first = pl.DataFrame(
        {
            "record_id": [f"{n}" for n in range(4000)],
            "same": rng.normal(size=4000),
            "shifted": rng.normal(size=4000),
            "constant": np.zeros(4000),
            "language": rng.choice(["en", "de"], 4000),
        }
    )
    second = first.with_columns(
        same=rng.normal(size=4000), shifted=pl.col("shifted") + 1, extra=pl.lit(1)
    )
    edges = edges_of(first)
    whole, parts = spread(edges, first), spread(edges, first[:1500], first[1500:1500], first[1500:])
    later = spread(edges, second)
    for one, other in zip(whole.drift_to(later), parts.drift_to(later), strict=True):
        assert one.model_dump() == pytest.approx(other.model_dump())
    found = {one.signal: one for one in whole.drift_to(later)}
    assert set(found) == {"same", "shifted", "constant", "language"}
    assert found["shifted"].verdict == "shifted"
    assert found["shifted"].mean_after == pytest.approx(found["shifted"].mean_before + 1)
    assert found["same"].verdict == found["language"].verdict == "stable"
    assert found["same"].psi < 5 * found["same"].by_chance
    assert found["constant"].psi == found["constant"].by_chance == 0
    assert found["language"].mean_before is None


def test_chance_alone_is_no_drift_in_a_small_dataset():
    rng = np.random.default_rng(1)
    one, two = (pl.DataFrame({"x": rng.normal(size=40)}) for _ in range(2))
    edges = edges_of(one)
    (drift,) = spread(edges, one).drift_to(spread(edges, two))
    assert drift.psi > 0.1
    assert drift.verdict == "stable"
