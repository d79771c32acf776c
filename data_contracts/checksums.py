"""Checksums of files: a run that meets a file again and again reads it once.

What a refresh links is compared with what was promised of it, names what is made of it, and is sealed
under its new name: the same bytes each time. For some minutes a file that is still the same one, of
the same size and not written to since, has the checksum that was just found.
"""

import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import xxhash

REMEMBERED_SECONDS: Final = 300.0
"""A file is read again after this long: what a disk does to files leaves their times as they are."""
_RACY_NANOSECONDS: Final = 2_000_000_000
"""A file written to so short a time ago may be written to again within one tick of its clock."""
_ROOM: Final = 1 << 16
"""Files remembered at most."""


class _Seen(NamedTuple):
    """A checksum, what the file was like, and when."""

    size: int
    written: int
    """Nanoseconds since 1970."""
    at: float
    """Monotonic seconds."""
    checksum: str


_seen: dict[tuple[int, int], _Seen] = {}
"""By device and inode: all names of a linked file are one file."""
_lock = threading.Lock()


def checksum(path: Path) -> str:
    """Hash a file's bytes through a memory map (XXH3, 128 bits: 32 hex digits).

    It finds what disks and copies do to files, at memory speed; it is no defence against people.

    Raises:
        OSError: The file cannot be read.
    """
    found, began, now = path.stat(), time.monotonic(), time.time_ns()
    name, like = (found.st_dev, found.st_ino), (found.st_size, found.st_mtime_ns)
    seen = _seen.get(name)
    if seen is not None and seen[:2] == like and began - seen.at < REMEMBERED_SECONDS:
        return seen.checksum
    digest = xxhash.xxh3_128()
    if found.st_size:  # an empty file cannot be mapped
        with pa.memory_map(str(path)) as source:
            digest.update(source.read_buffer())
    hashed = digest.hexdigest()
    with _lock:
        if len(_seen) >= _ROOM:
            _seen.clear()
        if abs(now - found.st_mtime_ns) > _RACY_NANOSECONDS:
            _seen[name] = _Seen(*like, began, hashed)
        else:
            _seen.pop(name, None)
    return hashed
