"""What a model's page shows, gathered into one value."""

import itertools
import re
from pathlib import Path
from typing import Any, Final

from data_contracts.checks import ContractResult
from data_contracts.frozen import Frozen
from data_contracts.manifest import ModelManifest
from data_contracts.results import EvaluateResult, Interval, Sample, TrainResult
from model.metrics import METRICS_FILE, read_metrics

CURVE_POINTS: Final = 300
"""Points of a curve; longer runs are averaged over this many stretches of steps."""

_LABEL: Final = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}@\d{4,}-[0-9a-f]{8}$")

Curve = tuple[tuple[float, float], ...]


class Predictor(Frozen):
    """How well one predictor does on one split."""

    name: str
    """`model`, or a baseline's name."""
    bits_per_byte: Interval
    """With its 95% interval."""


class SplitScores(Frozen):
    """All predictors on one split."""

    split: str
    """Which split."""
    documents: int
    """Documents measured."""
    text_bytes: int
    """UTF-8 bytes measured."""
    predictors: tuple[Predictor, ...]
    """The model first."""


class ModelReport(Frozen):
    """Everything on a model's page."""

    manifest: ModelManifest
    """What the version says of itself."""
    trained: TrainResult
    """What training cost and reached."""
    evaluated: EvaluateResult
    """Figures and samples."""
    dataset_page: str | None
    """Where the dataset's page is, relative to this one."""
    train_curve: Curve
    """(step, training loss), at most `CURVE_POINTS`."""
    validation_curve: Curve
    """(step, validation loss), as measured."""
    scores: tuple[SplitScores, ...]
    """Bits per byte, per split."""
    settings: dict[str, Any]
    """The training recipe."""
    samples: tuple[Sample, ...]
    """What the model writes."""
    judged: ContractResult | None = None
    """What the contract says of its figures; None: nobody asked."""


def gather_model(
    model: Path,
    manifest: ModelManifest,
    trained: TrainResult,
    evaluated: EvaluateResult,
    judged: ContractResult | None = None,
) -> ModelReport:
    """Gather what a model's page shows.

    Args:
        model: The version's folder: it holds metrics.jsonl.
        manifest: What the version says of itself.
        trained: What training returned.
        evaluated: What evaluation on the model's own dataset returned.
        judged: What the contract says of its figures.
    """
    train, validation = loss_curves(model / METRICS_FILE)
    settings = manifest.recipe.get("train")
    return ModelReport(
        manifest=manifest,
        trained=trained,
        evaluated=evaluated,
        dataset_page=_dataset_page(manifest.dataset),
        train_curve=train,
        validation_curve=validation,
        scores=_scores(evaluated),
        settings=settings if isinstance(settings, dict) else {},
        samples=evaluated.samples,
        judged=judged,
    )


def loss_curves(metrics: Path) -> tuple[Curve, Curve]:
    """Read the training loss (thinned) and the validation loss by step; none of a missing file."""
    rows = read_metrics(metrics)
    train = [(float(row.step), row.loss) for row in rows]
    validation = [
        (float(row.step), row.validation_loss) for row in rows if row.validation_loss is not None
    ]
    return _thinned(train), tuple(validation)


def _thinned(curve: list[tuple[float, float]]) -> Curve:
    """Average a long curve over stretches of equally many points."""
    if len(curve) <= CURVE_POINTS:
        return tuple(curve)
    edges = [len(curve) * number // CURVE_POINTS for number in range(CURVE_POINTS + 1)]
    stretches = [curve[start:end] for start, end in itertools.pairwise(edges)]
    return tuple(
        (
            sum(step for step, _ in stretch) / len(stretch),
            sum(loss for _, loss in stretch) / len(stretch),
        )
        for stretch in stretches
    )


def _scores(evaluated: EvaluateResult) -> tuple[SplitScores, ...]:
    splits = dict.fromkeys(one.split for one in evaluated.figures)
    scores = []
    for split in splits:
        figures = [one for one in evaluated.figures if one.split == split]
        figures.sort(key=lambda one: (one.predictor != "model", one.bits_per_byte.value))
        scores.append(
            SplitScores(
                split=split,
                documents=figures[0].documents,
                text_bytes=figures[0].text_bytes,
                predictors=tuple(
                    Predictor(name=one.predictor, bits_per_byte=one.bits_per_byte)
                    for one in figures
                ),
            )
        )
    return tuple(scores)


def _dataset_page(label: str) -> str | None:
    """Say where a dataset's page lies, seen from models/NAME/VERSION/."""
    if not _LABEL.match(label):
        return None
    name, _, version = label.partition("@")
    return f"../../../datasets/{name}/{version}/report.html"
