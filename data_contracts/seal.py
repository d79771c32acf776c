"""The seal of a finished folder: checksums of all its files, compared when its work is used again.

A stage's whole output waits in the cache when a run was stopped after it. What a disk did to it
meanwhile must not be published as if it had been computed. XXH3 finds that at memory speed; it is no
defence against people.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from data_contracts.checksums import checksum
from data_contracts.whole_text import replace_text

SEAL_FILE: Final = "seal.json"


def seal(folder: Path) -> None:
    """Write the seal of a folder in which nothing will change any more."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = _checksums(folder, [path.relative_to(folder).as_posix() for path in files])
    replace_text(folder / SEAL_FILE, json.dumps(sums, indent=0, sort_keys=True) + "\n")


def broken_files(folder: Path) -> list[Path]:
    """List what is not as it was sealed; the seal itself when it is missing or no seal.

    Files that came later are not looked at.
    """
    try:
        text = (folder / SEAL_FILE).read_bytes()
        promised = {str(name): one for name, one in json.loads(text).items()}
        found = _checksums(folder, list(promised))
    except (OSError, ValueError, AttributeError):
        return [folder / SEAL_FILE]
    return [folder / name for name, one in promised.items() if found[name] != one]


def _checksums(folder: Path, names: list[str]) -> dict[str, str | None]:
    def of(name: str) -> str | None:
        path = folder / name
        return checksum(path) if path.is_file() else None

    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(of, names), strict=True))
