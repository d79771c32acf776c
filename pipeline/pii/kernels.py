"""Finding where personal data may be, in one pass over bytes: numbers only.

A candidate costs a regular expression afterwards, so clean text should have hardly any.
"""

import numpy as np

from pipeline.kernel_cache import kernel
from pipeline.pii.columns import (
    API_KEY,
    CARD,
    EMAIL,
    IBAN,
    IP,
    PHONE,
    PRIVATE_KEY,
    RESIDENT_ID,
    SSN,
)

WORD = 1
DIGIT = 2
HEX = 4
UPPER = 8
LOCAL = 16
SIGN = 32
"""Flag of capital letters and of the marks that something may hold: `@`, `:`, `-`, `_`, `.`."""

_AT = 0x40
_PLUS = 0x2B
_MINUS = 0x2D
_DOT = 0x2E
_COLON = 0x3A
_OPEN = 0x28
_CLOSE = 0x29
_SPACE = 0x20
_X = 0x58
_SMALL_X = 0x78
_GROUPS = 8


@kernel
def stands_at(text, i, stop, word):
    """Tell whether the bytes `word` stand at `i`."""
    if stop - i < len(word):
        return False
    for k in range(len(word)):
        if text[i + k] != word[k]:
            return False
    return True


@kernel
def read_groups(text, i, stop, flags, lengths, marks):
    """Read groups of digits with single marks (blank, hyphen, full stop) between.

    Args:
        text: uint8 (bytes,).
        i: The first digit.
        stop: First byte behind the document.
        flags: uint8 (256,).
        lengths: int64 (8,), receives the digits of each group.
        marks: int64 (8,), receives the mark behind each group; 0 where the chain ends.

    Returns:
        How many groups there are; the chain is cut after eight.
    """
    groups = 0
    while groups < _GROUPS:
        length = 0
        while i < stop and flags[text[i]] & DIGIT:
            length += 1
            i += 1
        lengths[groups] = length
        marks[groups] = 0
        groups += 1
        if i + 1 < stop and flags[text[i + 1]] & DIGIT:
            if text[i] == _SPACE or text[i] == _MINUS or text[i] == _DOT:
                marks[groups - 1] = text[i]
                i += 1
                continue
        break
    return groups


@kernel
def kind_of_groups(text, i, stop, groups, lengths, marks):
    """Tell by the lengths of groups of digits what the first of them may begin.

    Returns:
        A kind, or -1.
    """
    first = lengths[0]
    mark = marks[0]
    if mark == _DOT and groups >= 4 and marks[1] == _DOT and marks[2] == _DOT:
        if first <= 3 and lengths[1] <= 3 and lengths[2] <= 3 and lengths[3] <= 3:
            return IP
    if first == 18 or (first == 17 and i + 17 < stop and text[i + 17] in (_X, _SMALL_X)):
        return RESIDENT_ID
    if 13 <= first <= 19 and (mark == 0 or mark == _DOT or mark == _SPACE):
        return CARD
    if first == 4 and (mark == _SPACE or mark == _MINUS) and marks[1] == mark:
        if lengths[1] == 6 and (lengths[2] == 5 or lengths[2] == 4):
            return CARD
        if lengths[1] == 4 and groups >= 4 and lengths[2] == 4 and marks[2] == mark:
            return CARD
    if first == 3 and lengths[1] == 2 and groups >= 3 and lengths[2] == 4 and mark == _MINUS:
        if marks[1] == _MINUS:
            return SSN
    if first == 11 and text[i] == 0x31:
        return PHONE
    if groups >= 3 and first == 3 and marks[1] == mark and lengths[2] == 4:
        if lengths[1] == 3 or (lengths[1] == 4 and text[i] == 0x31):
            return PHONE
    if groups >= 2 and text[i] == 0x30 and (first == 3 or first == 4) and mark == _MINUS:
        if lengths[1] == 7 or lengths[1] == 8:
            return PHONE
    return -1


@kernel
def may_be_ipv6(text, i, start, stop, flags):
    """Tell where the address begins whose first colon may be at `i`; -1: it is none."""
    begin = i
    while begin > start and i - begin <= 4 and flags[text[begin - 1]] & HEX:
        begin -= 1
    if i - begin > 4 or (
        begin > start and (flags[text[begin - 1]] & WORD or text[begin - 1] in (_COLON, _DOT))
    ):
        return -1
    colons = 0
    double = False
    k = i
    while k < stop and (text[k] == _COLON or flags[text[k]] & HEX):
        if text[k] == _COLON:
            colons += 1
            double = double or (k + 1 < stop and text[k + 1] == _COLON)
        k += 1
    return begin if colons >= 7 or (double and colons >= 2) else -1


@kernel
def kind_of_number(text, i, start, stop, flags, lengths, marks):
    """Tell what the number that begins at `i` may begin.

    Returns:
        (kind or -1, the first byte: of a phone number it may be the mark before the number).
    """
    last = text[i - 1] if i > start else text[i]
    if last == _PLUS:
        return PHONE, i - 1
    lengths[:] = 0
    groups = read_groups(text, i, stop, flags, lengths, marks)
    kind = kind_of_groups(text, i, stop, groups, lengths, marks)
    if kind == -1 and last == _OPEN and lengths[0] == 3:
        if i + 3 < stop and text[i + 3] == _CLOSE:
            return PHONE, i - 1
    return kind, i


@kernel
def kind_of_sign(text, i, start, stop, flags, pairs, prefixes, prefix_starts, armour):
    """Tell what the capital letter or mark at `i` may be part of.

    Returns:
        (kind or -1, the byte to look at).
    """
    byte = text[i]
    flag = flags[byte]
    before = flags[text[i - 1]] if i > start else flags[0]
    after = text[i + 1] if i + 1 < stop else flags[0]
    if byte == _AT:
        return (EMAIL if before & LOCAL and flags[after] & WORD else -1), i
    if byte == _COLON:
        if (before & HEX and flags[after] & HEX) or after == _COLON:
            place = may_be_ipv6(text, i, start, stop, flags)
            if place >= 0:
                return IP, place
        return -1, i
    if flag & UPPER and before & WORD == 0 and flags[after] & UPPER and i + 4 <= stop:
        if flags[text[i + 2]] & flags[text[i + 3]] & DIGIT:
            return IBAN, i
    if i > start and pairs[text[i - 1], byte]:
        for p in range(len(prefix_starts) - 1):
            first = i + 1 - (prefix_starts[p + 1] - prefix_starts[p])
            if first >= start and (first == start or flags[text[first - 1]] & WORD == 0):
                if stands_at(text, first, stop, prefixes[prefix_starts[p] : prefix_starts[p + 1]]):
                    return API_KEY, first
    if byte == _MINUS and after == _MINUS and (i == start or text[i - 1] != _MINUS):
        if stands_at(text, i, stop, armour):
            return PRIVATE_KEY, i
    return -1, i


@kernel
def find_candidates(text_bytes, starts, flags, pairs, prefixes, prefix_starts, armour):
    """Find where personal data may be.

    Args:
        text_bytes: uint8 (bytes,). UTF-8, documents end to end; any bytes are safe.
        starts: int64 (documents + 1,). The byte where each begins.
        flags: uint8 (256,). WORD, DIGIT, HEX, UPPER, LOCAL and SIGN for each byte.
        pairs: bool (256, 256). Whether a prefix ends in these two bytes.
        prefixes: uint8. Prefixes of API keys, end to end.
        prefix_starts: int64 (prefixes + 1,).
        armour: uint8. What a private key begins with.

    Returns:
        int64 (candidates, 3): document, byte and kind; documents ascend. An e-mail address is
        pointed at by its `@`, everything else by its first byte.
    """
    found = np.empty((64, 3), np.int64)
    count = 0
    lengths = np.zeros(_GROUPS, np.int64)
    marks = np.zeros(_GROUPS, np.int64)
    for d in range(len(starts) - 1):
        start, stop = starts[d], starts[d + 1]
        for i in range(start, stop):
            flag = flags[text_bytes[i]]
            if flag & (DIGIT | SIGN) == 0:
                continue  # most bytes
            if flag & DIGIT:
                if i > start and flags[text_bytes[i - 1]] & WORD:
                    continue
                kind, place = kind_of_number(text_bytes, i, start, stop, flags, lengths, marks)
            else:
                kind, place = kind_of_sign(
                    text_bytes, i, start, stop, flags, pairs, prefixes, prefix_starts, armour
                )
            if kind >= 0:
                if count == len(found):
                    more = np.empty((2 * count, 3), np.int64)
                    more[:count] = found
                    found = more
                found[count, 0] = d
                found[count, 1] = place
                found[count, 2] = kind
                count += 1
    return found[:count]
