"""Hashing lines, and taking out those that are common: numbers only.

Everywhere: `text_bytes` uint8 (bytes,), UTF-8, documents end to end; `starts` int64 (documents + 1,);
`seeds` uint64 (documents,), a number that stands for each document's source; `classes` uint8
(0x110000,) from `pipeline.text.unicode_tables`. A line ends at a line feed; blanks around it are no
part of it, and a blank line is none. Two lines are taken for one with a chance of 2^-64.
"""

import numpy as np

from pipeline.clean.repetition.kernels import find_slot, hash_bytes, slot_bits
from pipeline.kernel_cache import kernel
from pipeline.text.kernels import decode
from pipeline.text.unicode_tables import CLASS_MASK, LINE_BREAK, SPACE, UNSPACED

_LINE_FEED = 0x0A
_ONE = np.uint64(1)
_ZERO = np.uint64(0)


@kernel
def line_end(text_bytes, i, stop):
    """Find the line feed from `i` on; `stop` where there is none."""
    while i < stop and text_bytes[i] != _LINE_FEED:
        i += 1
    return i


@kernel
def is_blank(point, classes):
    """Tell whether a code point is white space."""
    kind = classes[point] & CLASS_MASK
    return kind == SPACE or kind == LINE_BREAK


@kernel
def trimmed(text_bytes, start, stop, classes):
    """Leave out the blanks around a line.

    Returns:
        (first byte, the byte behind the last); equal for a blank line.
    """
    while start < stop:
        point, width = decode(text_bytes, start, stop)
        if not is_blank(point, classes):
            break
        start += width
    end = stop
    while end > start:
        i = end - 1
        while i > start and end - i < 4 and text_bytes[i] & 0xC0 == 0x80:
            i -= 1  # back to where the last character begins
        point, width = decode(text_bytes, i, end)
        if i + width != end or not is_blank(point, classes):
            break
        end = i
    return start, end


@kernel
def count_words(text_bytes, start, stop, classes):
    """Count words between blanks; each letter of a script without spaces is one."""
    words = 0
    unspaced = 0
    in_word = False
    i = start
    while i < stop:
        point, width = np.int64(text_bytes[i]), 1
        if point >= 0x80:
            point, width = decode(text_bytes, i, stop)
        i += width
        if is_blank(point, classes):
            if in_word:
                words += max(unspaced, 1)
            in_word = False
            unspaced = 0
        else:
            in_word = True
            unspaced += classes[point] & CLASS_MASK == UNSPACED
    return words + (max(unspaced, 1) if in_word else 0)


@kernel
def line_keys(text_bytes, starts, seeds, classes):
    """Hash every line of every document.

    Args:
        text_bytes: As above.
        starts: As above.
        seeds: As above.
        classes: As above.

    Returns:
        uint64 (lines,), odd numbers that stand for a line of a source; uint64 (lines,), a number
        that stands for the text that the line is in: the same for the same text.
    """
    lines = 0
    for d in range(len(starts) - 1):
        lines += 1
        for i in range(starts[d], starts[d + 1]):
            lines += text_bytes[i] == _LINE_FEED
    keys = np.empty(lines, np.uint64)
    texts = np.empty(lines, np.uint64)
    found = 0
    for d in range(len(starts) - 1):
        i, stop = starts[d], starts[d + 1]
        text = hash_bytes(text_bytes, i, stop, seeds[d])
        while i < stop:
            end = line_end(text_bytes, i, stop)
            first, last = trimmed(text_bytes, i, end, classes)
            if first < last:
                keys[found] = hash_bytes(text_bytes, first, last, seeds[d]) | _ONE
                texts[found] = text
                found += 1
            i = end + 1
    return keys[:found], texts[:found]


@kernel
def key_table(keys):
    """Make an open-addressing table (0 = free) of keys (uint64, odd)."""
    bits = slot_bits(len(keys))
    table = np.zeros(1 << bits, np.uint64)
    for k in range(len(keys)):
        table[find_slot(table, bits, keys[k])] = keys[k]
    return table


@kernel
def table_bits(table):
    """Tell the bits of a table of 2^bits slots."""
    bits = 0
    while (1 << bits) < len(table):
        bits += 1
    return bits


@kernel
def take_out(text_bytes, starts, seeds, classes, table):
    """Take the lines out of every document whose keys are in a table.

    Args:
        text_bytes: As above.
        starts: As above.
        seeds: As above.
        classes: As above.
        table: uint64 (2^n,), as `key_table` makes it.

    Returns:
        uint8 and int64 (documents + 1,), the new texts; int64 (documents, 3): lines taken out, their
        words, and the words of the whole document, which are counted only where a line goes.
    """
    documents = len(starts) - 1
    out = np.empty(starts[documents] - starts[0], np.uint8)
    out_starts = np.zeros(documents + 1, np.int64)
    counts = np.zeros((documents, 3), np.int64)
    bits = table_bits(table)
    o = 0
    for d in range(documents):
        i, stop = starts[d], starts[d + 1]
        while i < stop:
            end = line_end(text_bytes, i, stop)
            first, last = trimmed(text_bytes, i, end, classes)
            following = min(end + 1, stop)
            goes = False
            if first < last:
                key = hash_bytes(text_bytes, first, last, seeds[d]) | _ONE
                goes = table[find_slot(table, bits, key)] != _ZERO
            if goes:
                counts[d, 0] += 1
                counts[d, 1] += count_words(text_bytes, first, last, classes)
            else:
                for k in range(i, following):
                    out[o] = text_bytes[k]
                    o += 1
            i = following
        if counts[d, 0]:
            counts[d, 2] = count_words(text_bytes, starts[d], stop, classes)
        out_starts[d + 1] = o
    return out[:o], out_starts, counts
