from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data_contracts.identity import content_id, record_id
from data_contracts.split import SPLITS, Split, SplitRecipe, split_numbers

IDS = st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=50)
RATIOS = st.floats(0, 0.4)


@given(IDS, RATIOS, RATIOS)
def test_a_records_split_depends_on_its_id_alone(ids, validation, test):
    recipe = SplitRecipe(validation_ratio=validation, test_ratio=test)
    together = split_numbers(ids, recipe)
    alone = [split_numbers([one], recipe)[0] for one in ids]
    assert together.tolist() == alone


@given(IDS, RATIOS, RATIOS)
def test_holding_out_more_never_returns_a_record_to_training(ids, small, more):
    before = split_numbers(ids, SplitRecipe(validation_ratio=small, test_ratio=0.1))
    larger = min(0.5, small + more)
    after = split_numbers(ids, SplitRecipe(validation_ratio=larger, test_ratio=0.1))
    assert np.all((before == 0) | (after != 0))
    assert np.array_equal(before == 2, after == 2)


def test_the_ratios_are_met():
    ids = [record_id("source", str(number)) for number in range(20_000)]
    counts = Counter(split_numbers(ids, SplitRecipe(validation_ratio=0.1, test_ratio=0.2)).tolist())
    shares = {SPLITS[number]: count / len(ids) for number, count in counts.items()}
    assert shares[Split.VALIDATION] == pytest.approx(0.1, abs=0.01)
    assert shares[Split.TEST] == pytest.approx(0.2, abs=0.01)


def test_something_must_be_left_to_train_on():
    with pytest.raises(ValidationError, match="at least a tenth"):
        SplitRecipe(validation_ratio=0.5, test_ratio=0.5)


def test_ids_are_stable_across_versions_of_the_program():
    assert content_id("naïve 诗".encode()) == "58ceadb4bf04e5e948d917bf46ef42cf"
    assert record_id("books", "dracula-1") == "3daa33ae5d5ed1828e910b213526342b"


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_source_and_a_key_are_not_confused(left, right):
    assert (record_id("a", left) == record_id("a", right)) == (left == right)
    assert record_id("a", "b" + left) != record_id("ab", left)
