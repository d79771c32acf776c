"""Finding what occurs more than once, with open-addressing tables: numbers only.

Keys are 64-bit hashes; two different things are taken for one with a chance of about n² / 2^65.
"""

import numpy as np

from pipeline.clean.columns import CHARACTERS, DUPLICATE_10GRAM_RATIO, TOP_2GRAM_RATIO
from pipeline.kernel_cache import kernel
from pipeline.text.kernels import finish, mix

_SEED = np.uint64(0x2545F4914F6CDD1D)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_8 = np.uint64(8)
_32 = np.uint64(32)


@kernel
def hash_bytes(text_bytes, start, stop, seed):
    """Hash bytes as they are, eight at a time.

    Args:
        text_bytes: uint8 (bytes,).
        start: The first byte.
        stop: The byte behind the last.
        seed: uint64.

    Returns:
        uint64: the same for the same bytes and seed.
    """
    state = mix(seed, stop - start)
    i, end = np.uint64(start), np.uint64(stop)
    while i + _8 <= end:
        value = _ZERO
        for k in range(8):  # compiled to one load
            value |= np.uint64(text_bytes[i + np.uint64(k)]) << np.uint64(8 * k)
        state = mix(state, value)
        state ^= state >> _32  # else the highest bytes of two steps could cancel out
        i += _8
    value = _ZERO
    shift = _ZERO
    while i < end:
        value |= np.uint64(text_bytes[i]) << shift
        shift += _8
        i += _ONE
    return finish(mix(state, value))


@kernel
def slot_bits(entries):
    """Choose a hash table of 2^bits slots that stays at most half full (at least 16 slots)."""
    bits = 4
    while (1 << bits) < 2 * entries:
        bits += 1
    return bits


@kernel
def find_slot(table, bits, key):
    """Find where `key` (uint64, not 0) is, or belongs, in an open-addressing table (0 = free)."""
    slot = np.int64(key >> np.uint64(64 - bits))
    last = (1 << bits) - 1
    while table[slot] != _ZERO and table[slot] != key:
        slot = (slot + 1) & last
    return slot


@kernel
def repeats(keys, lengths, count):
    """Count what occurred before among `count` keys.

    Args:
        keys: uint64, spread over all bits.
        lengths: int64, as many.
        count: How many of both to look at.

    Returns:
        (repeats after the first of their kind, the sum of their lengths).
    """
    bits = slot_bits(count)
    table = np.zeros(1 << bits, np.uint64)
    again = 0
    length = 0
    for k in range(count):
        key = keys[k] | _ONE
        slot = find_slot(table, bits, key)
        if table[slot] == key:
            again += 1
            length += lengths[k]
        table[slot] = key
    return again, length


@kernel
def count_grams(grams, places, slots):
    """Count how often each n-gram occurs.

    Args:
        grams: uint64, one n-gram's hash per position.
        places: int32, the positions to look at.
        slots: int32, as many; receives where each one's count is.

    Returns:
        int32, the counts.
    """
    bits = slot_bits(len(places))
    table = np.zeros(1 << bits, np.uint64)
    times = np.zeros(1 << bits, np.int32)
    for p in range(len(places)):
        key = grams[places[p]] | _ONE
        slot = find_slot(table, bits, key)
        table[slot] = key
        times[slot] += 1
        slots[p] = slot
    return times


@kernel
def top_length(places, slots, times, ends, blanks, n):
    """Add up the characters of the most frequent n-gram, the first of equally frequent ones.

    Args:
        places: int32, positions of the n-grams, ascending.
        slots: int32, where each one's count is.
        times: int32, the counts.
        ends: As for `measure_ngrams`.
        blanks: As for `measure_ngrams`.
        n: Words in an n-gram.

    Returns:
        Occurrences times length, blanks between its words included; 0 when nothing occurs twice.
    """
    most = 1
    length = 0
    for p in range(len(places)):
        if times[slots[p]] > most:
            most = times[slots[p]]
            k = places[p]
            length = ends[k + n] - ends[k] + blanks[k + n - 1] - blanks[k]
    return most * length


@kernel
def repeated_length(places, slots, times, ends, n):
    """Add up the characters of n-grams that occurred before, not counting any word twice.

    Args:
        places: int32, positions of the n-grams, ascending.
        slots: int32, where each one's count is.
        times: int32, the counts.
        ends: As for `measure_ngrams`.
        n: Words in an n-gram; after a repeat, looking goes on behind it.

    Returns:
        Characters (the words' own, no blanks between them).
    """
    seen = np.zeros(len(times), np.bool_)
    length = 0
    free = 0
    for p in range(len(places)):
        k = places[p]
        slot = slots[p]
        if k < free or times[slot] < 2:
            continue
        if seen[slot]:
            length += ends[k + n] - ends[k]
            free = k + n
        seen[slot] = True
    return length


@kernel
def recurring(places, slots, times):
    """List the positions at which a longer n-gram can recur: it does here and one word further."""
    kept = np.empty(len(places), np.int32)
    count = 0
    for p in range(len(places) - 1):
        if places[p + 1] == places[p] + 1 and times[slots[p]] > 1 and times[slots[p + 1]] > 1:
            kept[count] = places[p]
            count += 1
    return kept[:count]


@kernel
def measure_ngrams(hashes, ends, blanks, words, row):
    """Fill the n-gram columns of `row`.

    Args:
        hashes: uint64 (words,).
        ends: int64 (words + 1,), characters of all words before each.
        blanks: int64 (words,), how many of the words up to each are parted from the one before by
            a blank (both in scripts with spaces).
        words: How many there are.
        row: float64 (columns,); `characters` is filled.
    """
    if words < 3:
        return
    grams = np.empty(words, np.uint64)
    for k in range(words):
        grams[k] = mix(_SEED, hashes[k])
    slots = np.empty(words, np.int32)
    places = np.arange(words - 1).astype(np.int32)
    for n in range(2, 11):
        for p in range(len(places)):
            k = places[p]
            grams[k] = mix(grams[k], hashes[k + n - 1])
        times = count_grams(grams, places, slots)
        if n <= 4:
            length = top_length(places, slots, times, ends, blanks, n)
            row[TOP_2GRAM_RATIO + n - 2] = length / row[CHARACTERS]
        else:
            length = repeated_length(places, slots, times, ends, n)
            row[DUPLICATE_10GRAM_RATIO + n - 10] = length / row[CHARACTERS]
        places = recurring(places, slots, times)
        if len(places) < 2:
            return
