"""Files in tar and zip archives, one after another, none of them written to disk under its name.

A member that would lie outside the archive, is locked or broken costs itself alone and says so. Links
and devices hold no bytes and are passed over. Sizes are guarded twice: by what all of an archive
unpacks to, and by what each member does.
"""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Final, NamedTuple, Self

from data_contracts.reasons import Reason
from pipeline.ingest.decompress import BrokenStream
from pipeline.ingest.recipe import IngestRecipe
from pipeline.ingest.streams import Readable

_ENCRYPTED: Final = 1
_PIECE_BYTES: Final = 64 * 1024


class Member(NamedTuple):
    """A file of an archive."""

    path: str
    """Its name in the archive, printable."""
    file: Readable | None
    """Its bytes as they lie there; None: they must not be read."""
    fault: Reason | None
    """Why not."""


class _Bytes:
    """A member's bytes; what the archive's library raises becomes a broken stream."""

    def __init__(self, file: IO[bytes], packed_bytes: int, recipe: IngestRecipe) -> None:
        self._file, self._recipe = file, recipe
        self._packed, self._unpacked = packed_bytes, 0

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes; fewer only at the end."""
        held: list[bytes] = []
        left = count
        while left:
            try:
                data = self._file.read(min(left, _PIECE_BYTES))
            except (
                OSError,
                EOFError,
                ValueError,
                zlib.error,
                zipfile.BadZipFile,
                tarfile.TarError,
            ):
                raise BrokenStream(Reason.BAD_COMPRESSION) from None
            except NotImplementedError:  # a compression that zipfile does not know
                raise BrokenStream(Reason.BAD_FORMAT) from None
            if not data:
                break
            held.append(data)
            left -= len(data)
        self._unpacked += count - left
        ratio, limits = self._unpacked / max(self._packed, 1), self._recipe
        if self._unpacked > limits.max_file_bytes:
            raise BrokenStream(Reason.DECOMPRESSION_BOMB, self._unpacked, limits.max_file_bytes)
        if self._unpacked > limits.max_record_bytes and ratio > limits.max_expansion_ratio:
            raise BrokenStream(Reason.DECOMPRESSION_BOMB, ratio, limits.max_expansion_ratio)
        return b"".join(held)


def zip_members(file: BinaryIO, recipe: IngestRecipe) -> Iterator[Member]:
    """Yield the files of a zip archive in the order of its directory; each is read before the next.

    Args:
        file: Can be sought.
        recipe: Limits on number, size and expansion.

    Raises:
        BrokenStream: BAD_FORMAT: it has no directory that can be read. TOO_MANY_FILES.
    """
    try:
        archive = zipfile.ZipFile(file)
        listed = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError):
        raise BrokenStream(Reason.BAD_FORMAT) from None
    with archive:
        packed = 0
        for number, info in enumerate(listed):
            if number >= recipe.max_archive_files:
                raise BrokenStream(Reason.TOO_MANY_FILES, len(listed), recipe.max_archive_files)
            if info.is_dir():
                continue
            path = _printable(info.filename)
            if _is_unsafe(info.filename):
                yield Member(path, None, Reason.UNSAFE_PATH)
                continue
            if info.flag_bits & _ENCRYPTED:
                yield Member(path, None, Reason.ENCRYPTED)
                continue
            packed += info.compress_size
            if packed > 2 * _size_of(file):  # members that share their bytes multiply them
                yield Member(path, None, Reason.DECOMPRESSION_BOMB)
                continue
            try:
                opened = archive.open(info)
            except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError):
                yield Member(path, None, Reason.BAD_FORMAT)
                continue
            with opened:
                yield Member(path, _Bytes(opened, info.compress_size, recipe), None)


class _Header(tarfile.TarInfo):
    """A header of a tar archive: `tarfile` takes one that is broken for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header.

        Raises:
            BrokenStream: BAD_FORMAT: there is none, or a broken one.
            tarfile.HeaderError: It marks the end.
        """
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise
            raise BrokenStream(Reason.BAD_FORMAT) from None


def tar_members(file: BinaryIO, recipe: IngestRecipe) -> Iterator[Member]:
    """Yield the regular files of a tar archive in order; each is read before the next.

    Args:
        file: The unpacked archive, read in order only.
        recipe: The limit on their number.

    Raises:
        BrokenStream: BAD_FORMAT after the files that could be read: it is damaged or breaks off.
            TOO_MANY_FILES.
    """
    number = 0
    try:
        with tarfile.open(fileobj=file, mode="r|", tarinfo=_Header) as archive:
            for info in archive:
                archive.members = []  # type: ignore[attr-defined] # or the list of all headers stays in memory
                if not info.isreg():
                    continue
                if number >= recipe.max_archive_files:
                    raise BrokenStream(Reason.TOO_MANY_FILES, number + 1, recipe.max_archive_files)
                number += 1
                path = _printable(info.name)
                if _is_unsafe(info.name):
                    yield Member(path, None, Reason.UNSAFE_PATH)
                    continue
                opened = archive.extractfile(info)
                assert opened is not None, "it is a regular file"  # noqa: S101
                yield Member(path, _Bytes(opened, info.size, recipe), None)
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, RecursionError):
        raise BrokenStream(Reason.BAD_FORMAT) from None


def _is_unsafe(name: str) -> bool:
    """Tell a path that leads out of the archive; nothing is written there, but it names records."""
    path = name.replace("\\", "/")
    has_drive = len(path) > 1 and path[1] == ":"
    return path.startswith("/") or has_drive or ".." in PurePosixPath(path).parts


def _printable(name: str) -> str:
    """Make a name valid UTF-8 without control characters."""
    text = name.encode("utf-8", "replace").decode()
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def _size_of(file: BinaryIO) -> int:
    at = file.tell()
    size = file.seek(0, 2)
    file.seek(at)
    return size
