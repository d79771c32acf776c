"""A figure of differences between two models: intervals against zero and the margin."""

from collections.abc import Sequence

from data_contracts.results import Interval
from flows.reports.axes import linear, round_values
from flows.reports.canvas import Align, Canvas

Row = tuple[str, Interval, str]
_PITCH, _NUMBERS = 40.0, 170.0


def difference_figure(rows: Sequence[Row], margin: float, width: float) -> Canvas:
    """Draw differences with their 95% intervals; left of 0 the candidate is better.

    Args:
        rows: (label, candidate less production in bits per byte, colour), top to bottom.
        margin: How much worse is still as good; drawn as a dashed limit.
        width: In pixels.
    """
    canvas = Canvas(width, _PITCH * len(rows) + 64)
    low = min([0.0, *(one.low for _, one, _ in rows)])
    high = max([margin, *(one.high for _, one, _ in rows)])
    room = max((high - low) * 0.1, 0.002)
    across = linear(low - room, high + room, 6, width - _NUMBERS)
    top, base = 30.0, _PITCH * len(rows) + 32
    for value in round_values(low - room, high + room, 3 if width < 400 else 5):
        canvas.line([(across(value), top), (across(value), base)], "line", 0.8)
        canvas.text(
            across(value), base + 17, f"{value:+.3g}", size=11, colour="soft", align="center"
        )
    canvas.line([(across(0), top - 6), (across(0), base)], "ink", 1.4)
    sides: tuple[tuple[str, float, float, Align], ...] = (
        ("better", across(0), -6, "right"),
        ("worse", width - _NUMBERS - across(0), 6, "left"),
    )
    for side, room, beside, align in sides:
        # Where 0 lies at an edge, there is nothing beyond it, nor room to name it.
        said = next((name for name in (f"candidate {side}", side) if room > 7 * len(name)), "")
        canvas.text(across(0) + beside, 16, said, size=11, colour="soft", align=align)
    canvas.line([(across(margin), top), (across(margin), base)], "limit", 1.4, dashed=True)
    canvas.text(
        width,
        base + 17,
        f"limit {margin:+.3f}, 95% intervals",
        size=11,
        colour="soft",
        align="right",
    )
    for number, (label, one, colour) in enumerate(rows):
        y = top + number * _PITCH + 24
        canvas.text(width, y - 3, label, size=12, bold=number == 0, align="right")
        span = f"{one.value:+.4f}"
        if one.low < one.high:  # one document, or none that differs, has no interval
            canvas.line([(across(one.low), y), (across(one.high), y)], colour, 2.5)
            for end in (one.low, one.high):
                canvas.line([(across(end), y - 4), (across(end), y + 4)], colour, 1.2)
            span += f" ({one.low:+.3f} to {one.high:+.3f})"
        canvas.dot(across(one.value), y, 4.5, colour)
        canvas.text(width, y + 12, span, size=11, colour="soft", align="right")
    return canvas
