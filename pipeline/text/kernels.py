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
_FINAL_1, _FINAL_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_BLOCK = 64
_NONE, _ALL, _LAST = np.uint64(0), np.uint64(2**64 - 1), np.uint64(2**63)
_CASE, _CASES = np.uint8(0x20), np.uint64(0x2020202020202020)
_LETTERS = np.uint64(0x4040404040404040)
_ONE, _2, _4, _8 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(8)
_29, _33, _56, _63 = np.uint64(29), np.uint64(33), np.uint64(56), np.uint64(63)


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

    One function, because handing arrays to another costs numba more than a word takes.

    Args:
        text_bytes: As above.
        start: First byte of the document.
        stop: First byte after it.
        classes: uint8 (0x110000,).
        folds: uint32 (0x110000,).
        hashes: uint64, at least `stop - start` long; receives each token's hash: of the UTF-8 bytes
            of its case-folded code points without invisible format characters, 8 at a time.
        shapes: int32, as long; receives `length << 2 | unspaced << 1 | has_letter`, the length in
            code points, format characters not counted.

    Returns:
        How many tokens there are; 0 for an empty document.
    """
    found = 0
    i = start
    while i < stop:
        # Words of ASCII letters and digits, a block at a time: where each begins, and its length.
        begun = ended = found
        inside = _NONE  # _ONE: a word goes on from the block before
        until = i  # more than i: who looks at every character takes over
        while i < stop and until <= i:
            if i + _BLOCK + 8 > len(text_bytes):  # the last word's last 8 bytes could lie outside
                until = stop
                break
            words, others, marks = _bits(text_bytes, i)
            if i + _BLOCK > stop:
                own = _ALL >> np.uint64(_BLOCK - (stop - i))
                words, others, marks = words & own, others & own, marks & own
            before = words << _ONE | inside
            starts, ends = words & ~before, before & ~words
            inside = words >> _63
            step = _BLOCK
            unclear = others | marks & before & ((words | others) >> _ONE | _LAST)
            if unclear != _NONE:
                step = _first(unclear)
                passed = (_ONE << np.uint64(step)) - _ONE
                starts &= passed
                point, width = decode(text_bytes, i + step, stop)
                kind = classes[point] & CLASS_MASK
                if LETTER <= kind <= JOINER:  # a block of another script, or one word joined
                    ends &= passed
                    until = i + step + (_BLOCK if kind <= UNSPACED else 1)
                else:  # only ends a word
                    ends &= passed << _ONE | _ONE
                    inside = _NONE
                    step += width
            while starts != _NONE:
                hashes[begun] = np.uint64(i + _first(starts))
                starts &= starts - _ONE
                begun += 1
            while ends != _NONE:
                shapes[ended] = i + _first(ends) - np.int64(hashes[ended])
                ends &= ends - _ONE
                ended += 1
            i += step
        if begun > ended and until > i:
            i = np.int64(hashes[ended])  # the word may go on with other characters
        elif begun > ended:
            shapes[ended] = stop - np.int64(hashes[ended])
            ended += 1
        # Lower case is one bit, which digits have anyway; letters have another that digits lack.
        for n in range(found, ended):
            j, length = np.uint64(hashes[n]), shapes[n]
            state, seen = _SEED, _NONE
            left = length
            while left > 8:
                eight = _eight(text_bytes, j)
                seen |= eight
                state = _take_eight(state, eight | _CASES)
                j += _8
                left -= 8
            own = _ALL >> np.uint64(64 - 8 * left)
            eight = _eight(text_bytes, j) & own
            seen |= eight
            hashes[n] = finish(mix(state, eight | _CASES & own))
            shapes[n] = length << LENGTH_SHIFT | ((seen & _LETTERS) != _NONE)
        found = ended
        if i < until:
            found, i = _find_any_tokens(
                text_bytes, i, until, stop, classes, folds, hashes, shapes, found
            )
    return found


@kernel
def _bits(text_bytes, i):
    """Say of 64 bytes what they are; bit k is of byte `i + k`.

    Returns:
        uint64 each: ASCII letters and digits; what is not ASCII; other ASCII but spaces and control
        characters, which may join words.
    """
    words, others, marks = _NONE, _NONE, _NONE
    for k in range(_BLOCK):  # without branches: compiled to vector instructions
        byte = text_bytes[np.uint64(i) + np.uint64(k)]
        lower = np.uint8(byte | _CASE)
        word = ((lower >= 0x61) & (lower <= 0x7A)) | ((byte >= 0x30) & (byte <= 0x39))
        words |= np.uint64(word) << np.uint64(k)
        others |= np.uint64(byte >= 0x80) << np.uint64(k)
        marks |= np.uint64(byte > 0x20) << np.uint64(k)
    return words, others, marks & ~words & ~others


@kernel
def _first(bits):
    """Count the zeros below the lowest one (compiled to one instruction)."""
    below = (bits & (~bits + _ONE)) - _ONE
    below -= below >> _ONE & np.uint64(0x5555555555555555)
    below = (below & np.uint64(0x3333333333333333)) + (below >> _2 & np.uint64(0x3333333333333333))
    below = below + (below >> _4) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64(below * np.uint64(0x0101010101010101) >> _56)


@kernel
def _eight(text_bytes, i):
    """Read 8 bytes as one number, the first one lowest (compiled to one load)."""
    number = _NONE
    for k in range(8):
        number |= np.uint64(text_bytes[i + np.uint64(k)]) << np.uint64(8 * k)
    return number


@kernel
def _take_eight(state, eight):
    """Take 8 bytes, after which more come, into the hash of a token."""
    state = mix(state, eight)
    return state ^ state >> _29


@kernel
def _take_point(state, eight, used, point):
    """Take a code point's UTF-8 into the hash of a token.

    Args:
        state: uint64, the hash of the full blocks of 8 bytes so far.
        eight: uint64, the bytes since then.
        used: How many bytes those are, 0 to 8.
        point: The code point.

    Returns:
        state, eight and used, with it.
    """
    if point < 0x80:
        code, width = np.uint64(point), 1
    elif point < 0x800:
        code, width = np.uint64(0x80C0 | point >> 6 | (point & 63) << 8), 2
    elif point < 0x10000:
        code = np.uint64(0x8080E0 | point >> 12 | (point >> 6 & 63) << 8 | (point & 63) << 16)
        width = 3
    else:
        high = point >> 18 | (point >> 12 & 63) << 8
        code = np.uint64(0x808080F0 | high | (point >> 6 & 63) << 16 | (point & 63) << 24)
        width = 4
    if used == 8:
        return _take_eight(state, eight), code, width
    eight |= code << np.uint64(8 * used)
    used += width
    if used > 8:
        used -= 8
        return _take_eight(state, eight), code >> np.uint64(8 * (width - used)), used
    return state, eight, used


@kernel
def _find_any_tokens(text_bytes, i, until, stop, classes, folds, hashes, shapes, found):
    """Find and hash the tokens that begin in a part of a document, character by character.

    Args:
        text_bytes: As above.
        i: Where no token goes on.
        until: First byte where none is to begin.
        stop: First byte after the document.
        classes: uint8 (0x110000,).
        folds: uint32 (0x110000,).
        hashes: As in `tokenise`.
        shapes: As in `tokenise`.
        found: Tokens found before.

    Returns:
        Tokens found; the byte after the last one of them, `until` at least.
    """
    until = min(until, stop)
    while i < until:
        point, width = decode(text_bytes, i, stop)
        entry = classes[point]
        kind = entry & CLASS_MASK
        if kind < LETTER or kind > UNSPACED:
            i += width
            continue
        length = 1
        letter = kind == LETTER or kind == UNSPACED
        unspaced = kind == UNSPACED
        folded = folds[point] if entry & FOLDS else np.uint32(point)
        state, eight, used = _take_point(_SEED, _NONE, 0, np.int64(folded))
        last = kind
        i += width
        while i < stop:
            point, width = np.int64(text_bytes[i]), 1
            if 0x61 <= point <= 0x7A and not unspaced:  # most of the text
                last = LETTER
                letter = True
                if used == 8:
                    state, eight, used = _take_eight(state, eight), _NONE, 0
                eight |= np.uint64(point) << np.uint64(8 * used)
                used += 1
                length += 1
                i += 1
                continue
            if point >= 0x80:
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
            folded = folds[point] if entry & FOLDS else np.uint32(point)
            state, eight, used = _take_point(state, eight, used, np.int64(folded))
            length += 1
            i += width
        hashes[found] = finish(mix(state, eight))
        shapes[found] = length << LENGTH_SHIFT | unspaced << 1 | letter
        found += 1
    return found, i


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
