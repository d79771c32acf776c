"""Scalars as TensorBoard reads them, without TensorBoard: an event file of a few dozen bytes a step.

A file is TFRecords (length, its checksum, data, its checksum; checksums are CRC-32C, masked), each an
`Event` of tensorflow/core/util/event.proto in protocol-buffer encoding.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_POLYNOMIAL: Final = 0x82F63B78
_MASK_DELTA: Final = 0xA282EAD8
_BITS: Final = 0xFFFFFFFF
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)  # noqa: PLW2901 (as CRCs are)
        rows.append(value)
    return tuple(rows)


_TABLE: Final = _table()


class EventFile:
    """Appends scalars to an event file."""

    def __init__(self, path: Path) -> None:
        """Go on with a file, or start one.

        Args:
            path: Its name must hold `tfevents`, or TensorBoard does not look.
        """
        self._path = path
        if not path.exists():
            self._append(_field(3, _BYTES, b"brain.Event:2"), 0.0)

    def add(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Append the values of a step, on disk at once.

        Args:
            step: Its number.
            seconds: When, since 1970.
            values: By name; `/` in a name groups curves.
        """
        summary = b"".join(
            _field(1, _BYTES, _field(1, _BYTES, name.encode()) + _field(2, _FIXED32, value))
            for name, value in values.items()
        )
        self._append(_field(2, _VARINT, step) + _field(5, _BYTES, summary), seconds)

    def _append(self, event: bytes, seconds: float) -> None:
        data = _field(1, _FIXED64, seconds) + event
        length = struct.pack("<Q", len(data))
        with self._path.open("ab") as file:
            file.write(length + _checksum(length) + data + _checksum(data))


def checksum(data: bytes) -> int:
    """CRC-32C (Castagnoli), as of RFC 3720."""
    found = _BITS
    for byte in data:
        found = (found >> 8) ^ _TABLE[(found ^ byte) & 0xFF]
    return found ^ _BITS


def _checksum(data: bytes) -> bytes:
    found = checksum(data)
    return struct.pack("<I", (((found >> 15) | (found << 17)) + _MASK_DELTA) & _BITS)


def _field(number: int, kind: int, value: float | bytes) -> bytes:
    head = _varint(number << 3 | kind)
    if isinstance(value, bytes):
        return head + _varint(len(value)) + value
    if kind == _VARINT:
        return head + _varint(int(value))
    return head + struct.pack("<d" if kind == _FIXED64 else "<f", value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
