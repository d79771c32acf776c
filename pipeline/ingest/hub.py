"""Sources that the library `datasets` loads: names on the Hugging Face hub, and folders like them.

`dataset://NAME?config=C&split=S&revision=R`: NAME is that of a dataset on the hub (`allenai/c4`), or a
folder of this machine (it begins with `/` or `.`). Rows are streamed, nothing is kept on disk.
"""

import importlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import pyarrow as pa

from data_contracts.errors import SourceMissing
from data_contracts.fingerprint import fingerprint
from data_contracts.reasons import Reason
from pipeline.ingest.readers.columns import columns_to_read, one_fault, rows_of
from pipeline.ingest.recipe import DATASET_SCHEME, IngestRecipe, Source

_BATCH_ROWS: Final = 256
_SETTINGS: Final = {"config": None, "split": "train", "revision": None}


class HubDataset(NamedTuple):
    """What `datasets.load_dataset` is asked for."""

    name: str
    """A name on the hub, or an absolute path."""
    config: str | None
    split: str
    revision: str | None

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.name.startswith("/")

    @property
    def location(self) -> str:
        """Write it as an address again."""
        given = [(key, value) for key, value in self._asdict().items() if key != "name" and value]
        return f"{DATASET_SCHEME}{self.name}?" + "&".join(f"{key}={value}" for key, value in given)


def is_dataset(path: str) -> bool:
    """Tell an address of a dataset from other URLs."""
    return path.startswith(DATASET_SCHEME)


def parse_dataset(source: Source) -> HubDataset:
    """Read a source's path, an address of a dataset.

    Raises:
        SourceMissing: It has a part that is not known, or no name.
    """
    name, _, query = source.path.removeprefix(DATASET_SCHEME).partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(given) - set(_SETTINGS))
    if unknown or not name:
        problem = f"`{unknown[0]}` is not known" if unknown else "it names no dataset"
        form = f"{DATASET_SCHEME}NAME?config=C&split=S&revision=R"
        raise SourceMissing(source.name, source.path, problem, f"Write it as {form}.")
    settings = {**_SETTINGS, **given}
    return HubDataset(name, settings["config"], settings["split"] or "train", settings["revision"])


def dataset_mark(source: Source, dataset: HubDataset) -> tuple[HubDataset, str]:
    """Pin a dataset of the hub to what it is now: (with its revision, 64 hex digits for its content).

    Raises:
        SourceMissing: There is none of this name that may be read, or the hub does not answer.
    """
    hub = importlib.import_module("huggingface_hub")
    try:
        found = hub.HfApi().dataset_info(dataset.name, revision=dataset.revision)
    except Exception as error:  # the hub's and its HTTP library's have nothing in common
        raise SourceMissing(
            source.name,
            source.path,
            f"the hub does not give it ({_first_line(error)})",
            "Check the name and the network; for one that is not public set HF_TOKEN.",
        ) from error
    pinned = dataset._replace(revision=found.sha)
    # A fingerprint is half as long as a SHA-256: twice, it has that form.
    return pinned, fingerprint([*pinned]) * 2


def read_dataset(location: str, source: Source, recipe: IngestRecipe) -> Iterator[pa.Table]:
    """Stream a dataset's rows.

    Args:
        location: What `HubDataset.location` gave.
        source: Names the fields.
        recipe: Limits the size of a text.

    Yields:
        Batches of ROWS; a position is a row number. Where a folder's file is damaged, one row stands
        for what is left of the dataset.

    Raises:
        SourceMissing: It cannot be loaded, or has no such split.
        OSError: The network failed: nothing is known about the rows.
    """
    wanted = parse_dataset(source.model_copy(update={"path": location}))
    rows = _stream(wanted, source)
    position = 0
    try:
        for table in rows:
            for batch in table.select(columns_to_read(table.column_names, source)).to_batches():
                yield from rows_of(batch, position, source, recipe)
                position += batch.num_rows
    except OSError:
        if not wanted.is_local:
            raise
        yield one_fault(position, Reason.BAD_FORMAT)
    except (
        pa.ArrowException,
        ValueError,
        TypeError,
        KeyError,
        _datasets().exceptions.DatasetsError,
    ):
        yield one_fault(position, Reason.BAD_FORMAT)


def fields_of_dataset(location: str, source: Source) -> list[str]:
    """Name the columns of a dataset."""
    wanted = parse_dataset(source.model_copy(update={"path": location}))
    table = next(_stream(wanted, source), None)
    return [] if table is None else [str(name) for name in table.column_names]


def _stream(wanted: HubDataset, source: Source) -> Iterator[pa.Table]:
    datasets = _datasets()
    try:
        loaded = datasets.load_dataset(
            wanted.name,
            wanted.config,
            split=wanted.split,
            revision=None if wanted.is_local else wanted.revision,
            streaming=True,
        )
    except Exception as error:  # as above, and those of its own
        raise SourceMissing(
            source.name,
            source.path,
            f"`datasets` cannot load it ({_first_line(error)})",
            "Correct name, config and split; a folder must hold files of one kind.",
        ) from error
    batches: Iterator[pa.Table] = loaded.with_format("arrow").iter(batch_size=_BATCH_ROWS)
    return batches


def _datasets() -> Any:
    return importlib.import_module("datasets")  # takes a second, and most recipes do without


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
