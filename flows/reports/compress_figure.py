"""The Pareto front of a model and its smaller versions."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

from flows.reports.axes import linear, round_values, spread
from flows.reports.canvas import Canvas
from flows.reports.formats import quantity, short_count
from model.compress.stage import Compressed

Across = Literal["megabytes", "speed"]

_VALUES: Final[dict[Across, Callable[[Compressed], float]]] = {
    "megabytes": lambda one: one.model_bytes / 1e6,
    "speed": lambda one: one.tokens_per_second,
}
_LINE, _NAME = 14.0, 60.0
"""Pixels that a name takes down and across."""
_NAMES: Final[dict[Across, str]] = {"megabytes": "MB", "speed": "tokens per second"}


def front_figure(
    models: Sequence[Compressed], across: Across, width: float, height: float
) -> Canvas:
    """Draw bits per byte, with 95% intervals, against size or speed; hollow: beaten by another.

    Args:
        models: One or more.
        across: What lies on the horizontal axis.
        width: In pixels.
        height: In pixels.
    """
    canvas = Canvas(width, height)
    left, right, top, base = 42.0, width - 90, 14.0, height - 44
    low = min(one.bits_per_byte.low for one in models)
    high = max(one.bits_per_byte.high for one in models)
    room = max((high - low) * 0.08, 0.01)
    low, high = low - room, high + room
    most = max(_VALUES[across](one) for one in models) * 1.05
    x_of, y_of = linear(0, most, left, right), linear(low, high, base, top)
    for value in round_values(low, high, 5):
        canvas.line([(left, y_of(value)), (right, y_of(value))], "line", 0.8)
        canvas.text(
            left - 8, y_of(value) + 4, quantity(value), size=11, colour="soft", align="right"
        )
    for value in round_values(0, most, 3 if width < 400 else 5):
        label = short_count(value)
        canvas.text(x_of(value), base + 18, label, size=11, colour="soft", align="center")
    canvas.text(right, base + 36, _NAMES[across], size=11, colour="soft", align="right")
    places = []
    for one in models:
        x, colour = x_of(_VALUES[across](one)), "accent" if one.on_front else "faint"
        span = one.bits_per_byte
        canvas.line([(x, y_of(span.low)), (x, y_of(span.high))], colour, 1.4)
        canvas.dot(x, y_of(span.value), 4.5, colour, hollow=not one.on_front)
        places.append((y_of(span.value) + 4, x, one.name, one.on_front))
    places.sort()
    # A name stands right of its dot, or left of it where another dot is in the way.
    before = [
        x > left + _NAME
        and any(x < x2 < x + _NAME and abs(y2 - y) < _LINE for y2, x2, *_ in places)
        for y, x, *_ in places
    ]
    for side in (False, True):
        here = [place for place, own in zip(places, before, strict=True) if own is side]
        for (_, x, name, front), y in zip(
            here, spread([y for y, *_ in here], _LINE, top, base), strict=True
        ):
            canvas.text(
                x + (-10 if side else 10),
                y,
                name,
                size=12,
                colour="ink" if front else "soft",
                bold=front,
                align="right" if side else "left",
            )
    return canvas
