"""Rewriting text in one pass over its bytes: numbers only."""

import numpy as np

from pipeline.kernel_cache import kernel
from pipeline.text.kernels import decode

KEEP = 0
DROP = 1
BREAK = 2
BLANK = 3
ACTION_MASK = 0x0F
FORM = 0x80
"""Flag of an action: this character may need Unicode normalisation."""

TABLE_POINTS = 0x2600
"""Characters of single-byte encodings are below this."""

_LINE_FEED = 0x0A
_CARRIAGE_RETURN = 0x0D
_NEXT_LINE = 0x85


@kernel
def rewrite(text_bytes, starts, actions, trim, max_blank_lines):
    """Remove, replace and trim characters of every document.

    Args:
        text_bytes: uint8 (bytes,). UTF-8, documents end to end; other bytes are kept as they are.
        starts: int64 (documents + 1,). The byte where each begins.
        actions: uint8 (0x110000,). What to do with each code point: KEEP, DROP, BREAK (becomes a
            line feed; CR LF becomes one), BLANK (kept, except where trimmed); the flag FORM.
        trim: Whether to remove blanks at line ends, and blank lines at both ends of a document.
        max_blank_lines: Blank lines in a row that are kept; -1 keeps all.

    Returns:
        uint8 (bytes,) and int64 (documents + 1,), the new texts; bool (documents,), whether a
        character with the flag FORM is left. An empty document stays empty.
    """
    documents = len(starts) - 1
    out = np.empty(starts[documents] - starts[0], np.uint8)
    out_starts = np.zeros(documents + 1, np.int64)
    forms = np.zeros(documents, np.bool_)
    plain = np.zeros(256, np.bool_)  # bytes of ASCII that are kept as they are: most of English
    for byte in range(0x80):
        plain[byte] = actions[byte] == KEEP or actions[byte] == BLANK
    o = 0
    for d in range(documents):
        i, stop = starts[d], starts[d + 1]
        document_start = line_start = o
        line_end = o  # behind the last character of this line that is not blank
        content_end = o  # the same of the document
        blank_lines = 0
        flags = 0
        while i < stop:
            if plain[text_bytes[i]]:
                begin = o
                while i < stop and plain[text_bytes[i]]:
                    out[o] = text_bytes[i]
                    o += 1
                    i += 1
                last = o
                while last > begin and actions[out[last - 1]] == BLANK:
                    last -= 1
                if last > begin:
                    line_end = content_end = last
                continue
            point, width = np.int64(text_bytes[i]), 1
            if point >= 0x80:
                point, width = decode(text_bytes, i, stop)
            entry = actions[point]
            action = entry & ACTION_MASK
            if action == KEEP or action == BLANK:
                for k in range(width):
                    out[o + k] = text_bytes[i + k]
                o += width
                flags |= entry
                if action == KEEP:
                    line_end = content_end = o
            elif action == BREAK:
                if point == _CARRIAGE_RETURN and i + 1 < stop and text_bytes[i + 1] == _LINE_FEED:
                    width = 2
                if line_end > line_start:
                    blank_lines = 0
                    surplus = False
                else:
                    blank_lines += 1
                    surplus = 0 <= max_blank_lines < blank_lines
                    surplus = surplus or (trim and content_end == document_start)
                if surplus:
                    o = line_start
                else:
                    if trim:
                        o = line_end
                    out[o] = _LINE_FEED
                    o += 1
                line_start = line_end = o
            i += width
        if trim:
            o = content_end
        out_starts[d + 1] = o
        forms[d] = flags & FORM != 0
    return out[:o], out_starts, forms


@kernel
def may_be_mojibake(text_bytes, starts, values):
    """Find the documents that hold a character of UTF-8 spelt out in a table of single bytes.

    Or a control character U+0080 to U+009F other than a line end: text of Windows-1252 that was
    read as ISO-8859-1 has them for quotes and dashes.

    Args:
        text_bytes: As above.
        starts: As above.
        values: uint8 (tables, 0x2600). The byte of each character in each table; 0 where none is.

    Returns:
        bool (documents,).
    """
    documents = len(starts) - 1
    tables = len(values)
    found = np.zeros(documents, np.bool_)
    wanted = np.zeros(tables, np.int64)  # bytes that the character begun in a table still needs
    for d in range(documents):
        i, stop = starts[d], starts[d + 1]
        wanted[:] = 0
        begun = False
        while i < stop:
            if text_bytes[i] < 0x80:
                if begun:
                    wanted[:] = 0
                    begun = False
                i += 1
                continue
            point, width = decode(text_bytes, i, stop)
            i += width
            if point >= TABLE_POINTS:
                if begun:
                    wanted[:] = 0
                    begun = False
                continue
            if point < 0xA0 and point != _NEXT_LINE:
                found[d] = True
                break
            begun = False
            for t in range(tables):
                value = values[t, point]
                if wanted[t] and 0x80 <= value < 0xC0:
                    wanted[t] -= 1
                    if wanted[t] == 0:
                        found[d] = True
                elif 0xC2 <= value <= 0xF4:
                    wanted[t] = 1 if value < 0xE0 else 2 if value < 0xF0 else 3
                else:
                    wanted[t] = 0
                begun = begun or wanted[t] > 0
            if found[d]:
                break
    return found
