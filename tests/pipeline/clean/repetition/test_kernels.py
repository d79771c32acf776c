from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clean.columns import CHARACTERS, COLUMNS, TOP_2GRAM_RATIO
from pipeline.clean.repetition import kernels
from tests.reference.plain_kernels import plain_kernels, wrapping_integers

PLAIN = plain_kernels("pipeline.clean.repetition.kernels")
BOTH = (kernels, PLAIN)
few = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9)), max_size=60)


def numbers(data):
    return np.frombuffer(data, np.uint8)


@given(st.binary(max_size=40), st.binary(max_size=12), st.integers(0, 2**64 - 1))
def test_bytes_are_hashed_alike_wherever_they_lie(data, before, seed):
    text = numbers(before + data + b"behind them")
    found = set()
    with wrapping_integers():
        for module in BOTH:
            start = len(before)
            found.add(int(module.hash_bytes(text, start, start + len(data), np.uint64(seed))))
            found.add(int(module.hash_bytes(numbers(data + b"x"), 0, len(data), np.uint64(seed))))
    assert len(found) == 1


@given(st.lists(st.binary(max_size=20), unique=True, max_size=20))
def test_other_bytes_or_another_seed_give_another_hash(different):
    hashes = {
        int(kernels.hash_bytes(numbers(data + b"."), 0, len(data), np.uint64(seed)))
        for data in different
        for seed in (1, 2)
    }
    assert len(hashes) == 2 * len(different)


def test_the_last_bytes_of_two_blocks_do_not_cancel_out():
    hashes = set()
    for one in range(256):
        for other in range(256):
            text = numbers(b"1234567" + bytes([one]) + b"1234567" + bytes([other]))
            hashes.add(int(kernels.hash_bytes(text, 0, 16, np.uint64(7))))
    assert len(hashes) == 256 * 256


@given(few)
def test_repeats_are_counted_after_the_first(pairs):
    keys = np.array([key * 0x9E3779B97F4A7C15 % 2**64 for key, _ in pairs], np.uint64)
    lengths = np.array([length for _, length in pairs], np.int64)
    again = [n for n, (key, _) in enumerate(pairs) if key in [one for one, _ in pairs[:n]]]
    expected = (len(again), sum(pairs[n][1] for n in again))
    for module in BOTH:
        assert module.repeats(keys, lengths, len(pairs)) == expected


@given(st.lists(st.integers(1, 5), max_size=40), st.integers(2, 4))
def test_ngrams_are_counted_where_they_stand(words, n):
    grams = np.zeros(max(len(words), 1), np.uint64)
    found = [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]
    for k, gram in enumerate(found):
        grams[k] = (hash(gram) * 2 + 1) % 2**64
    places = np.arange(len(found)).astype(np.int32)
    for module in BOTH:
        slots = np.zeros(len(found), np.int32)
        times = module.count_grams(grams, places, slots)
        assert [int(times[slot]) for slot in slots] == [Counter(found)[gram] for gram in found]


@given(st.lists(st.integers(1, 4), min_size=3, max_size=60), st.booleans())
def test_both_forms_measure_the_same_ngrams_and_few_words_have_none(words, spaced):
    hashes = np.array(words, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    ends = np.concatenate([[0], np.cumsum(words)]).astype(np.int64)
    blanks = (np.arange(len(words)) * spaced).astype(np.int64)
    rows = []
    for module in BOTH:
        row = np.zeros(len(COLUMNS))
        row[CHARACTERS] = ends[-1] + blanks[-1]
        with wrapping_integers():
            module.measure_ngrams(hashes, ends, blanks, len(words), row)
        rows.append(row.tolist())
        nothing = np.zeros(len(COLUMNS))
        module.measure_ngrams(hashes, ends, blanks, 2, nothing)
        assert not nothing.any()
    assert rows[0] == rows[1]
    assert all(0 <= ratio <= 4 for ratio in rows[0][TOP_2GRAM_RATIO:])
