"""Taking lines out of texts in one pass over their bytes: numbers only.

Everywhere: `kinds` uint8 (0x110000,) from `pipeline.clean.lines.texts`, `classes` uint8 (0x110000,)
from `pipeline.text.unicode_tables`. Phrases and nouns are ASCII bytes in lower case, end to end,
with int64 starts.
"""

import numpy as np

from pipeline.clean.lines.columns import (
    BLANK_KIND,
    CITATIONS,
    COLUMNS,
    COUNTER,
    DIGIT_KIND,
    KEPT,
    LINE_WORDS,
    LONG_WORD,
    NUMERIC,
    REMOVED_LINE_WORDS,
    SCANTY,
    UNFINISHED,
    UPPER_KIND,
    UPPERCASE,
    WORD_KIND,
)
from pipeline.kernel_cache import kernel
from pipeline.text.kernels import decode
from pipeline.text.unicode_tables import CLASS_MASK, CLOSER, LETTER, SENTENCE_END, UNSPACED

_LINE_FEED = 0x0A
_FULL_STOP = 0x2E
_COMMA = 0x2C
_QUOTE = 0x22
_OPEN = 0x5B
_CLOSE = 0x5D
_ELLIPSIS = 0x2026
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
def judge_line(
    text,
    start,
    stop,
    classes,
    kinds,
    phrases,
    phrase_starts,
    phrase_columns,
    pairs,
    plain,
    nouns,
    noun_starts,
    limits,
    max_uppercase,
):
    """Find the first rule that a line breaks.

    Args: as `edit_lines`, and
        pairs: bool (256, 256). Whether a phrase begins with these two bytes.
        plain: bool (256,). Small letters of ASCII: part of a word, and no rule's business.

    Returns:
        (a column of COLUMNS, or KEPT; words in the line). A blank line is kept and has no words.
    """
    characters = 0  # up to the last visible one, from the first
    length = 0
    upper = 0
    digits = 0
    words = 0
    run = 0  # of what is neither blank nor a letter of a script without spaces
    longest_run = 0
    unspaced = 0
    in_word = False
    ended = False
    last = np.int64(0)
    dots = 0
    gap = False  # a blank stands behind the dots
    phrase = KEPT
    i = start
    while i < stop:
        byte = text[i]
        if i + 1 < stop and pairs[byte, text[i + 1]]:
            for p in range(len(phrase_columns)):
                column = phrase_columns[p]
                if (phrase == KEPT or column < phrase) and begins_with(
                    text, i, stop, phrases[phrase_starts[p] : phrase_starts[p + 1]]
                ):
                    phrase = column
        if plain[byte]:
            begin = i
            i += 1
            while i < stop and plain[text[i]]:
                if i + 1 < stop and pairs[text[i], text[i + 1]]:
                    break  # a phrase may begin here
                i += 1
            in_word = True
            length += i - begin
            characters = length
            run += i - begin
            longest_run = max(longest_run, run)
            dots = 0
            last = np.int64(text[i - 1])
            ended = False
            continue
        point, width = np.int64(byte), 1
        if byte >= 0x80:
            point, width = decode(text, i, stop)
        i += width
        kind = kinds[point]
        if kind & BLANK_KIND:
            if in_word:
                words += max(unspaced, 1)
            in_word = False
            unspaced = run = 0
            length += characters > 0
            gap = True
            continue
        in_word = True
        length += 1
        characters = length
        entry = classes[point]
        if entry & CLASS_MASK == UNSPACED:
            unspaced += 1
            run = 0
        else:
            run += 1
            longest_run = max(longest_run, run)
        upper += kind & UPPER_KIND != 0
        digits += kind & DIGIT_KIND != 0
        if gap or point != _FULL_STOP:
            dots = 0
        dots += point == _FULL_STOP
        gap = False
        last = point
        if point == _ELLIPSIS:
            ended = False
        elif entry & SENTENCE_END:
            ended = True
        elif not entry & CLOSER:
            ended = False
    if in_word:
        words += max(unspaced, 1)
    if not characters:
        return KEPT, 0
    if limits[LONG_WORD] and longest_run > limits[LONG_WORD]:
        return LONG_WORD, words
    if limits[UNFINISHED] and (not (ended or last == _QUOTE) or dots >= 3):
        return UNFINISHED, words
    if words < limits[SCANTY]:
        return SCANTY, words
    if phrase != KEPT:
        return phrase, words
    if upper > max_uppercase * characters:
        return UPPERCASE, words
    if limits[NUMERIC] and digits == characters:
        return NUMERIC, words
    if limits[COUNTER] and is_counter(text, start, stop, kinds, nouns, noun_starts):
        return COUNTER, words
    return KEPT, words


@kernel
def edit_lines(
    text_bytes,
    starts,
    classes,
    kinds,
    phrases,
    phrase_starts,
    phrase_columns,
    nouns,
    noun_starts,
    limits,
    max_uppercase,
):
    """Take lines out of every document.

    Args:
        text_bytes: uint8 (bytes,). UTF-8, documents end to end; other bytes are kept as they are.
        starts: int64 (documents + 1,). The byte where each begins.
        classes: As above.
        kinds: As above.
        phrases: uint8. Phrases that no line may hold.
        phrase_starts: int64 (phrases + 1,).
        phrase_columns: int64 (phrases,), JAVASCRIPT or POLICY.
        nouns: uint8. What counters count.
        noun_starts: int64 (nouns + 1,).
        limits: int64 (columns,). LONG_WORD and SCANTY: characters and words; UNFINISHED, NUMERIC,
            COUNTER, CITATIONS: 1 or 0. 0 is off everywhere.
        max_uppercase: Largest part of a line's characters in upper case; 1 is off.

    Returns:
        uint8 and int64 (documents + 1,), the new texts; int64 (documents, columns), COLUMNS.
    """
    documents = len(starts) - 1
    out = np.empty(starts[documents] - starts[0], np.uint8)
    out_starts = np.zeros(documents + 1, np.int64)
    counts = np.zeros((documents, len(COLUMNS)), np.int64)
    pairs = np.zeros((256, 256), np.bool_)
    for p in range(len(phrase_columns)):
        one, other = phrases[phrase_starts[p]], phrases[phrase_starts[p] + 1]
        pairs[one, other] = pairs[one - 32, other] = True
        pairs[one, other - 32] = pairs[one - 32, other - 32] = True
    plain = np.zeros(256, np.bool_)
    for byte in range(0x61, 0x7B):
        plain[byte] = kinds[byte] == WORD_KIND and classes[byte] & CLASS_MASK == LETTER
    o = 0
    for d in range(documents):
        i, stop = starts[d], starts[d + 1]
        while i < stop:
            begin = o
            while i < stop and text_bytes[i] != _LINE_FEED:
                if text_bytes[i] == _OPEN and limits[CITATIONS]:
                    length = citation_length(text_bytes, i, stop)
                    if length:
                        counts[d, CITATIONS] += 1
                        i += length
                        continue
                out[o] = text_bytes[i]
                o += 1
                i += 1
            column, words = judge_line(
                out,
                begin,
                o,
                classes,
                kinds,
                phrases,
                phrase_starts,
                phrase_columns,
                pairs,
                plain,
                nouns,
                noun_starts,
                limits,
                max_uppercase,
            )
            counts[d, LINE_WORDS] += words
            if column == KEPT:
                if i < stop:
                    out[o] = _LINE_FEED
                    o += 1
            else:
                counts[d, column] += 1
                counts[d, REMOVED_LINE_WORDS] += words
                o = begin
            i += 1
        out_starts[d + 1] = o
    return out[:o], out_starts, counts
