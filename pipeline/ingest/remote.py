"""Files behind URLs (http, s3, anything fsspec opens), and what identifies their content."""

import hashlib
import importlib
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from data_contracts.errors import SourceMissing
from pipeline.ingest.listing import Listed
from pipeline.ingest.recipe import Source

_CONTENT_MARKS = ("ETag", "etag", "checksum", "md5", "md5Hash", "crc32c", "generation")
"""What stores call the mark that changes with an object's content."""
_TIME_MARKS = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")


def list_remote(source: Source) -> list[Listed]:
    """List the files behind a source's URL, sorted by path.

    Raises:
        SourceMissing: The URL leads nowhere, its store does not answer, or the library that
            opens such URLs is not installed.
    """
    filesystem, root = _filesystem(source)
    try:
        if "*" in root:
            base = root[: root.index("*")].rpartition("/")[0]
            found, chosen = filesystem.glob(root), True
        elif filesystem.isfile(root):
            base, found, chosen = root.rpartition("/")[0], [root], True
        else:
            base, found, chosen = root, filesystem.find(root), False
    except (OSError, ValueError) as error:
        raise _unreachable(source, str(error)) from error
    names = {str(one).removeprefix(base).lstrip("/"): one for one in found}
    visible = sorted(n for n in names if not any(p.startswith(".") for p in PurePosixPath(n).parts))
    if not visible:
        raise SourceMissing(source.name, source.path, "there is nothing", "Correct `path`.")
    return [Listed(name, filesystem.unstrip_protocol(names[name]), chosen) for name in visible]


def open_remote(location: str) -> BinaryIO:
    """Open a URL for reading bytes."""
    fsspec = importlib.import_module("fsspec")
    opened: BinaryIO = fsspec.open(location, "rb").open()
    return opened


def remote_mark(location: str) -> tuple[int, str]:
    """Tell an object's size in bytes, and 64 hex digits that change with its content.

    They come from what the store says (entity tag, checksum, else size and time of change); where
    it says nothing, from reading the object.
    """
    fsspec = importlib.import_module("fsspec")
    filesystem, path = fsspec.core.url_to_fs(location)
    info: dict[str, Any] = filesystem.info(path)
    marks = [f"{key}={info[key]}" for key in _CONTENT_MARKS if info.get(key)]
    if not marks and info.get("size") is not None:
        marks = [f"{key}={info[key]}" for key in _TIME_MARKS if info.get(key)]
    if marks:
        size = int(info.get("size") or 0)
        return size, hashlib.sha256("\n".join([location, str(size), *marks]).encode()).hexdigest()
    digest, size = hashlib.sha256(), 0
    with filesystem.open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _filesystem(source: Source) -> tuple[Any, str]:
    fsspec = importlib.import_module("fsspec")
    try:
        filesystem, root = fsspec.core.url_to_fs(source.path)
    except ImportError as error:
        raise _unreachable(source, f"{error}") from error
    except ValueError as error:
        raise SourceMissing(
            source.name, source.path, str(error), "Use a path, or a URL that fsspec knows."
        ) from error
    return filesystem, str(root)


def _unreachable(source: Source, problem: str) -> SourceMissing:
    return SourceMissing(
        source.name,
        source.path,
        f"the URL cannot be listed ({problem})",
        "Check the address, the credentials, and that the library for such URLs is installed.",
    )
