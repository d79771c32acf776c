"""Which files a source's path stands for: a file, a folder, a glob or a URL, in one fixed order."""

import difflib
import itertools
import json
import os
import re
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import SourceMissing
from pipeline.ingest.recipe import Source

_MAGIC = re.compile(r"[*?\[]")


class Listed(NamedTuple):
    """A file that belongs to a source."""

    path: str
    """Relative to the source's root, POSIX."""
    location: str
    """Where to open it: an absolute path, or a URL."""
    chosen: bool
    """Named by the user (a file or a glob), not met in a folder."""


def is_url(path: str) -> bool:
    """Tell a URL from a path of this machine."""
    return re.match(r"^[a-zA-Z][a-zA-Z0-9+.-]+://", path) is not None


def list_local(source: Source) -> list[Listed]:
    """List a source's files on this machine, sorted by path, hidden ones left out.

    Raises:
        SourceMissing: The path leads nowhere, or a folder may not be listed.
    """
    path = Path(source.path)
    try:
        if path.is_file():
            return [Listed(path.name, str(path), chosen=True)]
        if path.is_dir():
            return _sorted(path, _without_leavings(_walk(source, path)), chosen=False)
        if _MAGIC.search(source.path):
            root, segments = _split_glob(path)
            if root.is_dir():
                return _sorted(root, _match(source, root, segments), chosen=True)
    except PermissionError as error:
        raise _no_permission(source, error) from error
    raise SourceMissing(source.name, source.path, "there is nothing", _nearest(path))


def _sorted(root: Path, found: Iterator[Path], *, chosen: bool) -> list[Listed]:
    files = {one.relative_to(root).as_posix(): one for one in found}
    return [Listed(path, str(files[path]), chosen) for path in sorted(files)]


def _walk(source: Source, folder: Path) -> Iterator[Path]:
    """Yield the regular files under a folder; linked folders are not entered (they may loop)."""
    for entry in _entries(source, folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(source, Path(entry.path))
        elif _is_regular(entry):
            yield Path(entry.path)


def _without_leavings(files: Iterator[Path]) -> Iterator[Path]:
    """Take what a saved Hugging Face dataset names as its data (`Dataset.save_to_disk`).

    The JSON beside it describes it; other Arrow files there are what `map` and its like left.
    """
    by_folder = itertools.groupby(files, lambda one: one.parent)
    for folder, inside in ((folder, list(inside)) for folder, inside in by_folder):
        named = _saved_files(folder)
        for one in inside:
            if one.name == "dataset_dict.json" or (named is not None and one.name not in named):
                continue
            yield one


def _saved_files(folder: Path) -> set[str] | None:
    """Name the data files of a saved dataset; None where the folder is none."""
    if not (folder / "dataset_info.json").is_file():
        return None
    try:
        state = json.loads((folder / "state.json").read_bytes())
        return {str(one["filename"]) for one in state["_data_files"]}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _match(source: Source, folder: Path, segments: tuple[str, ...]) -> Iterator[Path]:
    """Yield the regular files that a glob names; unlike `glob.glob` it hides no error."""
    segment, rest = segments[0], segments[1:]
    if segment == "**":
        yield from _match(source, folder, rest or ("*",))
    for entry in _entries(source, folder):
        if segment == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _match(source, Path(entry.path), segments)
        elif fnmatchcase(entry.name, segment):
            if rest and entry.is_dir():
                yield from _match(source, Path(entry.path), rest)
            elif not rest and _is_regular(entry):
                yield Path(entry.path)


def _entries(source: Source, folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except PermissionError as error:
        raise _no_permission(source, error) from error


def _is_regular(entry: os.DirEntry[str]) -> bool:
    """Tell a file that can be read to its end: reading a pipe or a device would hang."""
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except FileNotFoundError:  # a link that leads nowhere
        return False


def _split_glob(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Split a glob at its first segment with a wildcard: (root, segments)."""
    first = next(i for i, part in enumerate(path.parts) if _MAGIC.search(part))
    return Path(*path.parts[:first]), path.parts[first:]


def _no_permission(source: Source, error: PermissionError) -> SourceMissing:
    folder = str(error.filename)
    return SourceMissing(
        source.name,
        source.path,
        f"this user may not list {folder}",
        f"Give it permission (`chmod u+rx {folder}`), or set `path` to what it may read.",
    )


def _nearest(path: Path) -> str:
    """Say how far a path leads, and what there is that has nearly its name."""
    missing = path
    while not missing.parent.is_dir() and missing.parent != missing:
        missing = missing.parent
    there = sorted(entry.name for entry in missing.parent.iterdir())
    close = difflib.get_close_matches(missing.name, there, n=1)
    if close:
        return f"Did you mean {missing.parent / close[0]}?"
    some = ", ".join(there[:5]) + (" …" if len(there) > 5 else "")
    return (
        f"The nearest folder that exists is {missing.parent} ({some or 'empty'}): correct `path`."
    )
