"""A short run of the fuzzer (tests/bench/fuzz_readers.py), and cases that once failed."""

import pytest

from tests.bench.fuzz_readers import check_case, make_case, part_bytes_of


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_damaged_files_of_every_kind_are_told_and_nothing_is_lost(tmp_path, first):
    for number in range(first, first + 30):
        outcome = check_case(make_case(1, number), tmp_path, part_bytes_of(1, number))
        assert outcome in {"read", "damage told", "refused"}, f"case {number}"
