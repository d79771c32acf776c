"""Which runs of tokens a document shares with a table of them: numbers only.

Everywhere: `tokens` uint64 (tokens,), hashes of tokens, documents end to end; `token_starts` int64
(documents + 1,), the token where each begins (`pipeline.text.kernels.token_hashes` gives both); `width` the tokens of one n-gram.
"""

import numpy as np

from pipeline.dedup.kernels import sort_unique
from pipeline.kernel_cache import kernel
from pipeline.text.kernels import finish, longest

_BASE = np.uint64(0xF3B8488C368CB0A7)
_ZERO, _ONE, _16, _17, _32 = (np.uint64(number) for number in (0, 1, 16, 17, 32))
_VALUE = np.uint64(2**48 - 1)
_FREE, _HELD, _MARK = np.uint32(0), np.uint32(2**31 - 1), np.uint32(2**31)


@kernel
def ngram_hashes(tokens, width, ngrams):
    """Hash every n-gram of one document, each from the one before.

    Args:
        tokens: uint64 (tokens,), of this document alone.
        width: At least 1.
        ngrams: uint64, at least as long; receives the hashes (never 0).

    Returns:
        How many there are: max(0, tokens - width + 1).
    """
    leaving = _ONE
    for _ in range(width):
        leaving *= _BASE
    state = _ZERO
    for i in range(len(tokens)):
        state = state * _BASE + tokens[i]
        if i >= width:
            state -= leaving * tokens[i - width]
        if i >= width - 1:
            ngrams[i - width + 1] = max(finish(state), _ONE)  # 0 marks a free slot
    return max(0, len(tokens) - width + 1)


@kernel
def find_slot(table, value):
    """Find the slot that holds a value, or the free slot where it would go.

    Args:
        table: uint64 (a power of two,), at most half full; 0 marks a free slot.
        value: uint64, well mixed, not 0.

    Returns:
        int64 slot.
    """
    mask = len(table) - 1
    slot = np.int64(value >> _ONE) & mask
    while table[slot] != _ZERO and table[slot] != value:
        slot = (slot + 1) & mask
    return slot


@kernel
def fill(table, ngrams):
    """Put n-grams (uint64, not 0) into an open-addressed table, at most half full afterwards.

    Returns:
        How many of them it did not hold before.
    """
    new = 0
    for ngram in ngrams:
        slot = find_slot(table, ngram)
        new += table[slot] == _ZERO
        table[slot] = ngram
    return new


@kernel
def slots_of(table, ngrams):
    """Find the slot of each n-gram (uint64, not 0) that `fill` put into the table: int64."""
    slots = np.empty(len(ngrams), np.int64)
    for i in range(len(ngrams)):
        slots[i] = find_slot(table, ngrams[i])
    return slots


@kernel
def all_ngrams(tokens, token_starts, width):
    """List the different n-grams of each document, documents end to end.

    Returns:
        uint64 (n-grams,): hashes, never 0. One in several documents is there several times.
    """
    most = longest(token_starts)
    order, ends = np.empty(most, np.uint64), np.empty(2 * most + 2, np.int32)
    ngrams = np.empty(token_starts[len(token_starts) - 1] - token_starts[0], np.uint64)
    used = 0
    for d in range(len(token_starts) - 1):
        found = ngram_hashes(tokens[token_starts[d] : token_starts[d + 1]], width, ngrams[used:])
        used += sort_unique(ngrams[used:], found, order, ends)
    return ngrams[:used].copy()


@kernel
def shared_slots(tokens, token_starts, width, table):
    """Find the n-grams of each document that a table holds.

    Args:
        tokens: As above.
        token_starts: As above.
        width: As above.
        table: uint64 (slots,), as `fill` leaves it.

    Returns:
        slots int64 (shared n-grams,), different within a document, documents end to end;
        slot_starts int64 (documents + 1,).
    """
    documents = len(token_starts) - 1
    most = longest(token_starts)
    order, ends = np.empty(most, np.uint64), np.empty(2 * most + 2, np.int32)
    ngrams = np.empty(most, np.uint64)
    slots = np.empty(1024, np.int64)
    slot_starts = np.zeros(documents + 1, np.int64)
    used = 0
    for d in range(documents):
        shared = 0
        own = tokens[token_starts[d] : token_starts[d + 1]]
        for i in range(ngram_hashes(own, width, ngrams)):
            if table[find_slot(table, ngrams[i])] != _ZERO:
                ngrams[shared] = ngrams[i]
                shared += 1
        shared = sort_unique(ngrams, shared, order, ends)
        if used + shared > len(slots):
            larger = np.empty(max(2 * len(slots), used + shared), np.int64)
            for i in range(used):  # assigning a slice would take numba seconds to compile
                larger[i] = slots[i]
            slots = larger
        for i in range(shared):
            slots[used + i] = find_slot(table, ngrams[i])
        used += shared
        slot_starts[d + 1] = used
    return slots[:used], slot_starts


@kernel
def sketches(tokens, token_starts, width, gram):
    """Choose hashes of each document such that those who share `width` tokens in a row share one.

    Of every `width - gram + 1` consecutive n-grams of `gram` tokens, all of which lie in one n-gram
    of `width`, the smallest hash is chosen (Schleimer, Wilkerson and Aiken 2003, "Winnowing: local
    algorithms for document fingerprinting").

    Args:
        tokens: As above.
        token_starts: As above.
        width: Tokens of a shared n-gram.
        gram: 1 to `width`.

    Returns:
        values uint64 (hashes,), of 48 bits, documents end to end; starts int64 (documents + 1,). A
        document shorter than `width` has none.
    """
    documents = len(token_starts) - 1
    most = longest(token_starts)
    ngrams, smallest = np.empty(most, np.uint64), np.empty(most, np.uint64)
    values = np.empty(token_starts[documents] - token_starts[0] + 1, np.uint64)
    starts = np.zeros(documents + 1, np.int64)
    window, used = width - gram + 1, 0
    for d in range(documents):
        own = tokens[token_starts[d] : token_starts[d + 1]]
        windows = ngram_hashes(own, gram, ngrams) - window + 1
        for i in range(windows):
            smallest[i] = ngrams[i]
        for j in range(1, window):  # each pass over all of them: compiled to vector instructions
            for i in range(windows):
                smallest[i] = min(smallest[i], ngrams[i + j])
        last = _ZERO
        for i in range(windows):  # written always and counted if new: no branch on what hashes are
            values[used] = smallest[i] & _VALUE  # of a minimum the low bits are evenly spread
            used += smallest[i] != last
            last = smallest[i]
        starts[d + 1] = used
    return values[:used].copy(), starts


@kernel
def unpack(parts):
    """Read values of 48 bits.

    Args:
        parts: uint16 (3 * values,), the lowest bits of each first.

    Returns:
        uint64 (values,).
    """
    values = np.empty(len(parts) // 3, np.uint64)
    for i in range(len(values)):
        low, middle, high = parts[3 * i], parts[3 * i + 1], parts[3 * i + 2]
        values[i] = np.uint64(low) | np.uint64(middle) << _16 | np.uint64(high) << _32
    return values


@kernel
def put_values(table, values):
    """Put values into an open-addressed table that is not full afterwards.

    A slot holds 31 bits of a value, and its place tells the rest of it, or nearly: values beside
    each other may be taken for one another, one in 10^9 times. 0 marks a free slot.

    Args:
        table: uint32 (a power of two,).
        values: uint64 (values,), of 48 bits.
    """
    for value in values:
        table[_slot_of(table, value)] = _held(value)


@kernel
def put_bits(bits, values):
    """Set a bit for each value: what has none is not in the table.

    Args:
        bits: uint64 (a power of two,).
        values: uint64 (values,), of 48 bits.
    """
    last = 64 * len(bits) - 1
    for value in values:
        place = np.int64(value) & last
        bits[place >> 6] |= _ONE << np.uint64(place & 63)


@kernel
def hold_any(table, bits, values, starts, wanted):
    """Tell of each document whether a table holds one of its values.

    Args:
        table: uint32 (a power of two,), as `put_values` leaves it.
        bits: uint64 (a power of two,), as `put_bits` leaves it.
        values: uint64 (values,), of 48 bits, documents end to end.
        starts: int64 (documents + 1,).
        wanted: bool (documents,); others are passed over.

    Returns:
        bool (documents,).
    """
    found = np.zeros(len(starts) - 1, np.bool_)
    likely, last = np.empty(longest(starts) + 1, np.uint64), 64 * len(bits) - 1
    for d in range(len(found)):
        used = np.int64(0)
        # Without a branch on what hashes are, which the processor would guess wrong half the time.
        for i in range(starts[d], starts[d + 1] if wanted[d] else starts[d]):
            place = np.int64(values[i]) & last
            likely[used] = values[i]
            used += np.int64((bits[place >> 6] >> np.uint64(place & 63)) & _ONE)
        for i in range(used):
            if table[_slot_of(table, likely[i])] != _FREE:
                found[d] = True
                break
    return found


@kernel
def mark(table, values):
    """Mark those of the values (as of `put_values`) that a table holds."""
    for value in values:
        slot = _slot_of(table, value)
        if table[slot] != _FREE:
            table[slot] |= _MARK


@kernel
def hold_marked(table, values, starts):
    """Tell of each document whether one of its values is marked (arguments as of `hold_any`)."""
    found = np.zeros(len(starts) - 1, np.bool_)
    for d in range(len(found)):
        for i in range(starts[d], starts[d + 1]):
            if table[_slot_of(table, values[i])] & _MARK != _FREE:
                found[d] = True
                break
    return found


@kernel
def _slot_of(table, value):
    """Find the slot that holds a value, or the free slot where it would go."""
    last = len(table) - 1
    slot, held = np.int64(value) & last, _held(value)
    while table[slot] != _FREE and table[slot] & _HELD != held:
        slot = (slot + 1) & last
    return slot


@kernel
def _held(value):
    return max(np.uint32(value >> _17) & _HELD, np.uint32(1))
