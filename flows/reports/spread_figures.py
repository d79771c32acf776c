"""Figures of how numbers are spread: histograms with thresholds, and ranges per source."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from data_contracts.quality import QUANTILES, Distribution, SignalQuality
from flows.reports.axes import Scale, marks, occupied, scale_of
from flows.reports.canvas import Align, Canvas
from flows.reports.dataset_report import Limit
from flows.reports.formats import short_count

SOURCES_SHOWN: Final = 12
"""Rows of `ranges`."""
_FOOT: Final = 22.0
_LIMIT_LINE: Final = 14.0
_LETTER: Final = 6.2
"""Width of a letter of the smallest text, generously."""
_AT: Final = {quantile: number for number, quantile in enumerate(QUANTILES)}


def quantile_of(distribution: Distribution, quantile: float) -> float:
    """Look up one of `QUANTILES` of a distribution that has values."""
    return distribution.quantiles[_AT[quantile]]


def histogram(
    signal: SignalQuality,
    width: float,
    height: float,
    limits: Sequence[Limit] = (),
    grow: Callable[[float], float] = float,
) -> Canvas:
    """Draw records per bin: kept ones, and on top of them those that are not in the dataset.

    Args:
        signal: The number to show, over all sources.
        width: In pixels.
        height: In pixels.
        limits: Thresholds that rules compare it with.
        grow: How bars grow with their count; a square root lets rare values show.
    """
    measured, kept = signal.total.measured, signal.total.kept
    canvas = Canvas(width, height)
    first, last = _shown_bins(signal, limits)
    edges = signal.edges[first : last + 1]
    across = scale_of(signal.scale, edges[0], edges[-1], 1, width - 1)
    labels = _limit_labels(limits)
    base, top = height - _FOOT, 6.0 + _LIMIT_LINE * len(labels)
    unit = (base - top) / grow(max(measured.counts[first:last], default=0) or 1)
    for number in range(first, last):
        left, right = across(signal.edges[number]), across(signal.edges[number + 1])
        gap = 1.0 if right - left > 3 else 0.0
        inside, whole = grow(kept.counts[number]) * unit, grow(measured.counts[number]) * unit
        for low, high, colour in ((0.0, inside, "accent"), (inside, whole, "lost-1")):
            if high > low:
                # A bin of one record among thousands must not vanish.
                tall = max(high - low, 0.8)
                canvas.rectangle(left, base - low - tall, right - left - gap, tall, colour)
    canvas.line([(0, base), (width, base)], "faint", 0.8)
    _value_axis(canvas, signal.scale, (edges[0], edges[-1]), across, base)
    for number, (text, value) in enumerate(labels):
        # Lines start below all labels, so that none runs through another's label.
        _draw_limit(canvas, text, across(value), (number + 1) * _LIMIT_LINE - 2, top)
    return canvas


def _limit_labels(limits: Sequence[Limit]) -> list[tuple[str, float]]:
    """Name each threshold; one that several sections of the recipe share is named once."""
    sections: dict[tuple[str, float], list[str]] = {}
    for limit in limits:
        key = ("min" if limit.least else "max", limit.value)
        section = limit.rules.removesuffix("rules").strip("_")
        sections.setdefault(key, []).append(section if section != "clean" else "")
    return [
        (f"{side} {short_count(value)} {'' if '' in names else ', '.join(names)}".strip(), value)
        for (side, value), names in sorted(sections.items(), key=lambda item: item[0][1])
    ]


def _shown_bins(signal: SignalQuality, limits: Sequence[Limit]) -> tuple[int, int]:
    """Choose the bins that hold records, and those up to each threshold."""
    first, last = occupied(signal.total.measured.counts)
    for limit in limits:
        for number, (low, high) in enumerate(zip(signal.edges, signal.edges[1:], strict=False)):
            if low <= limit.value <= high:
                first, last = min(first, number), max(last, number + 1)
                break
    return first, last


def _value_axis(
    canvas: Canvas, kind: str, ends: tuple[float, float], across: Scale, base: float
) -> None:
    wanted = 3 if canvas.width < 400 else 6
    for value in marks("log" if kind == "log" else "linear", *ends, wanted):
        x = across(value)
        align: Align = "left" if x < 14 else "right" if x > canvas.width - 14 else "center"
        canvas.line([(x, base), (x, base + 4)], "faint", 0.8)
        canvas.text(
            x,
            base + 17,
            short_count(value),
            size=11,
            colour="soft",
            align=align,
        )


def _draw_limit(canvas: Canvas, text: str, x: float, y: float, top: float) -> None:
    canvas.line([(x, top - 2), (x, canvas.height - _FOOT)], "limit", 1.2, dashed=True)
    room_right = x < canvas.width - _LETTER * len(text)
    align: Align = "left" if room_right else "right"
    canvas.text(x - 2 if room_right else x + 2, y, text, size=11, colour="limit", align=align)


def ranges(signal: SignalQuality, colours: Mapping[str, str], width: float) -> Canvas:
    """Draw, per source, where kept documents lie: 5th to 95th percentile, quartiles, median.

    Of many sources it shows the `SOURCES_SHOWN` that have most documents.
    """
    rows = [(name, one.kept) for name, one in signal.sources.items() if one.kept.values]
    least = sorted((kept.values for _, kept in rows), reverse=True)[:SOURCES_SHOWN]
    rows = [row for row in rows if row[1].values >= least[-1]][:SOURCES_SHOWN]
    pitch, numbers = 46.0, 74.0
    canvas = Canvas(width, pitch * len(rows) + 30)
    if not rows:
        return canvas
    low = max(min(quantile_of(kept, 0.05) for _, kept in rows) * 0.8, 0.5)
    high = max(quantile_of(kept, 0.95) for _, kept in rows) * 1.2
    across = scale_of(signal.scale, low, high, 6, width - numbers)
    base = pitch * len(rows) + 4
    for value in marks(signal.scale, low, high, 3 if width < 400 else 6):
        x = across(value)
        canvas.line([(x, 2), (x, base)], "line", 0.8)
        canvas.text(x, base + 17, short_count(value), size=11, colour="soft", align="center")
    for number, (name, kept) in enumerate(rows):
        y = number * pitch + 16
        colour = colours.get(name, "faint")
        p5, p25, p50, p75, p95 = (quantile_of(kept, q) for q in (0.05, 0.25, 0.5, 0.75, 0.95))
        canvas.text(0, y, name, size=12, bold=True)
        canvas.text(width, y + 18, short_count(p50), size=12, colour="soft", align="right")
        middle = y + 14
        canvas.line([(across(p5), middle), (across(p95), middle)], colour, 2)
        canvas.line([(across(p25), middle), (across(p75), middle)], colour, 7)
        canvas.dot(across(p50), middle, 5, colour, hollow=True)
    canvas.text(width, base + 17, "median", size=11, colour="soft", align="right")
    return canvas
