"""Scales of a figure: where a value lies in pixels, and which round values to mark."""

import math
from collections.abc import Callable, Sequence
from typing import Final, Literal

Scale = Callable[[float], float]

_SPAN_FLOOR: Final = 1e-12


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Map values linearly to pixels."""
    span = max(high - low, _SPAN_FLOOR)
    return lambda value: start + (value - low) / span * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """Map values by their logarithm; values under 1 lie where a half would."""
    inner = linear(_log(low), _log(high), start, end)
    return lambda value: inner(_log(value))


def scale_of(
    kind: Literal["linear", "log"], low: float, high: float, start: float, end: float
) -> Scale:
    """Make the scale that a figure asks for."""
    return (logarithmic if kind == "log" else linear)(low, high, start, end)


def _log(value: float) -> float:
    return math.log10(max(value, 0.5))


def round_values(low: float, high: float, wanted: int) -> list[float]:
    """Choose about `wanted` round values (1, 2 or 5 times a power of ten) from low to high."""
    span = max(high - low, _SPAN_FLOOR)
    raw = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def powers_of_ten(low: float, high: float, wanted: int) -> list[float]:
    """Choose powers of ten from low to high, every one or every second (third …) one."""
    first, last = math.ceil(_log(low) - 1e-9), math.floor(_log(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / max(wanted, 1)))
    return [10.0**exponent for exponent in range(first, last + 1, step)]


def marks(kind: Literal["linear", "log"], low: float, high: float, wanted: int) -> list[float]:
    """Choose the values to mark on an axis."""
    chosen = powers_of_ten(low, high, wanted) if kind == "log" else []
    return chosen if len(chosen) > 1 else round_values(low, high, wanted)


def occupied(counts: Sequence[int]) -> tuple[int, int]:
    """Find the first and the last bin that holds something, as a half-open range."""
    filled = [number for number, count in enumerate(counts) if count]
    return (filled[0], filled[-1] + 1) if filled else (0, len(counts))


def spread(wanted: Sequence[float], pitch: float, low: float, high: float) -> list[float]:
    """Move labels apart just as far as they need: `wanted` ascends, neighbours keep `pitch`.

    Labels that do not fit between `low` and `high` at that pitch share the room evenly.
    """
    if not wanted:
        return []
    pitch = min(pitch, (high - low) / max(len(wanted) - 1, 1))
    places: list[float] = []
    for target in wanted:
        places.append(max(target, places[-1] + pitch if places else low))
    ceiling = high
    for number in range(len(places) - 1, -1, -1):
        places[number] = min(places[number], ceiling)
        ceiling = places[number] - pitch
    return places
