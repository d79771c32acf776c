"""Ids as numbers: 32 hex digits are two 64-bit halves, ordered as the ids are."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Halves = tuple[NDArray[np.uint64], NDArray[np.uint64]]
"""The first 16 digits of each id, and the last 16."""

_NOT_HEX = 255
_HEX_VALUE = np.full(256, _NOT_HEX, np.uint8)
_HEX_VALUE[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


def id_halves(ids: pa.Array | pa.ChunkedArray) -> Halves:
    """Read ids as two numbers each, ordered as the ids are.

    Args:
        ids: 32 lower-case hex digits each, no nulls; a slice is fine.

    Returns:
        Two uint64 (ids,).
    """
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    if not len(ids):
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    offsets = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + len(ids) + 1]
    assert (np.diff(offsets) == 32).all(), "ids have 32 digits"  # noqa: S101
    digits = np.frombuffer(ids.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    values = _HEX_VALUE[digits].reshape(len(ids), 32)
    assert (values != _NOT_HEX).all(), "ids are lower-case hex"  # noqa: S101
    packed = np.ascontiguousarray((values[:, 0::2] << 4) | values[:, 1::2]).view(">u8")
    return packed[:, 0].astype(np.uint64), packed[:, 1].astype(np.uint64)


def id_strings(ids: Halves) -> pa.Array:
    """Write ids as 32 lower-case hex digits each: the way back from `id_halves`."""
    digits = np.stack(ids, axis=1).astype(">u8").tobytes().hex().encode()
    starts = np.arange(0, 32 * len(ids[0]) + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(ids[0]), pa.py_buffer(starts), pa.py_buffer(digits))


def find_halves(ordered: Halves, wanted: Halves) -> NDArray[np.int64]:
    """Look ids up among others.

    Args:
        ordered: Ids in ascending order.
        wanted: Ids to find.

    Returns:
        int64 (ids wanted,): index into `ordered`, -1 where an id is not there.
    """
    high, low = wanted
    found = np.full(len(high), -1, np.int64)
    place = np.searchsorted(ordered[0], high)
    while True:  # one round, unless two ids share their first 64 bits
        inside = place < len(ordered[0])
        inside[inside] = ordered[0][place[inside]] == high[inside]
        if not inside.any():
            return found
        hit = inside.copy()
        hit[inside] = ordered[1][place[inside]] == low[inside]
        found[hit] = place[hit]
        place[inside] += 1
