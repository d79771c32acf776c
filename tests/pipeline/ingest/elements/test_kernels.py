"""Elements end where a slow walk finds their ends, in one piece or in many."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.elements.kernels import element_ends
from tests.reference.json_elements import ends
from tests.reference.plain_kernels import plain_kernels

TEXTS = st.lists(st.sampled_from([*b'{}[],"\\: a', 0xE4]), max_size=60).map(bytes)


@given(TEXTS, st.integers(0, 3), st.integers(0, 1), st.integers(0, 60))
def test_ends_are_those_of_a_slow_walk_however_the_text_is_cut(text, depth, base, cut):
    plain = plain_kernels("pipeline.ingest.elements.kernels").element_ends
    expected = ends(text, depth, base)
    for kernel in (element_ends, plain):
        state = (depth, False, False)
        found = []
        for start, part in ((0, text[:cut]), (cut, text[cut:])):
            at, *state = kernel(np.frombuffer(part, np.uint8), *state, base)
            found.extend((at + min(start, len(text))).tolist())
        assert (found, *state) == expected
