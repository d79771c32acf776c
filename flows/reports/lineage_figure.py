"""A figure of what a dataset version was made of: its sources, and the version before it."""

from collections.abc import Mapping, Sequence
from typing import Final

from flows.reports.axes import spread
from flows.reports.canvas import CURVE, MOVE, Canvas
from flows.reports.formats import short_count

SHOWN: Final = 12
"""Sources drawn one by one; the others share a row."""
_PITCH: Final = 34.0


def lineage_figure(
    label: str,
    sources: Sequence[tuple[str, int]],
    parent: str | None,
    colours: Mapping[str, str],
    width: float,
) -> Canvas:
    """Draw sources flowing into a version, and the version that it follows.

    Args:
        label: The version, as people call it.
        sources: Name and records kept of each source.
        parent: The version before; None: it is the first.
        colours: Colour of each source.
        width: In pixels.
    """
    rows = list(sources[:SHOWN])
    rest = sources[SHOWN:]
    if rest:
        rows.append((f"{len(rest):,} more sources", sum(kept for _, kept in rest)))
    height = max(_PITCH * len(rows), 120.0) + 12
    canvas = Canvas(width, height)
    middle = height / 2
    start, end = width * 0.36, width * 0.62
    places = spread(
        [middle + (n - (len(rows) - 1) / 2) * _PITCH for n in range(len(rows))],
        _PITCH,
        16,
        height - 16,
    )
    most = max((kept for _, kept in rows), default=0) or 1
    for (name, kept), y in zip(rows, places, strict=True):
        half = (start + end) / 2
        points = [(start, y), (half, y), (half, middle), (end, middle)]
        thickness = 1.0 + 7.0 * kept / most
        canvas.curve(points, [MOVE, CURVE, CURVE, CURVE], colours.get(name, "faint"), thickness)
        canvas.text(start - 10, y, name, size=12, bold=True, align="right")
        canvas.text(
            start - 10, y + 13, f"{short_count(kept)} kept", size=11, colour="soft", align="right"
        )
    canvas.dot(end + 6, middle, 7, "accent")
    canvas.text(end + 22, middle - 2, label, size=13, bold=True)
    after = f"follows {parent}" if parent else "the first version"
    canvas.text(end + 22, middle + 14, after, size=11, colour="soft")
    return canvas
