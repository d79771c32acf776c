"""Manifests: the last file written into a version. Its existence means the version is complete."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pydantic import AwareDatetime, Field, ValidationError

from data_contracts.contract_stamp import ContractStamp
from data_contracts.errors import VersionCorrupt
from data_contracts.fingerprint import sha256_of_file, sha256_of_files
from data_contracts.frozen import Frozen
from data_contracts.whole_text import replace_text

MANIFEST_FILE = "manifest.json"
FORMAT = 1


class FileEntry(Frozen):
    """One file of a version."""

    path: str
    """Relative to the version's folder, with forward slashes."""
    bytes: int = Field(ge=0)
    """Size."""
    sha256: str
    """SHA-256 of the content."""


class SourceEntry(Frozen):
    """One source as it was read for a version."""

    name: str
    """The source's name."""
    path: str
    """Where it was read from."""
    license: str | None
    """SPDX id; None: not stated."""
    files: int = Field(ge=0)
    """Files that were there."""
    bytes: int = Field(ge=0)
    """Their size."""
    digest: str
    """Identifies their content."""
    records_in: int = Field(ge=0)
    """Records read from it."""
    records_kept: int = Field(ge=0)
    """Records of it that are in the dataset."""


class Manifest(Frozen):
    """What every version says of itself."""

    format: int = FORMAT
    """Format of this file."""
    name: str
    """Name of the dataset or model."""
    version: str
    """Counter and the fingerprint's first 8 digits, as in `0003-1f2e3d4c`."""
    fingerprint: str
    """Everything that decides the content, hashed."""
    created: AwareDatetime
    """When it was published."""
    corpusmill: str
    """Version of the program that made it."""
    recipe: dict[str, Any]
    """The recipe, complete with its defaults."""
    stage_keys: dict[str, str]
    """Fingerprint of each stage's output, by stage."""
    libraries: dict[str, str]
    """Versions of the libraries that decide output bytes."""
    timings_seconds: dict[str, float]
    """Wall time per stage in the run that made it (0: reused)."""
    flow_run_id: str | None = None
    """The Prefect flow run that published it."""
    files: tuple[FileEntry, ...]
    """Every file of the version but this one."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a version's manifest.

        Raises:
            VersionCorrupt: It is missing or cannot be understood.
        """
        path = folder / MANIFEST_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise VersionCorrupt(path, "the manifest is missing") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            problem = f"{place}: {first['msg']}" if place else first["msg"]
            raise VersionCorrupt(path, f"not a manifest of format {FORMAT} ({problem})") from error

    def save(self, folder: Path) -> None:
        """Write the manifest into a version that is being made, atomically."""
        replace_text(folder / MANIFEST_FILE, self.model_dump_json(indent=1) + "\n")

    def verify(self, folder: Path, below: str = "") -> None:
        """Compare files with their checksums.

        Args:
            folder: The version.
            below: Only those whose path begins with this; empty: every file.

        Raises:
            VersionCorrupt: A file is missing or differs.
        """
        for entry in (one for one in self.files if one.path.startswith(below)):
            path = folder / entry.path
            if not path.exists():
                raise VersionCorrupt(path, "the file is missing")
            if path.stat().st_size != entry.bytes or sha256_of_file(path) != entry.sha256:
                raise VersionCorrupt(path, "the file is not the one that was published")


class DatasetManifest(Manifest):
    """What a dataset version says of itself."""

    sources: tuple[SourceEntry, ...]
    """The sources as they were read."""
    records_in: int = Field(ge=0)
    """Records read."""
    records_kept: int = Field(ge=0)
    """Records in the dataset."""
    records_dropped: dict[str, int]
    """Records not kept, by first reason."""
    documents: dict[str, int]
    """Documents per split."""
    tokens: dict[str, int]
    """Tokens per split."""
    repeated_tokens: int = Field(default=0, ge=0)
    """Tokens of further copies of training documents, beside the splits."""
    tokenizer_sha256: str
    """SHA-256 of tokenizer.json."""
    contracts: tuple[ContractStamp, ...]
    """The contracts that this version passed."""
    warnings: tuple[str, ...] = ()
    """Checks of severity `warning` that failed."""
    parent: str | None = None
    """The version before this one."""


class ModelManifest(Manifest):
    """What a model version says of itself."""

    dataset: str
    """The dataset it was trained on, as NAME@VERSION."""
    dataset_fingerprint: str
    """That version's fingerprint."""
    parameters: int = Field(ge=1)
    """Trainable parameters."""
    figures: dict[str, float]
    """Key figures: bits per byte per split, best validation loss."""
    contracts: tuple[ContractStamp, ...] = ()
    """The contracts that its scorecard was held to."""
    failures: tuple[str, ...] = ()
    """Critical rules of theirs that it broke: it may not be promoted."""
    warnings: tuple[str, ...] = ()
    """Checks of severity `warning` that failed."""


def list_files(folder: Path, known: Mapping[str, str] | None = None) -> tuple[FileEntry, ...]:
    """Hash every file of a version that is being made, in the order of their paths.

    Args:
        folder: The version.
        known: SHA-256 of files that were hashed a moment ago, by path within the version.
    """
    known = known or {}
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    paths = {
        path.relative_to(folder).as_posix(): path for path in found if path.name != MANIFEST_FILE
    }
    unknown = [name for name in paths if name not in known]
    hashed = sha256_of_files([paths[name] for name in unknown])
    sha256 = {**known, **dict(zip(unknown, hashed, strict=True))}
    return tuple(
        FileEntry(path=name, bytes=path.stat().st_size, sha256=sha256[name])
        for name, path in paths.items()
    )


def now() -> datetime:
    """Tell the time, with its zone."""
    return datetime.now().astimezone()
