import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.reports.axes import linear, logarithmic, marks, occupied, round_values, spread


def test_a_scale_maps_its_ends_to_its_ends():
    for scale in (linear(2, 6, 10, 50), logarithmic(2, 6, 10, 50)):
        assert (scale(2), scale(6)) == (10, 50)


def test_values_to_mark_are_round():
    assert round_values(0, 1, 4) == pytest.approx([0, 0.5, 1])
    assert round_values(3, 47, 5) == [10, 20, 30, 40]


def test_a_log_axis_marks_powers_of_ten_while_there_are_two():
    assert marks("log", 3, 20_000, 6) == [10, 100, 1000, 10_000]
    assert marks("log", 20, 80, 3) == [20, 40, 60, 80]


def test_empty_bins_at_both_ends_are_left_out():
    assert occupied([0, 0, 3, 0, 1, 0]) == (2, 5)
    assert occupied([0, 0]) == (0, 2)


@given(st.lists(st.floats(0, 500), min_size=1, max_size=12).map(sorted))
def test_labels_keep_their_order_their_distance_and_their_room(wanted):
    places = spread(wanted, 30, 0, 500)
    assert all(b - a >= 30 - 1e-6 for a, b in itertools.pairwise(places))
    assert all(-1e-6 <= place <= 500 + 1e-6 for place in places)


def test_a_label_with_room_stays_where_it_belongs():
    assert spread([10, 200, 400], 30, 0, 500) == [10, 200, 400]
