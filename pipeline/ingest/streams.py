"""A file's bytes, unpacked piece by piece: gzip and zstd, guarded against bombs and broken streams.

What libraries offer for this stops silently where a stream is cut short, or throws away what it had
unpacked before the fault. Here each byte before a fault is given, then the fault is raised.
"""

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import zstandard

from data_contracts.reasons import Reason
from pipeline.ingest.formats import compression_of
from pipeline.ingest.recipe import IngestRecipe

_PACKED_BYTES: Final = 64 * 1024
_UNPACKED_BYTES: Final = 1024 * 1024
"""Most that one step unpacks: a bomb is noticed after this much."""

_ZSTD_MAGIC: Final = 0xFD2FB528
_ZSTD_SKIPPABLE: Final = 0x184D2A50  # to …5F
_ZSTD_MAX_WINDOW: Final = 1 << 31
"""Largest window of `zstd --long=31`, which published dumps use."""


class Readable(Protocol):
    """What is read from: an open file."""

    def read(self, count: int, /) -> bytes:
        """Read up to `count` bytes; fewer only at the end."""
        ...


class BrokenStream(Exception):
    """The rest of a file cannot be unpacked; never leaves ingest, it becomes a ledger row."""

    def __init__(
        self, reason: Reason, value: float | None = None, threshold: float | None = None
    ) -> None:
        """Say why, with the measured value and its limit where there are any."""
        self.reason, self.value, self.threshold = reason, value, threshold
        super().__init__(f"{reason}: {value} (limit {threshold})")


class Unpacked(io.RawIOBase):
    """A file's unpacked bytes as a stream. After a fault it ends early and remembers why."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Read from `unpack`."""
        super().__init__()
        self._pieces = pieces
        self._rest = memoryview(b"")
        self.fault: BrokenStream | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, target: Any) -> int:
        """Fill a buffer, as `io.RawIOBase.readinto`; 0 at the end or at the fault."""
        while not self._rest:
            try:
                self._rest = memoryview(next(self._pieces))
            except StopIteration:
                return 0
            except BrokenStream as fault:
                self.fault = fault
                return 0
        view = memoryview(target)
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def unpack(file: Readable, recipe: IngestRecipe) -> Iterator[bytes]:
    """Yield a file's unpacked bytes in pieces of at most 2 MiB.

    Compression is known by content; several gzip members or zstd frames make one stream.

    Args:
        file: Opened at its start.
        recipe: Limits on size and expansion.

    Raises:
        BrokenStream: After everything that could be unpacked: BAD_COMPRESSION (truncated, damaged
            or followed by something else) or DECOMPRESSION_BOMB.
    """
    packed = 0

    def read(count: int) -> bytes:
        nonlocal packed
        data = file.read(count)
        packed += len(data)
        return data

    head = read(_PACKED_BYTES)
    source = _PushedBack(head, read)
    compression = compression_of(head)
    if compression == "none":
        pieces = _plain(source.read)
    else:
        pieces = _gunzip(source.read) if compression == "gzip" else _unzstd(source.read)
    unpacked = 0
    for piece in pieces:
        unpacked += len(piece)
        _refuse_bomb(unpacked, packed, recipe, is_packed=compression != "none")
        yield piece


def _refuse_bomb(unpacked: int, packed: int, recipe: IngestRecipe, *, is_packed: bool) -> None:
    if unpacked > recipe.max_file_bytes:
        raise BrokenStream(Reason.DECOMPRESSION_BOMB, unpacked, recipe.max_file_bytes)
    ratio = unpacked / max(packed, 1)
    # What unpacks to no more than a record may hold does no harm at any ratio.
    if is_packed and unpacked > recipe.max_record_bytes and ratio > recipe.max_expansion_ratio:
        raise BrokenStream(Reason.DECOMPRESSION_BOMB, ratio, recipe.max_expansion_ratio)


class _PushedBack:
    """A reader whose first bytes were looked at and are given again."""

    def __init__(self, head: bytes, read: Callable[[int], bytes]) -> None:
        self._head, self._read = head, read

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes; fewer only at the end."""
        if not self._head:
            return self._read(count)
        given, self._head = self._head[:count], self._head[count:]
        return given if len(given) == count else given + self._read(count - len(given))


def _plain(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while piece := read(_UNPACKED_BYTES):
        yield piece


def _gunzip(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Unpack gzip members one after the other (RFC 1952); zero padding at the end is allowed."""
    member = zlib.decompressobj(wbits=31)
    while data := read(_PACKED_BYTES):
        while data:
            if member.eof:
                data = data.lstrip(b"\0")
                if not data:
                    break
                member = zlib.decompressobj(wbits=31)
            before = member.copy()
            try:
                piece = member.decompress(data, _UNPACKED_BYTES)
            except zlib.error:
                yield from _up_to_the_fault(before, data)
                raise BrokenStream(Reason.BAD_COMPRESSION) from None
            if piece:
                yield piece
            data = member.unused_data if member.eof else member.unconsumed_tail
    while not member.eof and (piece := member.decompress(b"", _UNPACKED_BYTES)):
        yield piece
    if not member.eof:
        raise BrokenStream(Reason.BAD_COMPRESSION)


def _up_to_the_fault(member: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Unpack byte by byte: zlib gives nothing of a call that ends in a fault."""
    pieces: list[bytes] = []
    try:
        pieces.extend(member.decompress(data[at : at + 1]) for at in range(len(data)))
    except zlib.error:
        yield b"".join(pieces)


def _unzstd(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Unpack zstd frames one after the other, block by block (RFC 8878, section 3).

    A block unpacks to at most 128 KiB, so feeding blocks bounds what a step can unpack, and a
    stream that ends inside a frame is noticed.
    """
    while head := read(4):
        magic = int.from_bytes(head, "little")
        if len(head) == 4 and magic & 0xFFFFFFF0 == _ZSTD_SKIPPABLE:
            _skip(read, int.from_bytes(_exactly(read, 4), "little"))
        elif len(head) == 4 and magic == _ZSTD_MAGIC:
            yield from _zstd_frame(read, head)
        else:
            raise BrokenStream(Reason.BAD_COMPRESSION)


def _zstd_frame(read: Callable[[int], bytes], magic: bytes) -> Iterator[bytes]:
    descriptor = _exactly(read, 1)
    flags = descriptor[0]
    single_segment, has_checksum = flags >> 5 & 1, flags >> 2 & 1
    content_size_bytes = (single_segment, 2, 4, 8)[flags >> 6]
    dictionary_bytes = (0, 1, 2, 4)[flags & 3]
    rest = _exactly(read, 1 - single_segment + dictionary_bytes + content_size_bytes)
    frame = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW).decompressobj()
    pieces, waiting = [_step(frame.decompress, magic + descriptor + rest)], 0
    is_last = False
    try:
        while not is_last:
            header = _exactly(read, 3)
            fields = int.from_bytes(header, "little")
            is_last, kind, size = bool(fields & 1), fields >> 1 & 3, fields >> 3
            body = _exactly(read, 1 if kind == 1 else size)  # kind 1: one byte, repeated
            pieces.append(_step(frame.decompress, header + body))
            waiting += len(pieces[-1])
            if waiting >= _UNPACKED_BYTES:
                yield b"".join(pieces)
                pieces, waiting = [], 0
        if has_checksum:
            pieces.append(_step(frame.decompress, _exactly(read, 4)))
    except BrokenStream:
        yield b"".join(pieces)
        raise
    yield b"".join(pieces)


def _step(decompress: Callable[[bytes], bytes], data: bytes) -> bytes:
    try:
        return decompress(data)
    except zstandard.ZstdError as error:
        raise BrokenStream(Reason.BAD_COMPRESSION) from error


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    data = read(count)
    if len(data) != count:
        raise BrokenStream(Reason.BAD_COMPRESSION)
    return data


def _skip(read: Callable[[int], bytes], count: int) -> None:
    while count:
        count -= len(_exactly(read, min(count, _UNPACKED_BYTES)))
