"""Arrow text columns as NumPy arrays for kernels: nothing is copied that need not be.

A slice of an Arrow array shares its parent's buffers; a chunked column has several. Both are handled
here, once, so that no kernel meets them.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.errors import SchemaMismatch


class TextBuffers(NamedTuple):
    """Texts end to end. Both arrays are read-only, so that kernels are compiled for one type."""

    text_bytes: NDArray[np.uint8]
    """uint8 (bytes,): UTF-8; may hold other bytes before and after these texts."""
    starts: NDArray[np.int64]
    """int64 (texts + 1,): text `n` is `text_bytes[starts[n]:starts[n + 1]]`."""

    def text(self, number: int) -> str:
        """Decode one text (bytes that are not UTF-8 become U+FFFD)."""
        part = self.text_bytes[self.starts[number] : self.starts[number + 1]]
        return part.tobytes().decode("utf-8", errors="replace")


def text_buffers(column: pa.Array | pa.ChunkedArray) -> TextBuffers:
    """View a text column as bytes and starts.

    Args:
        column: string, large_string, binary or large_binary, without nulls. Copied only when it has
            more than one chunk.

    Returns:
        The bytes (a view) and the starts (a view for large_string, converted for string). Both
        keep the column's memory alive.

    Raises:
        SchemaMismatch: The column is not text, holds nulls, or its offsets are not within its data.
    """
    if isinstance(column, pa.ChunkedArray):
        column = one_chunk(column)
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    if not (wide or pa.types.is_string(column.type) or pa.types.is_binary(column.type)):
        raise SchemaMismatch("text column", f"it is {column.type}, not text")
    if column.null_count:
        raise SchemaMismatch("text column", f"{column.null_count} of {len(column)} are null")
    _, offsets, data = column.buffers()
    if not len(column):
        starts = np.zeros(1, np.int64)
    else:
        kind = np.dtype(np.int64 if wide else np.int32)
        count = len(column) + 1
        starts = np.frombuffer(offsets, kind, count, column.offset * kind.itemsize)
    text_bytes = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    if starts[0] < 0 or starts[-1] > len(text_bytes) or (np.diff(starts) < 0).any():
        raise SchemaMismatch("text column", "its offsets do not lie within its data")
    return TextBuffers(_frozen(text_bytes), _frozen(starts.astype(np.int64, copy=False)))


def text_array(buffers: TextBuffers) -> pa.Array:
    """Make a large_string array of texts without copying them."""
    return pa.LargeStringArray.from_buffers(
        len(buffers.starts) - 1, pa.py_buffer(buffers.starts), pa.py_buffer(buffers.text_bytes)
    )


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """View a column of one chunk; join several (strings then count in 64 bits).

    `ChunkedArray.combine_chunks` and `to_numpy` copy all of it even if it is one chunk.
    """
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_string(column.type):  # chunks together may pass the 2 GiB of 32-bit offsets
        column = column.cast(pa.large_string())
    elif pa.types.is_binary(column.type):
        column = column.cast(pa.large_binary())
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _frozen(values: NDArray) -> NDArray:  # type: ignore[type-arg]
    values = values.view()
    values.flags.writeable = False
    return values
