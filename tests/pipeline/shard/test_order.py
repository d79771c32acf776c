"""Ids as numbers, and the shuffled order."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.id_halves import id_halves
from pipeline.shard.order import shuffle_keys
from tests.reference import shard_order

IDS = st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=20)


@given(ids=IDS, cut=st.integers(0, 5), seed=st.integers(0, 2**63 - 1))
def test_sliced_and_chunked_ids_get_the_keys_of_the_slow_twin(ids, cut, seed):
    sliced = pa.array([*ids, *ids], pa.string())[cut : len(ids) + cut]
    chunked = pa.chunked_array([sliced[:3], sliced[3:]], pa.string())
    for array in (sliced, chunked):
        keys = shuffle_keys(id_halves(array), seed)
        assert keys.tolist() == [shard_order.shuffle_key(one, seed) for one in array.to_pylist()]


@given(ids=IDS)
def test_halves_are_ordered_as_the_ids_are(ids):
    high, low = id_halves(pa.array(ids, pa.string()))
    assert [ids[number] for number in np.lexsort((low, high))] == sorted(ids)


@pytest.mark.parametrize("wrong", ["abc", "A" * 32, "g" * 32, "0" * 64])
def test_what_is_no_id_is_a_mistake_of_ours(wrong):
    with pytest.raises(AssertionError):
        id_halves(pa.array(["0" * 32, wrong]))


def test_keys_spread_evenly_whatever_the_ids():
    ids = pa.array([f"{number:032x}" for number in range(20_000)])
    tenths = shuffle_keys(id_halves(ids), 0) / 2.0**64 * 10
    counts = np.bincount(tenths.astype(int), minlength=10)
    assert counts.min() > 1800  # 2000 each, standard deviation 42
    assert counts.max() < 2200
