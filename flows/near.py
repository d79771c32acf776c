"""Which documents of a dataset version are nearest to a text. No Prefect here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest
from data_contracts.warehouse import Warehouse
from flows.published_texts import ledger_rows, published_texts
from flows.recipe import parse_recipe
from pipeline.clean.normalise.texts import normalise
from pipeline.dedup.near import nearest


class NearDocument(Frozen):
    """A document near a text."""

    dataset: str
    """NAME@VERSION."""
    record_id: str
    """Which record."""
    similarity: float = Field(ge=0, le=1)
    """Exact Jaccard similarity: shared shingles of 5 tokens over all."""
    estimate: float = Field(ge=0, le=1)
    """What the signatures say: the share of values that agree."""
    source: str
    """Its source."""
    key: str
    """Its key within the source."""
    path: str
    """File it was read from."""
    position: int
    """1-based line, row or record number in that file."""
    split: str
    """Where it is in the dataset."""
    text: str
    """The document."""


def text_or_file(given: str) -> str:
    """Read a file when there is one of that name, else take the words themselves.

    What is not UTF-8 in a file is replaced: it is only compared.
    """
    try:
        path = Path(given)
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else given
    except (OSError, ValueError):  # too long for a file name, or holds a null character
        return given


def find_near(
    warehouse: Warehouse, dataset: str | None, text: str, most: int
) -> list[NearDocument]:
    """Find the documents of a dataset version most similar to a text, nearest first.

    The text is normalised as the version's recipe says, so that a raw record finds its document.

    Args:
        warehouse: Where the version is.
        dataset: NAME@VERSION, NAME or None.
        text: What to look for.
        most: How many to give.

    Raises:
        VersionUnknown: There is no such dataset.
        SchemaMismatch: The version's index was made by other rules than this program knows.
    """
    folder = warehouse.find("datasets", dataset)
    manifest = DatasetManifest.load(folder)
    options = parse_recipe(manifest.recipe, folder).clean.normalise
    (clean,) = normalise(pa.array([text], pa.large_string()), options).to_pylist()
    rows: dict[str, dict[str, Any]] = {}
    texts: dict[str, str] = {}

    def fetch(record_ids: Sequence[str]) -> dict[str, str]:
        rows.update(ledger_rows(folder, record_ids))
        texts.update(published_texts(folder, rows.values()))
        return texts

    found = nearest(clean, folder / "index" / "signatures.parquet", fetch, most)
    places = ("source", "key", "path", "position", "split")
    return [
        NearDocument(
            dataset=f"{manifest.name}@{manifest.version}",
            **near._asdict(),
            **{name: rows[near.record_id][name] for name in places},
            text=texts[near.record_id],
        )
        for near in found
    ]
