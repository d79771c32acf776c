"""Figures of a model: how the loss fell, and how scores lie with their intervals."""

from collections.abc import Sequence

from data_contracts.results import Interval
from flows.reports.axes import linear, marks, round_values, spread
from flows.reports.canvas import Canvas
from flows.reports.formats import quantity, short_count
from flows.reports.model_report import Curve


def loss_figure(train: Curve, validation: Curve, width: float, height: float) -> Canvas:
    """Draw training and validation loss by step; the losses end in their last value.

    Args:
        train: (step, nats per token).
        validation: (step, nats per token).
        width: In pixels.
        height: In pixels.
    """
    canvas = Canvas(width, height)
    points = [*train, *validation]
    if not points:
        canvas.text(0, 20, "No step was recorded.", colour="soft")
        return canvas
    left, right, top, base = 34.0, width - 66, 12.0, height - 26
    last_step = max(step for step, _ in points)
    low, high = _loss_range(points)
    across, down = linear(0, last_step, left, right), linear(low, high, base, top)
    for value in round_values(low, high, 5):
        canvas.line([(left, down(value)), (right, down(value))], "line", 0.8)
        canvas.text(
            left - 8, down(value) + 4, quantity(value), size=11, colour="soft", align="right"
        )
    steps = marks("linear", 0, last_step, 4 if width < 400 else 8)
    for value in steps:
        text = short_count(value) + (" steps" if value == steps[-1] else "")
        canvas.text(across(value), base + 18, text, size=11, colour="soft", align="center")
    ends = []
    for name, curve, colour, thickness in (
        ("train", train, "faint", 1.2),
        ("validation", validation, "accent", 2.4),
    ):
        if len(curve) > 1:
            canvas.line([(across(x), down(min(y, high))) for x, y in curve], colour, thickness)
        if curve:
            ends.append((down(min(curve[-1][1], high)), name, curve[-1][1], colour))
    if validation:
        canvas.dot(across(validation[-1][0]), down(min(validation[-1][1], high)), 3.5, "accent")
    _end_labels(canvas, sorted(ends), right + 8)
    return canvas


def _loss_range(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Leave the first steps out of the range where they would flatten all that follows."""
    last_step = max(step for step, _ in points)
    settled = [loss for step, loss in points if step >= last_step * 0.01] or [points[0][1]]
    low, high = min(settled), max(settled)
    room = max((high - low) * 0.06, 0.02)
    return low - room, high + room


def _end_labels(canvas: Canvas, ends: Sequence[tuple[float, str, float, str]], x: float) -> None:
    places = spread([y + 4 for y, *_ in ends], 31, 14, canvas.height - 44)
    for (_, name, value, colour), y in zip(ends, places, strict=True):
        main = colour == "accent"
        canvas.text(x, y, f"{value:.3f}", size=12, colour="ink" if main else "soft", bold=main)
        canvas.text(x, y + 13, name, size=11, colour="soft")


Row = tuple[str, Interval, str]


def interval_figure(rows: Sequence[Row], width: float) -> Canvas:
    """Draw estimates with their 95% intervals on one scale, one row each.

    Args:
        rows: (label, estimate, colour), top to bottom.
        width: In pixels.
    """
    pitch, numbers = 46.0, 128.0
    canvas = Canvas(width, pitch * len(rows) + 28)
    if not rows:
        return canvas
    low = min(one.low for _, one, _ in rows)
    high = max(one.high for _, one, _ in rows)
    room = max((high - low) * 0.08, 0.02)
    low, high = max(low - room, 0.0), high + room
    across = linear(low, high, 6, width - numbers)
    base = pitch * len(rows) + 2
    for value in round_values(low, high, 3 if width < 400 else 6):
        canvas.line([(across(value), 2), (across(value), base)], "line", 0.8)
        canvas.text(
            across(value), base + 17, quantity(value), size=11, colour="soft", align="center"
        )
    canvas.text(width, base + 17, "95% interval", size=11, colour="soft", align="right")
    for number, (label, one, colour) in enumerate(rows):
        y = number * pitch + 16
        middle = y + 14
        canvas.text(0, y, label, size=12, bold=True)
        canvas.line([(across(one.low), middle), (across(one.high), middle)], colour, 2.5)
        for end in (one.low, one.high):
            canvas.line([(across(end), middle - 4), (across(end), middle + 4)], colour, 1.2)
        canvas.dot(across(one.value), middle, 4.5, colour)
        canvas.text(width, y + 1, f"{one.value:.3f}", size=13, bold=True, align="right")
        # The interval over a single document is a point: it says nothing of certainty.
        certain = one.low < one.high
        span = f"{one.low:.3f} to {one.high:.3f}" if certain else "one document"
        canvas.text(width, y + 18, span, size=11, colour="soft", align="right")
    return canvas
