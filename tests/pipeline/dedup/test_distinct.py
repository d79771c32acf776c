import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dedup.distinct import distinct


@given(
    st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 5)),
    st.sampled_from([np.uint32, np.int64, np.uint64]),
)
def test_different_numbers_are_given_once_in_order(numbers, kind):
    values = np.array(numbers, kind)
    found = distinct(values)
    assert found.tolist() == sorted(set(numbers))
    assert found.dtype == kind
    assert values.tolist() == numbers
