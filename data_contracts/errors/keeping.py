"""What is wrong with a warehouse, with a version in it, or with the place it lies in."""

from pathlib import Path

from data_contracts.errors.corpus_error import CorpusError


class VersionUnknown(CorpusError):
    """A dataset, model or version was named that the warehouse does not hold."""

    exit_code = 2

    def __init__(self, kind: str, wanted: str, known: list[str]) -> None:
        """Name what was wanted and what there is."""
        self.kind, self.wanted, self.known = kind, wanted, known
        there = ", ".join(known[:10]) + (" …" if len(known) > 10 else "") if known else "none yet"
        super().__init__(
            f"no {kind} `{wanted}` in this warehouse; there is: {there}. See `mill ls`."
        )


class RecordUnknown(CorpusError):
    """A record was named that a dataset version has never seen."""

    exit_code = 2

    def __init__(self, dataset: str, wanted: str, near: list[str]) -> None:
        """Name the dataset version, what was wanted, and keys that come near."""
        self.dataset, self.wanted, self.near = dataset, wanted, near
        keys = ", ".join(f"`{key:.80}`" for key in near)
        super().__init__(
            f"{dataset} knows no record by the key, the path or the id `{wanted:.80}`. "
            f"Some of its keys: {keys or 'none'}."
        )


class RowUnknown(CorpusError):
    """A row was asked for that a file does not have."""

    exit_code = 2

    def __init__(self, path: Path | str, row: int, problem: str) -> None:
        """Name the file, the row, and what there is instead."""
        self.path, self.row, self.problem = str(path), row, problem
        super().__init__(
            f"{path} has no row {row:,}: {problem}. Rows count from 1, as positions in a ledger do."
        )


class ForgottenStillPublished(CorpusError):
    """The latest version of a dataset holds text that is to be forgotten."""

    def __init__(self, dataset: str) -> None:
        """Name the dataset."""
        self.dataset = dataset
        super().__init__(
            f"the latest version of dataset `{dataset}` holds forgotten text. Make the next one "
            "with `mill run RECIPE`, which leaves it out; then run `mill gc --forgotten` again."
        )


class VersionCorrupt(CorpusError):
    """A published file is missing, or is not the one that the manifest recorded."""

    def __init__(self, path: Path | str, problem: str) -> None:
        """Name the file and the difference."""
        self.path, self.problem = str(path), problem
        super().__init__(
            f"{path}: {problem}. Versions are immutable: delete this version's folder and run the "
            f"recipe again."
        )


class ExportInTheWay(CorpusError):
    """The folder that documents are to be exported to is not empty."""

    exit_code = 2

    def __init__(self, folder: Path | str) -> None:
        """Name the folder."""
        self.folder = str(folder)
        super().__init__(f"{folder}: something is there. Name a new or an empty folder with --to.")


class WarehouseBusy(CorpusError):
    """Another process holds the lease of this dataset."""

    retryable = True

    def __init__(self, dataset: str, holder: str, lease: Path | str) -> None:
        """Name the dataset, who holds it, and the lease file."""
        self.dataset, self.holder, self.lease = dataset, holder, str(lease)
        super().__init__(
            f"dataset `{dataset}` is being written by {holder}. Wait for it to end; a lease whose "
            f"process is gone is taken over by itself ({lease})."
        )


class WarehouseFormat(CorpusError):
    """A folder is not a warehouse, or one of another format version."""

    exit_code = 2

    def __init__(self, path: Path | str, problem: str) -> None:
        """Name the folder and the problem."""
        self.path, self.problem = str(path), problem
        super().__init__(f"{path}: {problem}. Name another folder with --warehouse.")


class DiskFull(CorpusError):
    """There is not enough room for what is about to be written, or writing ran out of it."""

    def __init__(self, path: Path | str, needed_bytes: int | None, free_bytes: int) -> None:
        """Name the folder, the bytes needed (None: not known) and the bytes free."""
        self.path, self.needed_bytes, self.free_bytes = str(path), needed_bytes, free_bytes
        problem = "the disk is full"
        if needed_bytes is not None:
            problem = f"there is not enough room: about {needed_bytes / 1e6:,.0f} MB needed"
        super().__init__(
            f"{path}: {problem}, {free_bytes / 1e6:,.0f} MB free. Free some room, "
            f"or name another place with --warehouse. Nothing was published; a rerun continues."
        )


class ServerUnavailable(CorpusError):
    """The Prefect server could not be started or reached."""

    retryable = True

    def __init__(self, url: str, problem: str, fix: str) -> None:
        """Name the address, the problem and what to do."""
        self.url, self.problem, self.fix = url, problem, fix
        super().__init__(f"Prefect server at {url}: {problem}. {fix}")
