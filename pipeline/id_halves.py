"""Ids as numbers: 32 hex digits are two 64-bit halves, ordered as the ids are."""

import binascii
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Halves = tuple[NDArray[np.uint64], NDArray[np.uint64]]
"""The first 16 digits of each id, and the last 16."""

_NO_CAPITALS = np.uint64(0x2020202020202020)


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
    # Of hex digits, capital letters alone lack this bit.
    small = np.bitwise_and.reduce(digits.view(np.uint64)) & _NO_CAPITALS == _NO_CAPITALS
    try:
        numbers = np.frombuffer(binascii.unhexlify(digits.data), ">u8").reshape(len(ids), 2)
    except binascii.Error:
        small = np.False_
    assert small, "ids are lower-case hex"  # noqa: S101
    return numbers[:, 0].astype(np.uint64), numbers[:, 1].astype(np.uint64)


def ascending(keys: Sequence[NDArray[np.uint64]]) -> NDArray[np.int64]:
    """Give the order that sorts rows by several keys, such as ids by their halves.

    Args:
        keys: uint64 (rows,) each, the first one first. What stands where among equal rows is left
            open.
    """
    order = np.argsort(keys[0])
    first = keys[0][order]
    if (first[1:] == first[:-1]).any():  # hardly ever: sorting by all takes six times as long
        return np.lexsort(tuple(reversed(keys)))
    return order


def sorted_halves(ids: Halves) -> tuple[NDArray[np.int64], Halves]:
    """Sort ids, for `find_halves`: their order (see `ascending`), and the ids in it."""
    order = ascending(ids)
    return order, (ids[0][order], ids[1][order])


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
    # Neighbours are looked up after another: in millions of ids that is five times faster.
    order = np.argsort(high)
    place = np.empty(len(high), np.int64)
    place[order] = np.searchsorted(ordered[0], high[order])
    while True:  # one round, unless two ids share their first 64 bits
        inside = place < len(ordered[0])
        inside[inside] = ordered[0][place[inside]] == high[inside]
        if not inside.any():
            return found
        hit = inside.copy()
        hit[inside] = ordered[1][place[inside]] == low[inside]
        found[hit] = place[hit]
        place[inside] += 1
