"""Reading UTF-8 and finding tokens, over Arrow buffers: numbers only.

Everywhere: `text_bytes` uint8 (bytes,), UTF-8, documents end to end; `starts` int64 (documents + 1,),
the byte where each begins; `classes` and `folds` from `pipeline.text.unicode_tables`. Any bytes are
safe to read: a byte that is not part of a valid character counts as one U+FFFD.
"""

import numpy as np

from pipeline.kernel_cache import kernel
from pipeline.text.unicode_tables import (
    CLASS_MASK,
    DIGIT,
    FOLDS,
    FORMAT,
    JOINER,
    LETTER,
    MARK,
    MID_BOTH,
    MID_LETTER,
    MID_NUMBER,
    NUMBER,
    UNSPACED,
)

REPLACEMENT = 0xFFFD
HAS_LETTER = 1
IS_UNSPACED = 2
LENGTH_SHIFT = 2

_SEED = np.uint64(0xCBF29CE484222325)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_FINAL_1 = np.uint64(0xFF51AFD7ED558CCD)
_FINAL_2 = np.uint64(0xC4CEB9FE1A85EC53)
_8 = np.uint64(8)
_32 = np.uint64(32)
_33 = np.uint64(33)


@kernel
def decode(text_bytes, i, stop):
    """Read the character at byte `i`, looking at no byte from `stop` on.

    Returns:
        (code point, bytes it takes); (U+FFFD, 1) where no valid character begins.
    """
    first = np.int64(text_bytes[i])
    if first < 0x80:
        return first, 1
    if first < 0xC2 or first > 0xF4 or i + 1 >= stop:
        return REPLACEMENT, 1
    second = np.int64(text_bytes[i + 1])
    if second & 0xC0 != 0x80:
        return REPLACEMENT, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | second & 0x3F, 2
    if i + 2 >= stop:
        return REPLACEMENT, 1
    third = np.int64(text_bytes[i + 2])
    if third & 0xC0 != 0x80:
        return REPLACEMENT, 1
    if first < 0xF0:
        point = (first & 0x0F) << 12 | (second & 0x3F) << 6 | third & 0x3F
        if point < 0x800 or 0xD800 <= point < 0xE000:
            return REPLACEMENT, 1
        return point, 3
    if i + 3 >= stop:
        return REPLACEMENT, 1
    fourth = np.int64(text_bytes[i + 3])
    if fourth & 0xC0 != 0x80:
        return REPLACEMENT, 1
    point = (first & 7) << 18 | (second & 0x3F) << 12 | (third & 0x3F) << 6 | fourth & 0x3F
    if point < 0x10000 or point > 0x10FFFF:
        return REPLACEMENT, 1
    return point, 4


@kernel
def mix(state, value):
    """Take one code point (or other 64-bit number) into a running hash (uint64).

    Begin with a seed, not with a value: taking b into a would equal taking a into b.
    """
    return (state ^ np.uint64(value)) * _FACTOR


@kernel
def finish(state):
    """Spread a running hash over all 64 bits (MurmurHash3's finaliser, uint64)."""
    state = (state ^ (state >> _33)) * _FINAL_1
    state = (state ^ (state >> _33)) * _FINAL_2
    return state ^ (state >> _33)


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
    i = start
    while i + 8 <= stop:
        value = np.uint64(text_bytes[i])
        for k in range(1, 8):
            value |= np.uint64(text_bytes[i + k]) << np.uint64(8 * k)
        state = mix(state, value)
        state ^= state >> _32  # else the highest bytes of two steps could cancel out
        i += 8
    value = np.uint64(0)
    shift = np.uint64(0)
    while i < stop:
        value |= np.uint64(text_bytes[i]) << shift
        shift += _8
        i += 1
    return finish(mix(state, value))


@kernel
def joins(middle, before, after):
    """Tell whether a character of class `middle` joins its neighbours' classes (UAX #29)."""
    letters = before == LETTER and after == LETTER
    digits = (before == DIGIT or before == NUMBER) and (after == DIGIT or after == NUMBER)
    if middle == MID_BOTH:
        return letters or digits
    if middle == MID_LETTER:
        return letters
    if middle == MID_NUMBER:
        return digits
    return middle == JOINER and (after == LETTER or after == DIGIT or after == NUMBER)


@kernel
def tokenise(text_bytes, start, stop, classes, folds, hashes, shapes):
    """Find the tokens of one document.

    A token is a word (letters, numbers and marks; an apostrophe, full stop and the like between two
    letters or two digits stays inside: UAX #29, except that hyphens and colons separate), or a
    single letter of a script without spaces, with its marks. Punctuation and symbols, emoji among
    them, are in no token.

    Args:
        text_bytes: As above.
        start: First byte of the document.
        stop: First byte after it.
        classes: uint8 (0x110000,).
        folds: uint32 (0x110000,).
        hashes: uint64, at least `stop - start` long; receives each token's hash, of its case-folded
            code points without invisible format characters.
        shapes: int32, as long; receives `length << 2 | unspaced << 1 | has_letter`, the length in
            code points, format characters not counted.

    Returns:
        How many tokens there are; 0 for an empty document.
    """
    found = 0
    i = start
    while i < stop:
        point, width = np.int64(text_bytes[i]), 1
        if point >= 0x80:
            point, width = decode(text_bytes, i, stop)
        entry = classes[point]
        kind = entry & CLASS_MASK
        if kind < LETTER or kind > UNSPACED:
            i += width
            continue
        length = 1
        letter = kind == LETTER or kind == UNSPACED
        unspaced = kind == UNSPACED
        state = mix(_SEED, folds[point] if entry & FOLDS else np.uint32(point))
        last = kind
        i += width
        while i < stop:
            point, width = np.int64(text_bytes[i]), 1
            if 0x61 <= point <= 0x7A and not unspaced:  # most of the text
                last = LETTER
                letter = True
                state = mix(state, point)
                length += 1
                i += 1
                continue
            if point < 0x80:
                kind = classes[point] & CLASS_MASK
                if kind >= LETTER and kind <= NUMBER and not unspaced:
                    last = kind
                    state = mix(state, folds[point])
                    length += 1
                    i += 1
                    letter = letter or kind == LETTER
                    continue
            else:
                point, width = decode(text_bytes, i, stop)
            entry = classes[point]
            kind = entry & CLASS_MASK
            if kind == MARK:
                pass
            elif kind == FORMAT:
                i += width
                continue
            elif unspaced:
                break
            elif kind == LETTER or kind == DIGIT or kind == NUMBER:
                last = kind
                letter = letter or kind == LETTER
            elif MID_LETTER <= kind <= JOINER and i + width < stop:
                after, _ = decode(text_bytes, i + width, stop)
                if not joins(kind, last, classes[after] & CLASS_MASK):
                    break
            else:
                break
            state = mix(state, folds[point] if entry & FOLDS else np.uint32(point))
            length += 1
            i += width
        hashes[found] = finish(state)
        shapes[found] = length << LENGTH_SHIFT | unspaced << 1 | letter
        found += 1
    return found


@kernel
def longest(starts):
    """Count the bytes of the longest document (0 when there is none)."""
    most = 0
    for d in range(len(starts) - 1):
        most = max(most, starts[d + 1] - starts[d])
    return most


@kernel
def token_hashes(text_bytes, starts, classes, folds):
    """Hash every token of every document.

    Args:
        text_bytes: As above.
        starts: As above.
        classes: uint8 (0x110000,).
        folds: uint32 (0x110000,).

    Returns:
        uint64 (tokens,), one hash per token, documents end to end; int64 (documents + 1,), the
        token where each document begins. A document without a word has no token.
    """
    documents = len(starts) - 1
    token_starts = np.zeros(documents + 1, np.int64)
    most = longest(starts)
    shapes = np.empty(most, np.int32)
    hashes = np.empty((starts[documents] - starts[0]) // 4 + most, np.uint64)
    used = 0
    for d in range(documents):
        start, stop = starts[d], starts[d + 1]
        if used + stop - start > len(hashes):
            larger = np.empty(max(2 * len(hashes), used + stop - start), np.uint64)
            for i in range(used):  # a slice assignment takes numba two seconds longer to compile
                larger[i] = hashes[i]
            hashes = larger
        used += tokenise(text_bytes, start, stop, classes, folds, hashes[used:], shapes)
        token_starts[d + 1] = used
    return hashes[:used], token_starts
