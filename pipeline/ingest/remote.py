"""Files behind URLs (http, s3, anything fsspec opens), and what identifies their content.

Who asks is known by the environment alone (`AWS_ACCESS_KEY_ID` …, or what a machine's role gives): no
recipe holds a credential.
"""

import hashlib
import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final

from data_contracts.errors import CorpusError, SourceMissing
from pipeline.ingest.listing import Listed
from pipeline.ingest.recipe import Source

_CONTENT_MARKS = ("ETag", "etag", "checksum", "md5", "md5Hash", "crc32c", "generation")
"""What stores call the mark that changes with an object's content."""
_TIME_MARKS = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")
_BLOCK_BYTES: Final = 4 * 1024 * 1024
"""What is asked of a store at once; s3fs would take 50 MB, also to look at a file's first bytes."""
_EXTRAS: Final = {"s3": "s3", "s3a": "s3"}
"""Extras of this package that bring the library for a kind of URL."""


def list_remote(source: Source) -> list[Listed]:
    """List the files behind a source's URL, sorted by path.

    Raises:
        SourceMissing: The URL leads nowhere, its store does not answer or lets nobody in, or the
            library that opens such URLs is not installed.
    """
    filesystem, root = _filesystem(source)
    # In the address of a web page a question mark begins the query.
    magic = re.search(r"\*" if source.path.startswith("http") else r"[*?\[]", root)
    with _asked(source):
        filesystem.invalidate_cache()  # a process that lives long would see its first listing for ever
        if magic is not None:
            base = root[: magic.start()].rpartition("/")[0]
            found, chosen = filesystem.glob(root), True
        elif filesystem.isfile(root):
            base, found, chosen = root.rpartition("/")[0], [root], True
        else:
            base, found, chosen = root.rstrip("/"), filesystem.find(root), False
    names = {str(one).removeprefix(base).lstrip("/"): one for one in found}
    visible = sorted(n for n in names if not any(p.startswith(".") for p in PurePosixPath(n).parts))
    if not visible:
        raise SourceMissing(source.name, source.path, "there is nothing", "Correct `path`.")
    return [Listed(name, filesystem.unstrip_protocol(names[name]), chosen) for name in visible]


def open_remote(location: str) -> BinaryIO:
    """Open a URL for reading bytes."""
    fsspec = importlib.import_module("fsspec")
    filesystem, path = fsspec.core.url_to_fs(location)
    opened: BinaryIO = filesystem.open(path, "rb", block_size=_BLOCK_BYTES)
    return opened


def remote_mark(source: Source, location: str) -> tuple[int, str]:
    """Tell an object's size in bytes, and 64 hex digits that change with its content.

    They come from what the store says (entity tag, checksum, else size and time of change); where
    it says nothing, from reading the object.

    Raises:
        SourceMissing: The store does not say.
    """
    with _asked(source):
        return _mark(location)


def _mark(location: str) -> tuple[int, str]:
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
        extra = _EXTRAS.get(source.path.partition("://")[0])
        how = f"pip install 'corpusmill[{extra}]'" if extra else "Install it"
        raise SourceMissing(
            source.name, source.path, f"its library is not installed ({error})", f"{how}."
        ) from error
    except ValueError as error:
        raise SourceMissing(
            source.name, source.path, str(error), "Use a path, or a URL that fsspec knows."
        ) from error
    return filesystem, str(root)


@contextmanager
def _asked(source: Source) -> Iterator[None]:
    """Ask a store; what its library raises is told with what to do."""
    try:
        yield
    except CorpusError:
        raise
    except FileNotFoundError as error:
        raise SourceMissing(
            source.name, source.path, f"there is nothing ({error})", "Correct `path`."
        ) from error
    except Exception as error:  # each store's library has errors of its own
        name = type(error).__name__
        problem = str(error) or name
        if isinstance(error, PermissionError) or "Credential" in name:
            raise SourceMissing(
                source.name,
                source.path,
                f"the store lets nobody in with the credentials that there are ({problem})",
                "Set them in the environment (for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "AWS_PROFILE), or ask for the right to list and read.",
            ) from error
        raise SourceMissing(
            source.name,
            source.path,
            f"the URL cannot be listed ({problem})",
            "Check the address and the network; for a store of your own set AWS_ENDPOINT_URL.",
        ) from error
