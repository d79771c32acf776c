"""Normalised text: the form in which a record is measured, compared and kept.

Normalising twice equals normalising once. Only documents that hold a character which Unicode
normalisation can change pay for it; the rest is one pass over bytes.
"""

import unicodedata
from functools import lru_cache
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.buffers import TextBuffers, text_array, text_buffers
from pipeline.clean.normalise import kernels
from pipeline.clean.recipe import Normalise
from pipeline.text.unicode_tables import CODE_POINTS, LAST_ASSIGNED, SPACE, unicode_tables

INVISIBLE = "\u00ad\u200b\u2060\ufeff"
"""Soft hyphen, zero-width space, word joiner, byte order mark."""
LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""What `str.splitlines` takes for a line end."""


def normalise(texts: pa.Array | pa.ChunkedArray, options: Normalise) -> pa.Array:
    """Normalise every text.

    Invisible and control characters go first, since one between a letter and its accent keeps the
    two apart; then the Unicode form; then blanks and lines.

    Args:
        texts: A text column without nulls.
        options: What to do.

    Returns:
        large_string array of as many texts.

    Raises:
        SchemaMismatch: As `text_buffers`.
    """
    actions = _actions(options)
    rewritten, forms = _rewrite(text_buffers(texts), actions, options)
    result = text_array(rewritten)
    if options.unicode_form is None or not forms.any():
        return result
    number = np.flatnonzero(forms)
    before = result.take(pa.array(number)).to_pylist()
    after = [unicodedata.normalize(options.unicode_form, text) for text in before]
    changed = np.array([a != b for a, b in zip(after, before, strict=True)])
    if not changed.any():
        return result
    renewed = pa.array([a for a, new in zip(after, changed, strict=True) if new], pa.large_string())
    again, _ = _rewrite(
        text_buffers(renewed), actions, options
    )  # NFKC makes blanks of other things
    mask = np.zeros(len(result), bool)
    mask[number[changed]] = True
    return pc.replace_with_mask(result, pa.array(mask), text_array(again))


def _rewrite(
    texts: TextBuffers, actions: NDArray[np.uint8], options: Normalise
) -> tuple[TextBuffers, NDArray[np.bool_]]:
    most = -1 if options.max_blank_lines is None else options.max_blank_lines
    text_bytes, starts, forms = kernels.rewrite(*texts, actions, options.trailing_blanks, most)
    return TextBuffers(text_bytes, starts), forms


@lru_cache(maxsize=8)
def _actions(options: Normalise) -> NDArray[np.uint8]:
    """Decide for each code point what to do with it."""
    actions = np.full(CODE_POINTS, kernels.KEEP, np.uint8)
    actions[(unicode_tables().classes & 0x0F) == SPACE] = kernels.BLANK
    if options.control_characters:
        controls = [point for point in range(0xA0) if unicodedata.category(chr(point)) == "Cc"]
        actions[[point for point in controls if chr(point) not in "\t\n\r"]] = kernels.DROP
    if options.line_ends:
        actions[[ord(one) for one in LINE_ENDS]] = kernels.BREAK
    actions[ord("\n")] = kernels.BREAK
    if options.invisible_characters:
        actions[[ord(one) for one in INVISIBLE]] = kernels.DROP
    if options.unicode_form is not None:
        actions[_unstable(options.unicode_form)] |= kernels.FORM
    actions.flags.writeable = False
    return actions


@lru_cache(maxsize=2)
def _unstable(form: Literal["NFC", "NFKC"]) -> NDArray[np.int64]:
    """List the code points that can change under a normalisation form.

    Those that change by themselves, those that have a combining class (they may be out of order),
    and those that may join the character before them: a superset of the ones whose quick check
    property (UAX #15) is not "yes".
    """
    found = set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))  # Hangul vowels and finals
    for point in range(0x80, LAST_ASSIGNED):
        character = chr(point)
        if unicodedata.combining(character):
            found.add(point)
        parts = unicodedata.decomposition(character)
        if not parts:
            continue
        if not parts.startswith("<"):
            found.update(int(part, 16) for part in parts.split()[1:])
        if unicodedata.normalize(form, character) != character:
            found.add(point)
    return np.array(sorted(found), np.int64)
