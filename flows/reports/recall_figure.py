"""The S-curve of deduplication: how likely a near-duplicate is to be found, by its similarity."""

from collections.abc import Sequence
from typing import Final

from data_contracts.planted_recall import PlantedRecall, RecallPoint
from flows.reports.axes import Scale, linear
from flows.reports.canvas import Canvas
from flows.reports.formats import quantity

_LOWEST: Final = 0.4
_STEPS: Final = 120


def recall_figure(
    planted: PlantedRecall, bands: int, rows: int, threshold: float | None, width: float
) -> Canvas:
    """Draw what theory says, 1 - (1 - s^rows)^bands, and what this run measured on planted pairs.

    Args:
        planted: The run's own measurements.
        bands: Bands of the signature.
        rows: Values per band.
        threshold: The recipe's least similarity of a duplicate; None: it is not known.
        width: In pixels.
    """
    height = 250.0
    canvas = Canvas(width, height)
    points = sorted([*planted.curve, planted.at_threshold], key=lambda one: one.similarity)
    low = min(_LOWEST, *(one.similarity for one in points))
    left, right, top, base = 38.0, width - 10, 22.0, height - 40
    across, up = linear(low, 1, left, right), linear(0, 1, base, top)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        canvas.line([(left, up(share)), (right, up(share))], "line", 0.8)
        canvas.text(left - 7, up(share) + 4, f"{share:.0%}", size=11, colour="soft", align="right")
    for tenth in range(round(low * 10), 11, 1 if width > 400 else 2):
        x = across(tenth / 10)
        if x >= left - 1:
            canvas.text(x, base + 17, f"{tenth / 10:g}", size=11, colour="soft", align="center")
    canvas.text(
        (left + right) / 2, base + 35, "exact Jaccard similarity of the pair", size=11,
        colour="soft", align="center",
    )  # fmt: skip
    if threshold is not None and low <= threshold <= 1:
        x = across(threshold)
        canvas.line([(x, top - 4), (x, base)], "limit", 1.2, dashed=True)
        label = f"threshold {quantity(threshold)}, target {planted.target:.0%}"
        canvas.text(x - 5, top - 8, label, size=11, colour="limit", align="right")
    curve = [low + (1 - low) * step / _STEPS for step in range(_STEPS + 1)]
    theory = [(across(s), up(1 - (1 - s**rows) ** bands)) for s in curve]
    canvas.line(theory, "faint", 1.6)
    _measured(canvas, points, across, up)
    return canvas


def _measured(canvas: Canvas, points: Sequence[RecallPoint], across: Scale, up: Scale) -> None:
    for one in points:
        x = across(one.similarity)
        canvas.line([(x, up(one.low)), (x, up(one.high))], "accent", 2)
        canvas.dot(x, up(one.recall), 4, "accent")
