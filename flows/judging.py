"""Candidate against production: the documents that both may be judged by, and the verdict on them.

Works without Prefect: `mill compare` and the flows call the same.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.errors import TooFewCommonDocuments
from data_contracts.fingerprint import fingerprint
from data_contracts.gate import require_passed
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.progress import Progress, silent
from data_contracts.split import Split
from data_contracts.verdict import Comparison
from data_contracts.warehouse import Warehouse
from flows.publish import Published, published_dataset, published_model
from flows.recipe import Recipe, parse_recipe
from model.documents import document_batches, text_bytes
from pipeline.dedup.held_out.unseen import seen_in_training

_HELD_OUT = (Split.VALIDATION, Split.TEST)


def compare_models(
    warehouse: Warehouse, candidate: str, production: str, progress: Progress = silent
) -> Comparison:
    """Measure two model versions on documents that neither was trained on; reuse what was measured.

    Held out of both datasets, by record, and in neither's training text by 13-grams; the text is as
    the candidate's dataset has it. Settings are those of the candidate's recipe.

    Args:
        warehouse: Where both are, with the datasets that they were trained on.
        candidate: NAME@VERSION, NAME, or NAME@candidate.
        production: Another.
        progress: Told of models measured.

    Raises:
        VersionUnknown: A model, or the dataset of one, is not there.
        TooFewCommonDocuments: No document may be measured.
    """
    from model.compare import COMPARE_VERSION, compare  # noqa: PLC0415 - it loads torch

    models = [published_model(warehouse, one) for one in (candidate, production)]
    datasets = [
        published_dataset(warehouse, ModelManifest.load(one.path).dataset) for one in models
    ]
    recipe = _recipe(models[0])
    settings = recipe.promotion
    decides = settings.model_dump(exclude={"policy", "margin_bits_per_byte"})
    key = fingerprint(
        [
            [one.fingerprint for one in (*models, *datasets)],
            decides,
            settings.margin_bits_per_byte,
            COMPARE_VERSION,
        ]
    )
    place = warehouse.comparison_file(models[0].name, key)
    done = Comparison.load(place)
    if done is not None:
        return done
    documents, shared, seen = common_documents(datasets[0], datasets[1], settings.max_text_bytes)
    found = compare(models[0].path, models[1].path, documents, settings, recipe.evaluate, progress)
    comparison = Comparison(
        candidate=models[0].label,
        production=models[1].label,
        candidate_dataset=datasets[0].label,
        production_dataset=datasets[1].label,
        held_out_in_both=shared,
        seen_in_training=seen,
        documents=documents.num_rows,
        text_bytes=int(text_bytes(documents["text"]).sum()),
        candidate_bits_per_byte=found.candidate,
        production_bits_per_byte=found.production,
        difference=found.difference,
        margin=settings.margin_bits_per_byte,
        verdict=found.verdict,
        sources=found.sources,
    )
    comparison.save(place)
    return comparison


def common_documents(
    candidate: Published, production: Published, max_bytes: int | None
) -> tuple[pa.Table, int, int]:
    """Find the documents that two dataset versions both hold out and neither trains on.

    Args:
        candidate: A dataset version; the text is as it has it.
        production: Another, or the same.
        max_bytes: Take whole documents, by record id, until this many bytes (None: all).

    Returns:
        PUBLISHED_DOCUMENTS by record id; how many both hold out; how many of those are left out
        because training text repeats 13 of their tokens.

    Raises:
        TooFewCommonDocuments: None is left.
        GateRefused: A version did not pass its contract, or is not what passed.
    """
    for one in (candidate, production):
        require_passed(one.path)
    ours, theirs = _held_out(candidate.path), _held_out(production.path)
    shared = ours.filter(pc.is_in(ours["record_id"], value_set=theirs["record_id"]))
    shared = shared.sort_by("record_id")
    if not shared.num_rows:
        raise TooFewCommonDocuments(candidate.label, production.label)
    texts = shared["text"].combine_chunks()
    seen = np.zeros(shared.num_rows, np.bool_)
    for place in sorted({candidate.path, production.path}):
        training = sorted((place / "documents" / Split.TRAIN).glob("*.arrow"))
        seen |= seen_in_training(texts, training, _common_documents(place))
    kept = shared.filter(pa.array(~seen))
    if not kept.num_rows:
        raise TooFewCommonDocuments(candidate.label, production.label)
    if max_bytes is not None:
        ends = np.cumsum(text_bytes(kept["text"]))
        kept = kept.slice(0, int(np.searchsorted(ends, max_bytes)) + 1)
    return kept, shared.num_rows, int(seen.sum())


def _held_out(dataset: Path) -> pa.Table:
    batches = [
        batch for split in _HELD_OUT for batch in document_batches(dataset / "documents" / split)
    ]
    return pa.Table.from_batches(batches)


def _common_documents(dataset: Path) -> int | None:
    manifest = DatasetManifest.load(dataset)
    return parse_recipe(manifest.recipe, dataset).dedup.common_ngram_documents


def _recipe(model: Published) -> Recipe:
    return parse_recipe(ModelManifest.load(model.path).recipe, model.path)
