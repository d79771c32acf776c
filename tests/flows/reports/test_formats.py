import pytest

from flows.reports import formats


def test_a_share_is_never_rounded_to_nothing_or_all():
    assert formats.percent(1, 1_000_000) == "<0.01%"
    assert formats.percent(999_999, 1_000_000) == ">99.9%"
    assert formats.percent(0, 7) == "0%"
    assert formats.percent(7, 7) == "100.0%"
    assert formats.percent(1, 0) == formats.NO_VALUE


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_time_spans(seconds, text):
    assert formats.duration(seconds) == text


def test_quantities_keep_what_matters():
    assert formats.quantity(0.81254) == "0.8125"
    assert formats.quantity(1204.4) == "1,204"
    assert formats.quantity(7.0) == "7"
    assert formats.quantity(None) == formats.NO_VALUE


def test_nouns_follow_their_number():
    assert formats.counted(1, "record") == "1 record"
    assert formats.counted(0, "record") == "0 records"


def test_sizes_are_decimal():
    assert formats.megabytes(999) == "999 B"
    assert formats.megabytes(12_400_000) == "12.4 MB"
    assert formats.short_count(44_100) == "44.1 k"
    assert formats.short_count(10_000) == "10 k"
