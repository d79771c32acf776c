"""Ids as numbers: sorted and found as strings are."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.id_halves import ascending, find_halves, id_halves, id_strings

# Few first halves, so that ids share them.
IDS = st.lists(st.builds(lambda a, b: f"{a:016x}{b:016x}", st.integers(0, 3), st.integers(0, 9)))


@given(ids=IDS, wanted=IDS)
def test_ids_are_found_as_in_a_list(ids, wanted):
    halves = id_halves(pa.array(ids, pa.string()))
    assert id_strings(halves).to_pylist() == ids
    order = ascending(halves)
    ordered = [ids[number] for number in order]
    assert ordered == sorted(ids)
    places = find_halves(
        (halves[0][order], halves[1][order]), id_halves(pa.array(wanted, "string"))
    )
    assert [ordered[place] if place >= 0 else None for place in places] == [
        one if one in ids else None for one in wanted
    ]


@given(ids=IDS, cut=st.integers(0, 9))
def test_a_slice_is_read_like_the_ids_in_it(ids, cut):
    column = pa.chunked_array([pa.array(ids, pa.string())]).slice(cut)
    for half, part in zip(id_halves(column), (slice(0, 16), slice(16, 32)), strict=True):
        assert half.tolist() == [int(one[part], 16) for one in ids[cut:]]
        assert half.dtype == np.uint64
