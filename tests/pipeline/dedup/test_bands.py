"""Bands and rows from the recall asked for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.dedup.bands import Bands, chance_to_meet, choose_bands
from pipeline.dedup.recipe import DedupRecipe


def test_the_defaults_give_21_bands_of_6():
    assert DedupRecipe().bands == (21, 6)


@pytest.mark.parametrize(
    ("recall", "permutations", "bands"),
    [(0.9999, 128, (25, 5)), (0.99, 256, (32, 8)), (0.9, 128, (16, 8)), (0.5, 128, (10, 12))],
)
def test_more_recall_takes_shorter_rows_and_more_values_take_longer_ones(
    recall, permutations, bands
):
    assert choose_bands(0.8, recall, permutations) == bands


@given(st.floats(0.05, 1), st.floats(0.01, 0.9999), st.integers(16, 512))
def test_the_choice_reaches_the_recall_and_longer_rows_do_not(threshold, recall, permutations):
    chosen = choose_bands(threshold, recall, permutations)
    longer = chosen.rows + 1 if chosen else 1
    if chosen:
        assert chosen.bands * chosen.rows <= permutations
        assert chance_to_meet(threshold, chosen) >= recall
    for rows in range(longer, permutations + 1):
        assert chance_to_meet(threshold, Bands(permutations // rows, rows)) < recall


def test_the_chance_to_meet_is_the_s_curve():
    assert math.isclose(chance_to_meet(0.8, Bands(21, 6)), 1 - (1 - 0.8**6) ** 21)
    assert chance_to_meet(0, Bands(21, 6)) == 0
    assert chance_to_meet(1, Bands(21, 6)) == 1


def test_a_recall_out_of_reach_is_refused_with_what_to_change():
    with pytest.raises(ValidationError, match="raise num_permutations or jaccard_threshold"):
        DedupRecipe(jaccard_threshold=0.05, num_permutations=16)
