"""Decompression of one stream: gzip, bzip2, xz, lz4 and zstd, with what comes before a fault given.

What libraries offer for this stops silently where a stream is cut short, or throws away what it had
unpacked before the fault. Here what comes before a fault is given, then the fault is raised: each
byte of gzip and zstd, all but the last few KiB of the others.
"""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import pyarrow as pa
import zstandard

from data_contracts.reasons import Reason
from pipeline.ingest.formats import Compression

UNPACKED_BYTES: Final = 1024 * 1024
"""Most that one step unpacks: a bomb is noticed after this much."""
_PACKED_BYTES: Final = 64 * 1024
_STEP_BYTES: Final = 4 * 1024
"""What is fed to bzip2 and xz at once: these two give nothing of a step that ends in a fault."""
_XZ_MEMORY_BYTES: Final = 256 * 1024 * 1024
"""Memory that an xz stream may ask for; `xz -9` makes streams that ask for 65 MiB (man xz)."""

_ZSTD_MAGIC: Final = 0xFD2FB528
_ZSTD_SKIPPABLE: Final = 0x184D2A50  # to …5F
_ZSTD_MAX_WINDOW: Final = 1 << 31
"""Largest window of `zstd --long=31`, which published dumps use."""

Read = Callable[[int], bytes]
"""Reads up to so many bytes; fewer only at the end."""


class BrokenStream(Exception):
    """The rest of a file cannot be unpacked; never leaves ingest, it becomes a ledger row."""

    def __init__(
        self, reason: Reason, value: float | None = None, threshold: float | None = None
    ) -> None:
        """Say why, with the measured value and its limit where there are any."""
        self.reason, self.value, self.threshold = reason, value, threshold
        super().__init__(f"{reason}: {value} (limit {threshold})")


def decompress(compression: Compression, read: Read) -> Iterator[bytes]:
    """Unpack a stream whose compression is known; members and frames in a row make one.

    Args:
        compression: Not "none".
        read: Gives the packed bytes.

    Yields:
        Pieces of at most 2 MiB.

    Raises:
        BrokenStream: BAD_COMPRESSION, after everything that could be unpacked.
    """
    return _METHODS[compression](read)


def _gunzip(read: Read) -> Iterator[bytes]:
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
                piece = member.decompress(data, UNPACKED_BYTES)
            except zlib.error:
                yield from _up_to_the_fault(before, data)
                raise BrokenStream(Reason.BAD_COMPRESSION) from None
            if piece:
                yield piece
            data = member.unused_data if member.eof else member.unconsumed_tail
    while not member.eof and (piece := member.decompress(b"", UNPACKED_BYTES)):
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


def _unzstd(read: Read) -> Iterator[bytes]:
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


def _zstd_frame(read: Read, magic: bytes) -> Iterator[bytes]:
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
            if waiting >= UNPACKED_BYTES:
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


def _exactly(read: Read, count: int) -> bytes:
    data = read(count)
    if len(data) != count:
        raise BrokenStream(Reason.BAD_COMPRESSION)
    return data


def _skip(read: Read, count: int) -> None:
    while count:
        count -= len(_exactly(read, min(count, UNPACKED_BYTES)))


class _Decompressor(Protocol):
    """What `bz2` and `lzma` have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _unbzip2(read: Read) -> Iterator[bytes]:
    return _members(read, bz2.BZ2Decompressor)


def _unxz(read: Read) -> Iterator[bytes]:
    return _members(read, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES))


def _members(read: Read, start: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Unpack streams one after the other; zero padding between them is allowed (xz, 2.2)."""
    member = start()
    is_begun = False
    while data := read(_STEP_BYTES):
        while data or not (member.needs_input or member.eof):
            if member.eof:
                member, is_begun = start(), False
            if not is_begun:
                data = data.lstrip(b"\0")
                if not data:
                    break
            is_begun = True
            try:
                piece = member.decompress(data, UNPACKED_BYTES)
            except lzma.LZMAError as error:
                too_much = "memory" in str(error).lower()
                reason = Reason.DECOMPRESSION_BOMB if too_much else Reason.BAD_COMPRESSION
                raise BrokenStream(reason) from None
            except (OSError, EOFError, ValueError):
                raise BrokenStream(Reason.BAD_COMPRESSION) from None
            if piece:
                yield piece
            data = member.unused_data if member.eof else b""
    if is_begun and not member.eof:
        raise BrokenStream(Reason.BAD_COMPRESSION)


class _Packed(io.RawIOBase):
    """Packed bytes as the file that Arrow reads from."""

    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, count: int = -1) -> bytes:
        """Read up to `count` bytes; fewer only at the end."""
        return self._read(count if count >= 0 else _PACKED_BYTES)


def _unlz4(read: Read) -> Iterator[bytes]:
    """Unpack lz4 frames (its frame format, 1.6), in small steps: a step with a fault gives nothing."""
    stream = pa.CompressedInputStream(pa.PythonFile(_Packed(read), "r"), "lz4")
    while True:
        try:
            piece = stream.read(_PACKED_BYTES)
        except OSError:
            raise BrokenStream(Reason.BAD_COMPRESSION) from None
        if not piece:
            return
        yield piece


_METHODS: Final[dict[Compression, Callable[[Read], Iterator[bytes]]]] = {
    "gzip": _gunzip,
    "zstd": _unzstd,
    "bzip2": _unbzip2,
    "xz": _unxz,
    "lz4": _unlz4,
}
