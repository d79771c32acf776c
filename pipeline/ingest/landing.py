"""What a source holds right now: its files, in one fixed order, each with the hash of its content.

A run asks this first, to see whether there is anything to do. Hashes are remembered in a small memo
file, so that an unchanged corpus is listed but not read again.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import xxhash
from pydantic import Field

from data_contracts.errors import SourceMissing
from data_contracts.fingerprint import fingerprint, sha256_of_file
from data_contracts.frozen import Frozen
from data_contracts.own_parts import part_identity
from pipeline.ingest.formats import belongs, format_by_name, is_container_name
from pipeline.ingest.hub import dataset_mark, is_dataset, parse_dataset
from pipeline.ingest.listing import Listed, is_url, list_local
from pipeline.ingest.recipe import Source
from pipeline.ingest.remote import list_remote, open_remote, remote_mark
from pipeline.ingest.streams import unpacked_head
from pipeline.partition_pool import map_in_order

_RACY_NANOSECONDS = 2_000_000_000
"""A file changed this shortly before it was hashed may change again within the same tick of the
file system's clock: its hash is not remembered (git's "racy" index entries; FAT ticks in 2 s)."""

Stamp = tuple[int, int, int, int]
"""Size, time of content change and of any change (ns), inode."""


class LandedFile(Frozen):
    """A file of a source."""

    path: str
    """Relative to the source's root, POSIX."""
    location: str
    """Where to open it: an absolute path, or a URL. No part of the digest."""
    bytes: int = Field(ge=0)
    """Size as it lies there, packed."""
    sha256: str | None
    """SHA-256 of its bytes; for a URL, of what the store says identifies them. None: it may not
    be read."""
    rows: bool = False
    """What lies there is rows that were read of the file (`pipeline.ingest.increments`)."""


class LandedSource(Frozen):
    """All files of a source at one moment."""

    name: str
    """The source's name."""
    files: tuple[LandedFile, ...]
    """Sorted by path."""
    skipped: tuple[str, ...]
    """Files in the folder that no reader is for, by name and content; sorted."""
    bytes: int = Field(ge=0)
    """Size of all files as they lie there, packed."""
    digest: str
    """32 hex digits that change whenever a file's path or content does, or the source's own reader."""


def land(source: Source, memo: Path | None = None) -> LandedSource:
    """List a source's files and hash what they hold.

    Args:
        source: The source; a path of this machine must be absolute.
        memo: File that remembers hashes between calls, shared by all sources; None: hash all.

    Raises:
        SourceMissing: The path leads nowhere, may not be listed, or holds no file to read.
        RecipeInvalid: There is no such function as its own reader.
    """
    if is_dataset(source.path):
        return _land_dataset(source, memo)
    remote = is_url(source.path)
    listed = list_remote(source) if remote else list_local(source)
    wanted = [one for one in listed if _is_readable_format(source, one)]
    if not wanted:
        raise _nothing_to_read(source, listed)
    files = _mark_remote(source, wanted) if remote else _hash_local(wanted, memo)
    taken = {one.path for one in wanted}
    return landed_source(source, files, tuple(o.path for o in listed if o.path not in taken))


def landed_source(
    source: Source, files: tuple[LandedFile, ...], skipped: tuple[str, ...]
) -> LandedSource:
    """Say of files, sorted by path, that they are what a source holds."""
    identity = [reader_identity(source)] if source.reader is not None else []
    return LandedSource(
        name=source.name,
        files=files,
        skipped=skipped,
        bytes=sum(file.bytes for file in files),
        digest=fingerprint([*identity, *([file.path, file.sha256] for file in files)]),
    )


def _land_dataset(source: Source, memo: Path | None) -> LandedSource:
    """Take a dataset that the library `datasets` loads for one file, pinned to what it is now."""
    wanted = parse_dataset(source)
    size = 0
    if wanted.is_local:
        listed = list_local(source.model_copy(update={"path": wanted.name}))
        inside = _hash_local(listed, memo)
        size = sum(file.bytes for file in inside)
        mark = fingerprint([wanted.config, wanted.split, [[f.path, f.sha256] for f in inside]]) * 2
    else:
        wanted, mark = dataset_mark(source, wanted)
    file = LandedFile(path=wanted.split, location=wanted.location, bytes=size, sha256=mark)
    digest = fingerprint([[file.path, file.sha256]])
    return LandedSource(name=source.name, files=(file,), skipped=(), bytes=size, digest=digest)


def reader_identity(source: Source) -> str | None:
    """Tell what the source's own reader is (`data_contracts.own_parts`); None: it has none.

    Raises:
        RecipeInvalid: There is no such function.
    """
    if source.reader is None:
        return None
    return part_identity(source.reader, f"sources.{source.name}.reader")


@contextmanager
def open_landed(location: str) -> Iterator[BinaryIO]:
    """Open a landed file for reading its bytes as they lie there.

    Raises:
        OSError: It cannot be opened.
    """
    with open_remote(location) if is_url(location) else Path(location).open("rb") as file:
        yield file


def _is_readable_format(source: Source, listed: Listed) -> bool:
    """Tell whether a file is one of the source's: what the user chose and declared always is."""
    if source.reader is not None:
        return True
    declared, chosen = source.format, listed.chosen
    if format_by_name(listed.path) is not None or is_container_name(listed.path):
        return belongs(listed.path, None, declared, chosen=chosen)
    try:
        with open_landed(listed.location) as file:
            head = unpacked_head(file)
    except PermissionError:
        head = None
    return belongs(listed.path, head, declared, chosen=chosen)


def _mark_remote(source: Source, listed: list[Listed]) -> tuple[LandedFile, ...]:
    marked = []
    for one in listed:
        size, mark = remote_mark(source, one.location)
        marked.append(LandedFile(path=one.path, location=one.location, bytes=size, sha256=mark))
    return tuple(marked)


def _hash_local(listed: list[Listed], memo: Path | None) -> tuple[LandedFile, ...]:
    known = _load_memo(memo)
    stamps = {one.location: stamp_of(Path(one.location)) for one in listed}
    unknown = [at for at, stamp in stamps.items() if (known.get(at) or (None,))[0] != stamp]
    hashed_at = time.time_ns()
    hashes = dict(zip(unknown, map_in_order(_hash, unknown), strict=True))
    files = tuple(
        LandedFile(
            path=one.path,
            location=one.location,
            bytes=stamps[one.location][0],
            sha256=hashes[one.location] if one.location in hashes else known[one.location][1],
        )
        for one in listed
    )
    fresh = {
        at: (stamps[at], sha256)
        for at, sha256 in hashes.items()
        if sha256 is not None and stamps[at][2] < hashed_at - _RACY_NANOSECONDS
    }
    if memo is not None and fresh:
        _save_memo(memo, {**known, **fresh})
    return files


def stamp_of(path: Path) -> Stamp:
    """Tell what changes when a file does, without reading it."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _hash(location: str) -> str | None:
    try:
        return sha256_of_file(Path(location))
    except PermissionError:
        return None


def _load_memo(memo: Path | None) -> dict[str, tuple[Stamp, str]]:
    """Read the memo; one that is missing or broken remembers nothing."""
    if memo is None:
        return {}
    try:
        digest, _, body = memo.read_bytes().partition(b"\n")
        if digest.decode("ascii") != xxhash.xxh3_128_hexdigest(body):
            return {}  # what a disk changed would name a content that was never there
        stored = json.loads(body)
        return {
            at: ((int(a), int(b), int(c), int(d)), str(e)) for at, (a, b, c, d, e) in stored.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _save_memo(memo: Path, known: dict[str, tuple[Stamp, str]]) -> None:
    """Replace the memo atomically; files that are gone are forgotten."""
    kept = {at: [*stamp, sha256] for at, (stamp, sha256) in known.items() if Path(at).exists()}
    partial = memo.with_name(f"{memo.name}.{os.getpid()}.partial")
    try:
        memo.parent.mkdir(parents=True, exist_ok=True)
        body = json.dumps(kept).encode()
        partial.write_bytes(xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body)
        os.replace(partial, memo)
    except OSError:  # a full or read-only disk: to look is allowed there, and hashes again
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _nothing_to_read(source: Source, listed: list[Listed]) -> SourceMissing:
    if not listed:
        return SourceMissing(
            source.name,
            source.path,
            "there is no file in it",
            "Put files there, or correct `path`.",
        )
    names = ", ".join(one.path for one in listed[:3]) + (" …" if len(listed) > 3 else "")
    return SourceMissing(
        source.name,
        source.path,
        f"none of its {len(listed):,} files is of a known format ({names})",
        "Set `format` of this source to what they hold, or correct `path`.",
    )
