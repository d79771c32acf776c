"""Finding phrases, citations and counters in bytes: numbers only.

Phrases and nouns are ASCII bytes in lower case, end to end, with int64 starts. `kinds` uint8
(0x110000,) is from `pipeline.clean.lines.texts`.
"""

import numpy as np

from pipeline.clean.lines.columns import BLANK_KIND, KEPT, WORD_KIND
from pipeline.kernel_cache import kernel
from pipeline.text.kernels import decode

_FULL_STOP = 0x2E
_COMMA = 0x2C
_CLOSE = 0x5D
_EDIT = np.frombuffer(b"edit]", np.uint8)
_NEEDED = np.frombuffer(b"citation needed]", np.uint8)


@kernel
def lower(byte):
    """Make an ASCII letter a small one."""
    return byte + 32 if 0x41 <= byte <= 0x5A else byte


@kernel
def begins_with(text, start, stop, phrase):
    """Tell whether `phrase` stands at `start`, whatever its case."""
    if stop - start < len(phrase):
        return False
    for k in range(len(phrase)):
        if lower(text[start + k]) != phrase[k]:
            return False
    return True


@kernel
def citation_length(text, start, stop):
    """Measure the citation at `start`, as C4 cuts them out: `[12]`, `[]`, `[edit]`, `[citation needed]`.

    Returns:
        Its bytes; 0 where there is none.
    """
    i = start + 1
    while i < stop and 0x30 <= text[i] <= 0x39:
        i += 1
    if i < stop and text[i] == _CLOSE:
        return i + 1 - start
    for phrase in (_EDIT, _NEEDED):
        if stop - start > len(phrase):
            same = True
            for k in range(len(phrase)):
                same = same and text[start + 1 + k] == phrase[k]
            if same:
                return len(phrase) + 1
    return 0


@kernel
def is_counter(text, start, stop, kinds, nouns, noun_starts):
    """Tell whether a line is a counter such as `3 likes`, `1.2K views` (RefinedWeb's rule).

    Any marks, a number (digits, commas, full stops), k, m or b, blanks, one of the nouns, any marks.
    """
    i = start
    while i < stop:
        point, width = decode(text, i, stop)
        if kinds[point] & WORD_KIND:
            break
        i += width
    if i == stop or not 0x30 <= text[i] <= 0x39:
        return False
    while i < stop and (0x30 <= text[i] <= 0x39 or text[i] == _COMMA or text[i] == _FULL_STOP):
        i += 1
    if i < stop and lower(text[i]) in (0x6B, 0x6D, 0x62):
        i += 1
    blanks = 0
    while i < stop:
        point, width = decode(text, i, stop)
        if not kinds[point] & BLANK_KIND:
            break
        blanks += 1
        i += width
    if not blanks:
        return False
    for n in range(len(noun_starts) - 1):
        noun = nouns[noun_starts[n] : noun_starts[n + 1]]
        if begins_with(text, i, stop, noun):
            rest = i + len(noun)
            marks = True
            while rest < stop and marks:
                point, width = decode(text, rest, stop)
                marks = kinds[point] & WORD_KIND == 0
                rest += width
            if marks:
                return True
    return False


@kernel
def may_hold(text, anchors):
    """Tell whether one of a few groups of four bytes may stand in a text, whatever its case.

    Args:
        text: uint8 (bytes,).
        anchors: uint8 (groups, 4), in lower case.
    """
    may = False
    for a in range(len(anchors)):
        one, two = anchors[a, 0], anchors[a, 1]
        three, four = anchors[a, 2], anchors[a, 3]
        for i in range(len(text) - 3):  # without branches: compiled to vector instructions
            may |= (
                (text[i] | 0x20 == one)
                & (text[i + 1] | 0x20 == two)
                & (text[i + 2] | 0x20 == three)
                & (text[i + 3] | 0x20 == four)
            )
    return may


@kernel
def find_phrase(text, start, stop, phrases, phrase_starts, phrase_columns, pairs):
    """Find the first rule on phrases that a line breaks.

    Args: as `pipeline.clean.lines.kernels.edit_lines`, and
        pairs: bool (256, 256). Whether a phrase begins with these two bytes.

    Returns:
        A column of COLUMNS, or KEPT.
    """
    phrase = KEPT
    for i in range(start, stop - 1):
        if pairs[text[i], text[i + 1]]:
            for p in range(len(phrase_columns)):
                column = phrase_columns[p]
                if (phrase == KEPT or column < phrase) and begins_with(
                    text, i, stop, phrases[phrase_starts[p] : phrase_starts[p + 1]]
                ):
                    phrase = column
    return phrase
