"""A figure of one number over the versions of a dataset or model."""

from collections.abc import Callable, Sequence
from typing import Final

from flows.reports.axes import linear, round_values
from flows.reports.canvas import Canvas

SHOWN: Final = 40
"""Versions drawn; of more, the latest."""


def trend(
    points: Sequence[tuple[str, float]],
    width: float,
    height: float,
    written: Callable[[float], str],
    *,
    from_zero: bool = False,
) -> Canvas:
    """Draw a number per version as dots on a line, the last one with its value.

    Args:
        points: (counter of the version, number), oldest first.
        width: In pixels.
        height: In pixels.
        written: How a number is written.
        from_zero: Whether the axis begins at 0, as it must where sizes are compared.
    """
    canvas = Canvas(width, height)
    points = points[-SHOWN:]
    if not points:
        canvas.text(0, 20, "Nothing was measured yet.", colour="soft", size=12)
        return canvas
    values = [value for _, value in points]
    low, high = min(values), max(values)
    room = max((high - low) * 0.15, abs(high) * 0.02, 1e-9)
    low, high = (0.0 if from_zero else low - room), high + room
    left, right, top, base = 44.0, width - 58, 10.0, height - 22
    alone = len(points) == 1  # it stands in the middle: there is no trend yet
    across = linear(-1 if alone else 0, 1 if alone else len(points) - 1, left + 6, right)
    down = linear(low, high, base, top)
    for value in round_values(low, high, 3):
        canvas.line([(left, down(value)), (right + 6, down(value))], "line", 0.8)
        canvas.text(
            left - 6, down(value) + 4, written(value), size=11, colour="soft", align="right"
        )
    places = [(across(number), down(value)) for number, value in enumerate(values)]
    if len(places) > 1:
        canvas.line(places, "accent", 2)
    for number, (x, y) in enumerate(places):
        canvas.dot(x, y, 4.5 if number == len(places) - 1 else 3, "accent")
    step = max(1, -(-len(points) // (6 if width > 300 else 4)))
    for number in range(len(points) - 1, -1, -step):
        canvas.text(
            across(number), base + 17, points[number][0], size=11, colour="soft", align="center"
        )
    x, y = places[-1]
    canvas.text(x + 10, y + 4, written(values[-1]), size=12, bold=True)
    return canvas
