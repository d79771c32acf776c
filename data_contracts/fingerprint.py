"""Fingerprints: the same value always gives the same id, anything unstable is refused.

A fingerprint names a stage's output or a dataset version. A permissive fallback such as `str(x)`
would let an object's address slip in and silently fork the id, so `canonical_json` raises instead.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path

from pydantic import BaseModel

from data_contracts.errors import LibraryMissing

FINGERPRINT_DIGITS = 32
"""Hex digits kept of a SHA-256: 128 bits, no accidental collision at any realistic count."""


def canonical_json(value: object) -> str:
    """Write a value as JSON with sorted keys and no spaces.

    Args:
        value: Nested mappings, sequences, Pydantic models, enums, strings, numbers, booleans, None.

    Returns:
        One line of JSON; equal values give equal lines.

    Raises:
        TypeError: A part is of a type whose text could differ between runs (a path included:
            where a file lies is no part of what it holds).
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def fingerprint(value: object) -> str:
    """Hash a value to 32 hex digits (the first 128 bits of the SHA-256 of its canonical JSON).

    Raises:
        TypeError: As `canonical_json`.
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:FINGERPRINT_DIGITS]


def library_versions(names: Sequence[str]) -> dict[str, str]:
    """Look up the installed versions of libraries that decide a stage's output bytes.

    Raises:
        LibraryMissing: One is not installed.
    """
    versions = {}
    for name in sorted(names):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise LibraryMissing(name) from error
    return versions


def sha256_of_file(path: Path) -> str:
    """Hash a file's bytes, reading 4 MiB at a time (64 hex digits)."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_files(paths: Sequence[Path]) -> list[str]:
    """Hash several files, some at a time: hashing lets other threads run."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(sha256_of_file, paths))


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json", by_alias=True))
    if isinstance(value, Mapping):
        return {_key(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(part) for part in value]
    msg = f"no stable fingerprint for {type(value).__name__}: {value!r:.80}"
    raise TypeError(msg)


def _key(key: object) -> str:
    if isinstance(key, Enum):
        key = key.value
    if not isinstance(key, str):
        msg = f"no stable fingerprint for a mapping key of type {type(key).__name__}"
        raise TypeError(msg)
    return key
