"""Figures of what a model knows: how context helps it, whether it is as right as it is sure."""

from collections.abc import Sequence

from data_contracts.measures import Calibration, PositionFigures
from flows.reports.axes import linear, round_values
from flows.reports.canvas import Canvas
from flows.reports.formats import quantity, short_count


def position_figure(positions: Sequence[PositionFigures], width: float, height: float) -> Canvas:
    """Draw bits per byte by tokens read before, stretches evenly apart, with 95% intervals.

    Args:
        positions: Stretches in their order, one or more.
        width: In pixels.
        height: In pixels.
    """
    canvas = Canvas(width, height)
    left, right, top, base = 34.0, width - 24, 14.0, height - 44
    low = min(one.bits_per_byte.low for one in positions)
    high = max(one.bits_per_byte.high for one in positions)
    room = max((high - low) * 0.06, 0.02)
    low, high = max(low - room, 0.0), high + room
    down = linear(low, high, base, top)
    across = linear(0, max(len(positions) - 1, 1), left + 14, right - 14)
    for value in round_values(low, high, 5):
        canvas.line([(left, down(value)), (right, down(value))], "line", 0.8)
        canvas.text(
            left - 8, down(value) + 4, quantity(value), size=11, colour="soft", align="right"
        )
    places = [(across(number), one) for number, one in enumerate(positions)]
    upper = [(x, down(one.bits_per_byte.high)) for x, one in places]
    lower = [(x, down(one.bits_per_byte.low)) for x, one in places]
    if len(places) > 1:
        canvas.polygon([*upper, *reversed(lower)], "wash")
        canvas.line([(x, down(one.bits_per_byte.value)) for x, one in places], "accent", 2.4)
    every = 2 if width < 400 and len(places) > 6 else 1
    for number, (x, one) in enumerate(places):
        canvas.dot(x, down(one.bits_per_byte.value), 3.5, "accent")
        if number % every == 0:
            canvas.text(x, base + 18, _span(one), size=11, colour="soft", align="center")
    canvas.text(right, base + 36, "tokens read before", size=11, colour="soft", align="right")
    return canvas


def _span(one: PositionFigures) -> str:
    if one.first == one.last:
        return str(one.first)
    return f"{short_count(one.first)} to {short_count(one.last)}"


def reliability_figure(calibration: Calibration, width: float, height: float) -> Canvas:
    """Draw how often the likeliest token was right against how sure the model was of it.

    The areas of the dots grow with the tokens behind them; on the dashed line a model is as often
    right as it is sure.

    Args:
        calibration: Bins with tokens.
        width: In pixels.
        height: In pixels.
    """
    canvas = Canvas(width, height)
    left, right, top, base = 40.0, width - 16, 12.0, height - 44
    across, down = linear(0, 1, left, right), linear(0, 1, base, top)
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        canvas.line([(left, down(value)), (right, down(value))], "line", 0.8)
        label = f"{value:.0%}"
        canvas.text(left - 8, down(value) + 4, label, size=11, colour="soft", align="right")
        canvas.text(across(value), base + 18, label, size=11, colour="soft", align="center")
    canvas.line([(left, base), (right, top)], "faint", 1.2, dashed=True)
    canvas.text(right, base + 36, "probability it gave", size=11, colour="soft", align="right")
    canvas.text(left + 6, top + 12, "share that was right", size=11, colour="soft")
    bins = calibration.bins
    points = [(across(one.confidence), down(one.accuracy)) for one in bins]
    if len(points) > 1:
        canvas.line(points, "accent", 1.6)
    most = max(one.tokens for one in bins)
    for (x, y), one in zip(points, bins, strict=True):
        canvas.dot(x, y, 2.5 + 7.5 * (one.tokens / most) ** 0.5, "accent")
    return canvas
