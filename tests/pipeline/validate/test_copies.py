"""Copies are counted as a dict would count them, in memory or spilled."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.validate.copies import Copies, hashes

VALUES = st.lists(st.tuples(st.text(max_size=2), st.booleans()), max_size=80)


def added(copies, values, batch):
    for start in range(0, len(values), batch):
        texts, marks = zip(*values[start : start + batch], strict=True)
        found = pl.DataFrame({"text": texts}).select(**hashes(pl.col("text")))
        copies.add(found["head"].to_numpy(), found["tail"].to_numpy(), np.array(marks))


@given(values=VALUES, batch=st.integers(1, 9), held_rows=st.sampled_from([0, 7, 1000]))
def test_copies_are_what_counting_one_by_one_gives(values, batch, held_rows):
    counts = Counter(text for text, _ in values)
    marked = {text for text, mark in values if mark}
    with Copies(held_rows) as copies:
        added(copies, values, batch)
        assert copies.repeated() == sum(counts.values()) - len(counts)
        found = copies.copies_of_marked()
    assert found == sum(not mark and text in marked for text, mark in values)


def test_values_that_share_one_hash_are_told_apart_by_the_other():
    with Copies() as copies:
        copies.add(np.array([5, 5, 5, 6], np.uint64), np.array([1, 2, 1, 1], np.uint64))
        assert copies.repeated() == 1


@pytest.mark.parametrize("held_rows", [3, 1000])
def test_what_is_spilled_is_removed(tmp_path, monkeypatch, held_rows):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Copies(held_rows) as copies:
        added(copies, [("a", False), ("b", True)] * 5, 2)
        assert copies.repeated() == 8
        assert bool(list(Path(tmp_path).iterdir())) == (held_rows == 3)
    assert not list(Path(tmp_path).iterdir())


def test_equal_floats_are_copies_whatever_their_sign():
    found = pl.DataFrame({"a": [0.0, -0.0, 1.0]}).select(**hashes(pl.col("a")))
    with Copies() as copies:
        copies.add(found["head"].to_numpy(), found["tail"].to_numpy())
        assert copies.repeated() == 1
