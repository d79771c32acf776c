"""How a model reads a text, joined with what it was trained on. No Prefect here."""

from pathlib import Path
from typing import Any

from data_contracts.errors import VersionUnknown
from data_contracts.frozen import Frozen
from data_contracts.manifest import MANIFEST_FILE, ModelManifest
from data_contracts.warehouse import Warehouse
from flows.near import NearDocument, find_near
from model.reading import Reading


class NearTrainingText(Frozen):
    """The documents of a dataset nearest to a text."""

    dataset: str
    """What was asked for."""
    documents: tuple[NearDocument, ...]
    """The nearest first; only those that share something with it."""


def near_training_text(
    warehouse: Path, model: Path, dataset: str | None, text: str, most: int
) -> NearTrainingText | None:
    """Find the documents nearest to a text in a dataset, by default the model's own.

    Args:
        warehouse: Where datasets are.
        model: The model's folder.
        dataset: NAME@VERSION or NAME; None: what the model says it was trained on.
        text: The text.
        most: How many.

    Returns:
        None when no dataset was named and the model's own is not known or no longer there.

    Raises:
        VersionUnknown: The dataset named is not there.
    """
    named = dataset
    if dataset is None:
        if not (model / MANIFEST_FILE).exists() or not Warehouse.at(warehouse).is_there:
            return None
        dataset = ModelManifest.load(model).dataset
    try:
        found = find_near(Warehouse.existing(warehouse), dataset, text, most)
    except VersionUnknown:
        if named is not None:
            raise
        return None
    near = tuple(one for one in found if one.similarity > 0)
    return NearTrainingText(dataset=dataset, documents=near)


def as_json(reading: Reading, near: NearTrainingText | None) -> dict[str, Any]:
    """Give a reading as plain values; attention maps are on the page only."""
    bits = None if reading.bits is None else [round(one, 4) for one in reading.bits.tolist()]
    return {
        "text": reading.text,
        "cut": reading.cut,
        "tokens": list(reading.pieces),
        "bits": bits,
        "likeliest": [[list(one) for one in some] for some in reading.alternatives],
        "chances": reading.chances,
        "explanations": [
            {
                "place": one.place,
                "predicted": one.predicted,
                "chance": one.chance,
                "start_nats": one.start,
                "shares_nats": [round(share, 5) for share in one.shares.tolist()],
                "missing_nats": one.missing,
            }
            for one in reading.explanations
        ],
        "near": None if near is None else near.model_dump(mode="json"),
    }
