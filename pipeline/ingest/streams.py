"""A file's bytes, unpacked piece by piece and guarded against bombs."""

import io
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from data_contracts.reasons import Reason
from pipeline.ingest.decompress import UNPACKED_BYTES, BrokenStream, decompress
from pipeline.ingest.formats import SNIFFED_BYTES, Compression, compression_of
from pipeline.ingest.recipe import IngestRecipe

_PACKED_BYTES: Final = 64 * 1024


class Readable(Protocol):
    """What is read from: an open file."""

    def read(self, count: int, /) -> bytes:
        """Read up to `count` bytes; fewer only at the end."""
        ...


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


def unpack(
    file: Readable, recipe: IngestRecipe, compression: Compression | None = None
) -> Iterator[bytes]:
    """Yield a file's unpacked bytes in pieces of at most 2 MiB.

    Several members or frames make one stream.

    Args:
        file: Opened at its start.
        recipe: Limits on size and expansion.
        compression: How it is packed; None: its content tells.

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
    compression = compression or compression_of(head)
    pieces = _plain(source.read) if compression == "none" else decompress(compression, source.read)
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
    while piece := read(UNPACKED_BYTES):
        yield piece


def unpacked_head(file: Readable) -> bytes:
    """Unpack a file's first `SNIFFED_BYTES`; broken streams give what they give.

    Args:
        file: Opened at its start; no more of it is read than is needed.
    """
    head = file.read(_PACKED_BYTES)
    compression = compression_of(head)
    held = b"" if compression != "none" else head
    try:
        if compression != "none":
            for piece in decompress(compression, _PushedBack(head, file.read).read):
                held += piece
                if len(held) >= SNIFFED_BYTES:
                    break
    except BrokenStream:
        pass
    return held[:SNIFFED_BYTES]


def sniff(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Look at the first `SNIFFED_BYTES` of a stream, and give all of it again.

    Returns:
        (first bytes, the whole stream): a fault among the first bytes is raised by the latter.
    """
    held: list[bytes] = []
    fault: BrokenStream | None = None
    try:
        while sum(map(len, held)) < SNIFFED_BYTES:
            held.append(next(pieces))
    except StopIteration:
        pass
    except BrokenStream as error:
        fault = error

    def whole() -> Iterator[bytes]:
        yield from held
        if fault is not None:
            raise fault
        yield from pieces

    return b"".join(held)[:SNIFFED_BYTES], whole()


class Peeked:
    """A file whose first bytes can be read twice."""

    def __init__(self, file: Readable) -> None:
        """Read from this file, and remember."""
        self._file = file
        self._held: list[bytes] = []

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes; fewer only at the end."""
        data = self._file.read(count)
        self._held.append(data)
        return data

    def from_start(self) -> Readable:
        """Give the file as if it had not been read; this one must not be read any more."""
        return _PushedBack(b"".join(self._held), self._file.read)
