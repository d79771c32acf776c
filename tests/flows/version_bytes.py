"""What must be the same in two versions of the same fingerprint."""

from pathlib import Path

OUTSIDE = {"manifest.json", "release.json", "release-suites.json"}
"""They know when a version was made, and what came before."""


def content(version: Path) -> dict[str, bytes]:
    """Read every other file, by its path."""
    return {
        path.relative_to(version).as_posix(): path.read_bytes()
        for path in sorted(version.rglob("*"))
        if path.is_file() and path.name not in OUTSIDE
    }
