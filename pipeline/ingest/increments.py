"""Deliveries of sources that only ever get more: what landed once is kept, and read again by a rebuild.

A source with `delivery: append` hands over increments: files that may be gone, or be others, the next
time. Each is copied into a folder of the warehouse when it is first seen, under the hash of its
content, and belongs to the source from then on. Of a file that has only grown the longer one counts;
any other change of content is another delivery.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import AwareDatetime, Field, ValidationError

from data_contracts.errors import SourceChanged, SourceMissing, VersionCorrupt
from data_contracts.fingerprint import sha256_of_file
from data_contracts.frozen import Frozen
from data_contracts.whole_text import replace_text
from pipeline.ingest.landing import LandedFile, LandedSource, land, landed_source, open_landed
from pipeline.ingest.recipe import Source

INDEX_FILE: Final = "increments.json"
_BLOCK: Final = 1 << 20


class Increment(Frozen):
    """One delivered file that is kept."""

    path: str
    """As it lay in the source."""
    bytes: int = Field(ge=0)
    """Its size then."""
    sha256: str
    """What identified its content then: all that is made of it goes by this."""
    file: str
    """Name of the copy, in this folder."""
    file_sha256: str
    """SHA-256 of the copy: of a local file the same, unless text was taken out."""
    since: AwareDatetime
    """When it was first kept."""
    rows: bool = False
    """The copy is the rows that were read of it (`pipeline.ingest.rows.ROWS`), without the text of
    forgotten records; the bytes as they were delivered are gone."""

    def landed(self, folder: Path) -> LandedFile:
        """Say what lies there as a file of the source; FOLDER is where the copy is."""
        return LandedFile(
            path=self.path,
            location=str(folder / self.file),
            bytes=self.bytes,
            sha256=self.sha256,
            rows=self.rows,
        )


class Increments(Frozen):
    """What is kept of one source."""

    format: Literal[1] = 1
    """Format of the file."""
    increments: tuple[Increment, ...] = ()
    """Sorted by path and content."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the index; a source of which nothing is kept has none.

        Raises:
            VersionCorrupt: The file is no such index. It must not count as empty.
        """
        path = folder / INDEX_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            raise VersionCorrupt(path, "it is no index of kept deliveries") from error

    def save(self, folder: Path) -> None:
        """Write the index, atomically."""
        replace_text(folder / INDEX_FILE, self.model_dump_json(indent=1) + "\n")

    def verify(self, folder: Path) -> None:
        """Compare every copy with its checksum.

        Raises:
            VersionCorrupt: One is missing or differs.
        """
        for one in self.increments:
            path = folder / one.file
            if not path.exists():
                raise VersionCorrupt(path, f"the kept delivery {one.path} is missing")
            if sha256_of_file(path) != one.file_sha256:
                raise VersionCorrupt(path, f"the kept delivery {one.path} is not what was kept")


def land_all(source: Source, memo: Path | None, kept: Path | None) -> LandedSource:
    """List what a source holds: what lies there now and, where it only gets more, what is kept.

    Args:
        source: The source.
        memo: As for `land`.
        kept: Folder of all kept deliveries of the dataset; None keeps none.

    Raises:
        SourceMissing: As `land`, unless deliveries are kept.
        VersionCorrupt: The index of kept deliveries cannot be read.
    """
    if source.delivery == "snapshot" or kept is None:
        return land(source, memo)
    folder = kept / source.name
    index = Increments.load(folder)
    try:
        now = land(source, memo)
    except SourceMissing:
        if not index.increments:
            raise
        now = landed_source(source, (), ())
    known = {(one.path, one.sha256) for one in index.increments}
    fresh = [one for one in now.files if (one.path, one.sha256) not in known]
    grown = set(_grown(index, fresh))
    files = [one.landed(folder) for one in index.increments if one.file not in grown]
    every = sorted([*files, *fresh], key=lambda one: (one.path, one.sha256 or ""))
    return landed_source(source, tuple(every), now.skipped)


def keep(source: Source, landed: LandedSource, kept: Path, since: datetime) -> int:
    """Copy the deliveries that are not kept yet; call it under the dataset's lease.

    Args:
        source: The source; one that delivers snapshots keeps nothing.
        landed: What `land_all` gave.
        kept: As for `land_all`.
        since: The time.

    Returns:
        How many were new.

    Raises:
        SourceChanged: A file is not what it was when it was listed.
    """
    folder = kept / source.name
    fresh = to_keep(source, landed, kept)
    if not fresh:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    index = Increments.load(folder)
    grown = set(_grown(index, fresh))
    copied = [_copied(source, file, folder, since) for file in fresh]
    stay = [one for one in index.increments if one.file not in grown]
    every = sorted([*stay, *copied], key=lambda one: (one.path, one.sha256))
    Increments(increments=tuple(every)).save(folder)
    for name in grown - {one.file for one in every}:
        (folder / name).unlink(missing_ok=True)
    return len(copied)


def to_keep(source: Source, landed: LandedSource, kept: Path) -> list[LandedFile]:
    """List the deliveries that are not kept yet."""
    if source.delivery == "snapshot":
        return []
    folder = str(kept / source.name)
    return [
        file
        for file in landed.files
        if file.sha256 is not None and str(Path(file.location).parent) != folder
    ]


def _grown(index: Increments, fresh: list[LandedFile]) -> Iterator[str]:
    """Name the copies that a longer file of the same path begins with."""
    for file in fresh:
        for one in index.increments:
            is_shorter = one.path == file.path and 0 < one.bytes < file.bytes and not one.rows
            if is_shorter and _head_sha256(file.location, one.bytes) == one.file_sha256:
                yield one.file


def _head_sha256(location: str, size: int) -> str:
    digest = hashlib.sha256()
    with open_landed(location) as file:
        while size and (block := file.read(min(size, _BLOCK))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def _copied(source: Source, file: LandedFile, folder: Path, since: datetime) -> Increment:
    partial = folder / f"{uuid.uuid4().hex}.partial"
    try:
        with open_landed(file.location) as opened, partial.open("wb") as copy:
            shutil.copyfileobj(opened, copy, _BLOCK)
            copy.flush()
            os.fsync(copy.fileno())
    except FileNotFoundError as error:
        raise SourceChanged(source.name, file.path) from error
    found = sha256_of_file(partial)
    is_local = "://" not in file.location
    if partial.stat().st_size != file.bytes or (is_local and found != file.sha256):
        partial.unlink()
        raise SourceChanged(source.name, file.path)
    partial.rename(folder / found)
    assert file.sha256 is not None, "what may not be read is not kept"  # noqa: S101
    return Increment(
        path=file.path,
        bytes=file.bytes,
        sha256=file.sha256,
        file=found,
        file_sha256=found,
        since=since,
    )
