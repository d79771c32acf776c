"""All signals of many documents in one call, over Arrow buffers: numbers only.

Everywhere: `text_bytes` uint8 (bytes,), UTF-8, documents end to end; `starts` int64 (documents + 1,);
`classes` uint8 and `folds` uint32 (0x110000,) from `pipeline.text.unicode_tables`. What each signal
means, and where its definition comes from: `pipeline.clean.signals`.
"""

import numpy as np

from pipeline.clean.columns import (
    BULLET_LINE_RATIO,
    BYTES,
    CHARACTERS,
    COLUMNS,
    CURLY_BRACKETS,
    DIGIT_RATIO,
    DUPLICATE_LINE_CHARACTER_RATIO,
    DUPLICATE_LINE_RATIO,
    DUPLICATE_PARAGRAPH_CHARACTER_RATIO,
    DUPLICATE_PARAGRAPH_RATIO,
    ELLIPSIS_LINE_RATIO,
    ELLIPSIS_RATIO,
    HASH_RATIO,
    LETTER_WORD_RATIO,
    LINE_BREAK_RATIO,
    LINES,
    LOREM_IPSUM,
    MEAN_WORD_LENGTH,
    PARAGRAPHS,
    SENTENCE_END_LINE_RATIO,
    SENTENCES,
    SHORT_LINE_RATIO,
    STOP_WORD_RATIO,
    STOP_WORDS,
    UNSPACED_RATIO,
    WORDS,
)
from pipeline.clean.quality.kernels import score_words
from pipeline.clean.repetition.kernels import hash_bytes, measure_ngrams, repeats
from pipeline.kernel_cache import kernel
from pipeline.text.kernels import (
    HAS_LETTER,
    IS_UNSPACED,
    LENGTH_SHIFT,
    decode,
    finish,
    longest,
    mix,
    tokenise,
)
from pipeline.text.unicode_tables import (
    BULLET,
    CLASS_MASK,
    CLOSER,
    DIGIT,
    LETTER,
    LINE_BREAK,
    SENTENCE_END,
    SPACE,
    UNSPACED,
)

SHORT_LINE_CHARACTERS = 30
"""FineWeb's short line: at most this many characters."""
STOP_SLOTS = 256
"""Slots of one language's stop-word table; a hash lies in the first free one from `hash % 256`."""

RUN = 1
BLANK_IN_RUN = 2
VISIBLE_IN_RUN = 4
WORD_IN_RUN = 8
DIGIT_IN_RUN = 16

_LINE_FEED = 0x0A
_TAB = 0x09
_SPACE = 0x20
_FULL_STOP = 0x2E
_HASH = 0x23
_CURLY_BRACKET = 0x7B
_LOREM_IPSUM = np.frombuffer(b"lorem ipsum", np.uint8)
_ELLIPSIS = 0x2026
_SEED = np.uint64(0x2545F4914F6CDD1D)
_ZERO = np.uint64(0)
_SLOT_MASK = np.uint64(STOP_SLOTS - 1)


@kernel
def measure_words(hashes, shapes, words, stop_hashes, ends, blanks, row):
    """Fill the columns of `row` that are about words, n-grams apart.

    Args:
        hashes: uint64 (words,).
        shapes: int32 (words,), as `pipeline.text.kernels.tokenise` gives them.
        words: How many there are.
        stop_hashes: uint64 (256,), the stop words of the document's language; 0 = free slot.
        ends: int64 (words + 1,), receives the characters of all words before each.
        blanks: int64 (words,), receives what `measure_ngrams` needs.
        row: float64 (columns,).
    """
    met = np.zeros(STOP_SLOTS, np.uint8)
    letters = 0
    unspaced = 0
    spaced_length = 0
    stops = 0
    before_spaced = False
    ends[0] = 0
    for w in range(words):
        shape = shapes[w]
        length = shape >> LENGTH_SHIFT
        ends[w + 1] = ends[w] + length
        letters += shape & HAS_LETTER
        spaced = (shape & IS_UNSPACED) == 0
        blanks[w] = (blanks[w - 1] if w else 0) + (1 if spaced and before_spaced else 0)
        before_spaced = spaced
        if spaced:
            spaced_length += length
        else:
            unspaced += 1
        slot = np.int64(hashes[w] & _SLOT_MASK)
        while stop_hashes[slot] != _ZERO:
            if stop_hashes[slot] == hashes[w]:
                stops += 1
                met[slot] = 1
                break
            slot = (slot + 1) % STOP_SLOTS
    row[WORDS] = words
    if words:
        row[UNSPACED_RATIO] = unspaced / words
        row[LETTER_WORD_RATIO] = letters / words
        row[STOP_WORD_RATIO] = stops / words
        row[STOP_WORDS] = met.sum()
    if words > unspaced:
        row[MEAN_WORD_LENGTH] = spaced_length / (words - unspaced)


@kernel
def count_lorem_ipsum(text):
    """Count where `lorem ipsum` stands in a text (uint8), in any case."""
    # One look at all of it in a form that compilers turn into vector instructions: most have none.
    may = False
    for i in range(len(text) - 10):
        may |= (
            (text[i] | 0x20 == 0x6C) & (text[i + 6] | 0x20 == 0x69) & (text[i + 10] | 0x20 == 0x6D)
        )
    found = 0
    if may:
        for i in range(len(text) - 10):
            same = True
            for k in range(len(_LOREM_IPSUM)):
                byte = text[i + k]
                lower = byte + 32 if 0x41 <= byte <= 0x5A else byte
                same = same and lower == _LOREM_IPSUM[k]
            found += same
    return found


@kernel
def run_table(classes):
    """Tell for each byte what it is within a line, where nothing depends on its neighbours.

    Returns:
        uint8 (256,): RUN and more for bytes of ASCII that neither end a line or sentence, nor close
        a quote, nor are counted by themselves; 0 for all others.
    """
    table = np.zeros(256, np.uint8)
    for byte in range(0x80):
        entry = classes[byte]
        kind = entry & CLASS_MASK
        if entry & (SENTENCE_END | CLOSER) or byte in (_LINE_FEED, _HASH, _CURLY_BRACKET):
            continue
        blank = kind == SPACE or kind == LINE_BREAK
        table[byte] = RUN | (BLANK_IN_RUN if blank else VISIBLE_IN_RUN)
        if LETTER <= kind <= UNSPACED:
            table[byte] |= WORD_IN_RUN
        if kind == DIGIT:
            table[byte] |= DIGIT_IN_RUN
    return table


@kernel
def measure_lines(text_bytes, start, stop, classes, runs, keys, lengths, row):
    """Fill the columns of `row` that are about characters, lines and paragraphs.

    Args:
        text_bytes: As above.
        start: First byte of the document.
        stop: First byte after it.
        classes: As above.
        runs: uint8 (256,), from `run_table`.
        keys: uint64, scratch of at least `stop - start + 2`.
        lengths: int64, scratch of the same length.
        row: float64 (columns,); receives counts of `#`, ellipses and line feeds in place of their
            ratios, as the words are not known here.
    """
    half = (
        stop - start
    ) // 2 + 1  # a line, or a paragraph, is a character and a line feed at least
    lines = 0
    paragraphs = 0
    paragraph_key = _SEED
    paragraph_length = 0
    visible = 0
    digits = 0
    dots = 0
    bullets = 0
    short = 0
    ended_lines = 0
    ellipsis_lines = 0
    line_begin = line_end = start  # first byte of its visible characters, and the one behind them
    line_length = 0  # characters up to the last visible one, from the first
    length = 0  # the same up to here
    ended = False
    ellipsis = False
    open_sentence = False  # a word, and no end of a sentence behind it
    end_run = False  # terminal punctuation, and closing quotes, up to here
    wide_end = False  # some of it needs no blank behind it
    characters = 0
    i = start
    while i <= stop:
        if length and i < stop and runs[text_bytes[i]]:
            # Most of English: the same as below for many characters at once.
            if runs[text_bytes[i]] & BLANK_IN_RUN:
                if end_run and open_sentence and not ellipsis:
                    row[SENTENCES] += 1
                    open_sentence = False
            elif wide_end and open_sentence:
                row[SENTENCES] += 1
                open_sentence = False
            dots = 0
            end_run = wide_end = False
            begin = i
            seen = np.uint8(0)
            blanks = 0
            while i < stop:
                entry = runs[text_bytes[i]]
                if entry == 0:
                    break
                seen |= entry
                blanks += (entry & BLANK_IN_RUN) != 0
                digits += (entry & DIGIT_IN_RUN) != 0
                i += 1
            characters += i - begin
            visible += i - begin - blanks
            length += i - begin
            open_sentence = open_sentence or seen & WORD_IN_RUN != 0
            if seen & VISIBLE_IN_RUN:
                ended = ellipsis = False
                line_end = i
                while runs[text_bytes[line_end - 1]] & BLANK_IN_RUN:
                    line_end -= 1
                line_length = length - (i - line_end)
            continue
        if i < stop:
            point, width = np.int64(text_bytes[i]), 1
            if point >= 0x80:
                point, width = decode(text_bytes, i, stop)
            characters += 1
        else:
            point, width = np.int64(_LINE_FEED), 1  # the end of the text ends its last line
        i += width
        if point == _LINE_FEED:
            dots = 0
            row[SENTENCES] += open_sentence
            open_sentence = end_run = wide_end = False
            if i <= stop:
                row[LINE_BREAK_RATIO] += 1
            if line_length:
                keys[lines] = hash_bytes(text_bytes, line_begin, line_end, _SEED)
                lengths[lines] = line_length
                paragraph_key = mix(paragraph_key, keys[lines])
                paragraph_length += line_length
                lines += 1
                short += line_length <= SHORT_LINE_CHARACTERS
                ended_lines += ended
                ellipsis_lines += ellipsis
                length = line_length = 0
                ended = False
            elif paragraph_length:
                keys[half + paragraphs] = finish(paragraph_key)
                lengths[half + paragraphs] = paragraph_length
                paragraphs += 1
                paragraph_key = _SEED
                paragraph_length = 0
            continue
        entry = classes[point]
        kind = entry & CLASS_MASK
        if kind == SPACE or kind == LINE_BREAK:
            dots = 0
            length += length > 0
            if end_run and open_sentence and not ellipsis:
                row[SENTENCES] += 1
                open_sentence = False
            end_run = wide_end = False
            continue
        visible += 1
        if length == 0 and entry & BULLET:
            # "**bold**", "---" and "-5" are no items of a list.
            if point >= 0x80 or (i < stop and text_bytes[i] in (_SPACE, _TAB)):
                bullets += 1
        if length == 0:
            line_begin = i - width
        line_end = i
        length += 1
        line_length = length
        if point == _FULL_STOP:
            dots += 1
            if dots % 3 == 0:
                row[ELLIPSIS_RATIO] += 1
        else:
            dots = 0
            row[ELLIPSIS_RATIO] += point == _ELLIPSIS
            row[HASH_RATIO] += point == _HASH
            row[CURLY_BRACKETS] += point == _CURLY_BRACKET
            digits += kind == DIGIT
        ellipsis = dots >= 3 or point == _ELLIPSIS
        if entry & SENTENCE_END:
            ended = end_run = True
            if point >= 0x80 and point != _ELLIPSIS:
                wide_end = True
        elif not entry & CLOSER:
            if wide_end and open_sentence:
                row[SENTENCES] += 1
                open_sentence = False
            ended = end_run = wide_end = False
            if LETTER <= kind <= UNSPACED:
                open_sentence = True
    if paragraph_length:
        keys[half + paragraphs] = finish(paragraph_key)
        lengths[half + paragraphs] = paragraph_length
        paragraphs += 1
    row[LOREM_IPSUM] = count_lorem_ipsum(text_bytes[start:stop])
    row[BYTES] = stop - start
    row[CHARACTERS] = characters
    row[LINES] = lines
    row[PARAGRAPHS] = paragraphs
    if lines:
        row[DIGIT_RATIO] = digits / visible
        row[BULLET_LINE_RATIO] = bullets / lines
        row[ELLIPSIS_LINE_RATIO] = ellipsis_lines / lines
        row[SHORT_LINE_RATIO] = short / lines
        row[SENTENCE_END_LINE_RATIO] = ended_lines / lines
        again, again_length = repeats(keys, lengths, lines)
        total = lengths[:lines].sum()
        row[DUPLICATE_LINE_RATIO] = again / lines
        row[DUPLICATE_LINE_CHARACTER_RATIO] = again_length / total
        again, again_length = repeats(keys[half:], lengths[half:], paragraphs)
        row[DUPLICATE_PARAGRAPH_RATIO] = again / paragraphs
        row[DUPLICATE_PARAGRAPH_CHARACTER_RATIO] = again_length / total


@kernel
def measure(text_bytes, starts, classes, folds, languages, stop_hashes, weights, bias):
    """Measure every signal of every document.

    Args:
        text_bytes: As above.
        starts: As above.
        classes: As above.
        folds: As above.
        languages: int32 (documents,), row of `stop_hashes` for each document.
        stop_hashes: uint64 (languages, 256), stop words' hashes by language; 0 = free slot. A
            language without stop words has an empty row.
        weights: float32 (2^n,), the quality model's; empty: there is none.
        bias: float64, as well the quality model's.

    Returns:
        float64 (documents, len(COLUMNS)); a ratio of nothing is 0, an empty document is all 0.
        float64 (documents,), the quality model's score; 0 where there is none.
    """
    documents = len(starts) - 1
    scores = np.zeros(documents, np.float64)
    out = np.zeros((documents, len(COLUMNS)), np.float64)
    most = longest(starts)
    # Two words are never nearer than two bytes: ASCII ones are parted, others take two or more.
    hashes = np.empty(most // 2 + 1, np.uint64)
    shapes = np.empty(most // 2 + 1, np.int32)
    keys = np.empty(most + 2, np.uint64)
    lengths = np.empty(most + 2, np.int64)
    runs = run_table(classes)
    for d in range(documents):
        row = out[d]
        start, stop = starts[d], starts[d + 1]
        measure_lines(text_bytes, start, stop, classes, runs, keys, lengths, row)
        words = tokenise(text_bytes, start, stop, classes, folds, hashes, shapes)
        ends, blanks = np.empty(words + 1, np.int64), np.empty(words, np.int64)
        measure_words(hashes, shapes, words, stop_hashes[languages[d]], ends, blanks, row)
        measure_ngrams(hashes, ends, blanks, words, row)
        if len(weights):
            scores[d] = score_words(hashes, words, weights, bias)
        for column in (HASH_RATIO, ELLIPSIS_RATIO, LINE_BREAK_RATIO):
            row[column] = row[column] / words if words else 0
    return out, scores
