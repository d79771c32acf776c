"""The warehouse: where versions, caches and aliases lie, and how a version appears in it.

A version is made in a hidden folder beside its place and appears by one atomic rename, so that a
process killed at any moment leaves the old state or the new one.
"""

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from data_contracts.aliases import Alias, Aliases
from data_contracts.errors import DiskFull, VersionUnknown, WarehouseBusy, WarehouseFormat
from data_contracts.forgotten import FORGET_FILE, ForgetList
from data_contracts.manifest import MANIFEST_FILE, DatasetManifest, ModelManifest
from data_contracts.reasons import Stage
from data_contracts.whole_text import replace_text

FORMAT = 1
FORMAT_FILE = "warehouse.json"
CACHE_MAX_BYTES = 20_000_000_000
"""The cache is cut back to this after a run, least recently used first."""

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/")
"""Of `s3://bucket` a path keeps one slash."""
_VERSION = re.compile(r"^(\d{4,})-[0-9a-f]{8}$")

Kind = Literal["datasets", "models"]
KINDS: Final[tuple[Kind, ...]] = ("datasets", "models")


class Warehouse:
    """A folder that holds everything the mill made."""

    def __init__(self, root: Path) -> None:
        """Open a warehouse without touching the disk; see `create`."""
        self.root = root

    @classmethod
    def at(cls, root: Path) -> "Warehouse":
        """Open the warehouse that is at a place, or that `create` would make there; write nothing.

        Raises:
            WarehouseFormat: The folder holds something else, or another format version.
        """
        if _URL.match(str(root)):
            raise WarehouseFormat(root, "a warehouse is a local folder; URLs are not supported yet")
        warehouse = cls(root.absolute())
        try:
            if warehouse.is_there:
                warehouse._check_format(root / FORMAT_FILE)
            elif root.exists() and (not root.is_dir() or any(root.iterdir())):
                raise WarehouseFormat(root, "this is neither a warehouse nor an empty folder")
        except OSError as error:
            raise WarehouseFormat(root, f"it cannot be read ({error.strerror})") from error
        return warehouse

    @classmethod
    def create(cls, root: Path) -> "Warehouse":
        """Open a warehouse to write in it, making the folder where there is none.

        Raises:
            WarehouseFormat: The folder holds something else, or another format version, or may not
                be written in.
            DiskFull: There is no room for the smallest file.
        """
        warehouse = cls.at(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            if not os.access(root, os.W_OK | os.X_OK):
                raise WarehouseFormat(root, "this user may not write there")
            if not warehouse.is_there:
                replace_text(root / FORMAT_FILE, json.dumps({"format": FORMAT}) + "\n")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(root, None, 0) from error
            raise WarehouseFormat(root, f"it cannot be made ({error.strerror})") from error
        return warehouse

    @classmethod
    def existing(cls, root: Path) -> "Warehouse":
        """Open a warehouse that must be there.

        Raises:
            WarehouseFormat: There is none, or it has another format version.
        """
        warehouse = cls.at(root)
        if not warehouse.is_there:
            raise WarehouseFormat(root, "there is no warehouse here; `mill run RECIPE` makes one")
        return warehouse

    @property
    def is_there(self) -> bool:
        """Whether it was made."""
        return (self.root / FORMAT_FILE).exists()

    def _check_format(self, path: Path) -> None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise WarehouseFormat(self.root, f"{FORMAT_FILE} cannot be read ({error})") from error
        if found != FORMAT:
            raise WarehouseFormat(
                self.root, f"its format is {found}, this program knows format {FORMAT}"
            )

    # --- places ---------------------------------------------------------------------------------

    def run_folder(self, stage: Stage, key: str) -> Path:
        """Where a stage's whole output lies, by stage key."""
        return self.root / "cache" / stage / "runs" / key

    def record_cache(self, stage: Stage, fingerprint: str) -> Path:
        """Where a stage's results per record lie, by all that decides one record's result."""
        return self.root / "cache" / stage / "records" / fingerprint

    def landing_memo(self) -> Path:
        """Where file hashes are remembered by size and time."""
        return self.root / "cache" / "landing.json"

    def increments(self, dataset: str) -> Path:
        """Where deliveries of a dataset's sources are kept that only ever get more."""
        return self.root / "landed" / dataset

    def rejected_folder(self, dataset: str, fingerprint: str) -> Path:
        """What a failed gate leaves."""
        return self.root / "datasets" / "rejected" / dataset / fingerprint[:16]

    def evaluation_folder(self, model: str, dataset: str, identity: str) -> Path:
        """Where the figures of a model on a dataset lie."""
        return self.root / "evaluations" / model / dataset / identity[:16]

    def forget_file(self, dataset: str) -> Path:
        """Where a dataset's forget list lies."""
        return self.root / "datasets" / dataset / FORGET_FILE

    def forgotten(self, dataset: str) -> ForgetList:
        """Read a dataset's forget list, joined with the copy in its latest version.

        Raises:
            VersionCorrupt: One of them cannot be read.
        """
        latest = self.latest("datasets", dataset)
        copy = ForgetList.load(latest / FORGET_FILE) if latest else ForgetList()
        return copy.joined(ForgetList.load(self.forget_file(dataset)).records)

    @property
    def aliases(self) -> Aliases:
        """Which versions are candidate and production."""
        return Aliases(self.root)

    def comparison_file(self, name: str, key: str) -> Path:
        """Where the comparison of two models lies, by all that decides it."""
        return self.root / "comparisons" / name / f"{key[:16]}.json"

    @property
    def prefect_home(self) -> Path:
        """Prefect's database and settings for this warehouse."""
        return self.root / "prefect"

    # --- versions -------------------------------------------------------------------------------

    def names(self, kind: Kind) -> list[str]:
        """List datasets or models that have a version."""
        folders = sorted((self.root / kind).glob("*"))
        return [path.name for path in folders if self.versions(kind, path.name)]

    def versions(self, kind: Kind, name: str) -> list[str]:
        """List complete versions, oldest first."""
        folders = [
            path
            for path in (self.root / kind / name).glob("*")
            if _VERSION.match(path.name) and (path / MANIFEST_FILE).exists()
        ]
        return sorted((path.name for path in folders), key=lambda name: int(name.split("-")[0]))

    def version_folder(self, kind: Kind, name: str, version: str) -> Path:
        """Where a version lies."""
        return self.root / kind / name / version

    def find(self, kind: Kind, wanted: str | None) -> Path:
        """Find a version by NAME@VERSION, by NAME (its latest), or by None (the latest of all).

        A VERSION may be an alias, `candidate` or `production`.

        Raises:
            VersionUnknown: There is none.
        """
        known = [f"{name}@{v}" for name in self.names(kind) for v in self.versions(kind, name)]
        if wanted is None:
            folders = [self.version_folder(kind, *one.split("@")) for one in known]
            if not folders:
                raise VersionUnknown(kind[:-1], "(latest)", known)
            return max(folders, key=lambda path: (path / MANIFEST_FILE).stat().st_mtime_ns)
        name, _, version = wanted.partition("@")
        versions = self.versions(kind, name)
        if version in list(Alias):
            target = self.aliases.target(name, Alias(version))
            label = target and (target.dataset if kind == "datasets" else target.model)
            version = (label or wanted).partition("@")[2]
        if not versions or (version and version not in versions):
            raise VersionUnknown(kind[:-1], wanted, known)
        return self.version_folder(kind, name, version or versions[-1])

    def latest(self, kind: Kind, name: str) -> Path | None:
        """Find the newest version of a name; None when it has none."""
        versions = self.versions(kind, name)
        return self.version_folder(kind, name, versions[-1]) if versions else None

    def dataset_with(self, name: str, fingerprint: str) -> tuple[Path, DatasetManifest] | None:
        """Find the version of a dataset with this fingerprint."""
        for folder in self._candidates("datasets", name, fingerprint):
            manifest = DatasetManifest.load(folder)
            if manifest.fingerprint == fingerprint:
                return folder, manifest
        return None

    def model_with(self, name: str, fingerprint: str) -> tuple[Path, ModelManifest] | None:
        """Find the version of a model with this fingerprint."""
        for folder in self._candidates("models", name, fingerprint):
            manifest = ModelManifest.load(folder)
            if manifest.fingerprint == fingerprint:
                return folder, manifest
        return None

    def _candidates(self, kind: Kind, name: str, fingerprint: str) -> list[Path]:
        return [
            self.version_folder(kind, name, version)
            for version in self.versions(kind, name)
            if version.endswith(fingerprint[:8])
        ]

    def next_version(self, kind: Kind, name: str, fingerprint: str) -> str:
        """Name the version that comes next (call it under the lease)."""
        versions = self.versions(kind, name)
        counter = int(versions[-1].split("-")[0]) + 1 if versions else 1
        return f"{counter:04d}-{fingerprint[:8]}"

    # --- writing --------------------------------------------------------------------------------

    @contextmanager
    def lease(self, dataset: str) -> Iterator[None]:
        """Be the only writer of a dataset; the operating system ends the lease with the process.

        Nothing is taken out of the cache meanwhile (`alone`).

        Raises:
            WarehouseBusy: Another process is.
        """
        path = self.root / "datasets" / dataset / ".lease"
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._together(), path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise WarehouseBusy(dataset, file.read() or "another process", path) from None
            file.truncate(0)
            file.write(f"process {os.getpid()}")
            file.flush()
            yield

    @contextmanager
    def only_worker(self, run: Path) -> Iterator[None]:
        """Be the only one at work in a stage's folder; wait for another one to end.

        Two datasets with the same sources and settings share the work of their first stages.
        """
        path = self.root / "cache" / "locks" / f"{run.parent.parent.name}-{run.name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._together(), path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who writes in this warehouse: no run takes from the cache what goes.

        A run that begins meanwhile waits.

        Raises:
            WarehouseBusy: A run is going on.
        """
        with self._writers_file().open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise WarehouseBusy(*self._a_writer(), file.name) from None
            yield

    @contextmanager
    def _together(self) -> Iterator[None]:
        with self._writers_file().open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def _writers_file(self) -> Path:
        path = self.root / "datasets" / ".writers"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _a_writer(self) -> tuple[str, str]:
        """Name a dataset (or the run of a stage) that is being written, and by whom."""
        leases = sorted((self.root / "datasets").glob("*/.lease"))
        for path in [*leases, *sorted((self.root / "cache" / "locks").glob("*"))]:
            with path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    name = path.parent.name if path in leases else path.name
                    return name, file.read() or "another process"
        return "of a run that ends just now", "another process"

    def staging_folder(self, kind: Kind, name: str, version: str) -> Path:
        """Make an empty folder to assemble a version in (cleared when a killed run left one)."""
        folder = self.root / kind / name / f".{version}.partial"
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        return folder

    def publish(self, staging: Path, place: Path) -> None:
        """Let an assembled version appear, all at once; files and folders are flushed first."""
        for path in staging.rglob("*"):
            _flush(path)
        _flush(staging)
        staging.rename(place)
        _flush(place.parent)

    # --- cache ----------------------------------------------------------------------------------

    def prune_cache(self, max_bytes: int = CACHE_MAX_BYTES) -> int:
        """Delete the least recently used cache entries until the cache is small enough.

        While a run is going on, of whatever dataset, nothing is deleted: it may be about to read
        what a stage left. The last one to end deletes.

        Returns:
            Bytes freed.
        """
        try:
            with self.alone():
                return self._prune(max_bytes)
        except WarehouseBusy:
            return 0

    def _prune(self, max_bytes: int) -> int:
        entries = [
            (folder.stat().st_mtime_ns, _folder_bytes(folder), folder)
            for stage in Stage
            for folder in (self.root / "cache" / stage).glob("*/*")
        ]
        excess = sum(size for _, size, _ in entries) - max_bytes
        freed = 0
        for _, size, folder in sorted(entries):
            if freed >= excess:
                break
            shutil.rmtree(folder)
            freed += size
        return freed


def link_tree(source: Path, target: Path) -> None:
    """Put a folder's files (or one file) elsewhere without copying where the disk allows it.

    Files in the warehouse are only ever replaced, never changed in place, so a hard link is safe.
    """
    if source.is_file():
        _link(source, target)
        return
    for path in sorted(source.rglob("*")):
        if path.is_file():
            _link(path, target / path.relative_to(source))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy(source, target)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
