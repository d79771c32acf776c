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
)
from pipeline.clean.lines.phrases.kernels import (
    citation_length,
    find_phrase,
    is_counter,
    may_hold,
)
from pipeline.kernel_cache import kernel
from pipeline.text.kernels import decode
from pipeline.text.unicode_tables import CLASS_MASK, CLOSER, SENTENCE_END, UNSPACED

BLANK_IN_RUN = 1
RUN = 2
UPPER_IN_RUN = 4
DIGIT_IN_RUN = 8

_LINE_FEED = 0x0A
_FULL_STOP = 0x2E
_QUOTE = 0x22
_OPEN = 0x5B
_ELLIPSIS = 0x2026


@kernel
def run_table(classes, kinds):
    """Tell for each byte what it is where nothing depends on its neighbours.

    Returns:
        uint8 (256,): RUN and more for bytes of ASCII that neither end a sentence nor close a quote;
        0 for all others.
    """
    table = np.zeros(256, np.uint8)
    for byte in range(0x80):
        if classes[byte] & (SENTENCE_END | CLOSER):
            continue
        table[byte] = RUN
        if kinds[byte] & BLANK_KIND:
            table[byte] |= BLANK_IN_RUN
        if kinds[byte] & UPPER_KIND:
            table[byte] |= UPPER_IN_RUN
        if kinds[byte] & DIGIT_KIND:
            table[byte] |= DIGIT_IN_RUN
    return table


@kernel
def judge_line(
    text, start, stop, classes, kinds, runs, phrase, nouns, noun_starts, limits, max_uppercase
):
    """Find the first rule that a line breaks.

    Args: as `edit_lines`, and
        runs: uint8 (256,), from `run_table`.
        phrase: From `find_phrase`.

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
    in_word = 0  # 1 or 0: it is reckoned with
    ended = False
    last = np.int64(0)
    dots = 0
    gap = False  # a blank stands behind the dots
    i = start
    while i < stop:
        if characters and unspaced == 0 and runs[text[i]]:
            # Most of English: the same as below for many characters at once.
            begin = i
            while i < stop:
                entry = runs[text[i]]
                if entry == 0:
                    break
                blank = entry & BLANK_IN_RUN
                words += in_word & blank
                in_word = 1 - blank
                run = (run + 1) * in_word
                longest_run = max(longest_run, run)
                upper += (entry & UPPER_IN_RUN) != 0
                digits += (entry & DIGIT_IN_RUN) != 0
                i += 1
            length += i - begin
            end = i
            while end > begin and runs[text[end - 1]] & BLANK_IN_RUN:
                end -= 1
            gap = end < i
            if end > begin:
                characters = length - (i - end)
                last = np.int64(text[end - 1])
                ended = False
                dots = 0
            continue
        point, width = np.int64(text[i]), 1
        if point >= 0x80:
            point, width = decode(text, i, stop)
        i += width
        kind = kinds[point]
        if kind & BLANK_KIND:
            if in_word:
                words += max(unspaced, 1)
            in_word = 0
            unspaced = run = 0
            length += characters > 0
            gap = True
            continue
        in_word = 1
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
    anchors,
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
        anchors: uint8 (groups, 4). Four bytes of which each phrase holds some.
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
    runs = run_table(classes, kinds)
    o = 0
    for d in range(documents):
        i, stop = starts[d], starts[d + 1]
        phrased = len(phrase_columns) > 0 and may_hold(text_bytes[i:stop], anchors)
        while i < stop:
            begin = o
            cut = False  # what a citation parted may be a phrase now
            while i < stop and text_bytes[i] != _LINE_FEED:
                if text_bytes[i] == _OPEN and limits[CITATIONS]:
                    length = citation_length(text_bytes, i, stop)
                    if length:
                        counts[d, CITATIONS] += 1
                        i += length
                        cut = True
                        continue
                    out[o] = _OPEN
                    o += 1
                    i += 1
                end = i
                while end < stop and text_bytes[end] != _LINE_FEED and text_bytes[end] != _OPEN:
                    end += 1
                if end == i and end < stop and text_bytes[end] == _OPEN and not limits[CITATIONS]:
                    end += 1
                for k in range(end - i):
                    out[o + k] = text_bytes[i + k]
                o += end - i
                i = end
            phrase = KEPT
            if phrased or cut:
                phrase = find_phrase(out, begin, o, phrases, phrase_starts, phrase_columns, pairs)
            column, words = judge_line(
                out,
                begin,
                o,
                classes,
                kinds,
                runs,
                phrase,
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
