"""Text that was decoded by the wrong table, decoded by the right one.

UTF-8 read as Windows-1252 turns `é` into `Ã©`. ftfy (Speer 2019, 10.5281/zenodo.2591652) knows the
tables that this happens with and when a text is bad enough to be touched; only texts that hold a
whole character of UTF-8 spelt in one of these tables are given to it.
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ftfy import TextFixerConfig, fix_encoding
from numpy.typing import NDArray

from pipeline.buffers import text_buffers
from pipeline.clean.normalise import kernels

TABLES: Final = ("cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "mac_roman", "cp437")
"""Encodings that UTF-8 is mistaken for: ftfy's, with ISO-8859-1 in the first."""

_CONFIG: Final = TextFixerConfig(replace_lossy_sequences=False, explain=False)
"""Characters that are lost stay lost: no question mark becomes a replacement character."""


class Repaired(NamedTuple):
    """Texts after repair."""

    texts: pa.Array
    """large_string, or the column given when nothing was repaired."""
    changed: NDArray[np.bool_]
    """bool (texts,): whether it was repaired."""


def repair(texts: pa.Array | pa.ChunkedArray) -> Repaired:
    """Repair the texts that were decoded by the wrong table.

    Args:
        texts: Raw texts without nulls: control characters are part of what is wrong.

    Returns:
        As many texts.

    Raises:
        SchemaMismatch: As `text_buffers`.
    """
    buffers = text_buffers(texts)
    changed = np.zeros(len(buffers.starts) - 1, bool)
    renewed = []
    for number in np.flatnonzero(kernels.may_be_mojibake(*buffers, _bytes_of_points())).tolist():
        before = buffers.text(number)
        after = fix_encoding(before, _CONFIG)
        if after != before:
            renewed.append(after)
            changed[number] = True
    if not renewed:
        return Repaired(texts, changed)
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    news = pa.array(renewed, pa.large_string())
    return Repaired(
        pc.replace_with_mask(column.cast(pa.large_string()), pa.array(changed), news), changed
    )


@cache
def _bytes_of_points() -> NDArray[np.uint8]:
    """Give the byte that stands for a character in each table.

    Returns:
        uint8 (len(TABLES), 0x2600): 0 where there is none. Bytes that Windows-1252 leaves open are
        the control characters of ISO-8859-1, as browsers read them.
    """
    values = np.zeros((len(TABLES), kernels.TABLE_POINTS), np.uint8)
    values[0, 0x80:0x100] = np.arange(0x80, 0x100)
    for row, name in enumerate(TABLES):
        for byte in range(0x80, 0x100):
            character = bytes([byte]).decode(name, "ignore")
            if character and ord(character) < kernels.TABLE_POINTS:
                values[row, ord(character)] = byte
    values.flags.writeable = False
    return values
