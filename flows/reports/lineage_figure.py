"""A figure of what a dataset version was made of: its sources, and the version before it."""

from collections.abc import Mapping, Sequence
from typing import Final

from flows.reports.axes import spread
from flows.reports.canvas import CURVE, MOVE, Align, Canvas
from flows.reports.formats import short_count
from flows.reports.visible_text import one_line

SHOWN: Final = 12
"""Sources drawn one by one; the others share a row."""
_PITCH: Final = 34.0
_NARROW: Final = 500.0
_NAME_CHARACTERS: Final = 22


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
    # On a phone the version stands above the stream: beside it there is no room.
    is_narrow = width < _NARROW
    head = 48.0 if is_narrow else 0.0
    height = head + max(_PITCH * len(rows), 120.0) + 12
    canvas = Canvas(width, height)
    middle = head + (height - head) / 2
    start, end = (width * 0.5, width - 14) if is_narrow else (width * 0.3, width * 0.64)
    wanted = [middle + (number - (len(rows) - 1) / 2) * _PITCH for number in range(len(rows))]
    places = spread(wanted, _PITCH, head + 16, height - 16)
    most = max((kept for _, kept in rows), default=0) or 1
    half = (start + end) / 2
    for (name, kept), y in zip(rows, places, strict=True):
        stream = [(start, y), (half, y), (half, middle), (end, middle)]
        thickness = 1.0 + 7.0 * kept / most
        canvas.curve(stream, [MOVE, CURVE, CURVE, CURVE], colours.get(name, "faint"), thickness)
        shown = one_line(name, _NAME_CHARACTERS if is_narrow else 2 * _NAME_CHARACTERS)
        canvas.text(start - 10, y, shown, size=12, bold=True, align="right")
        told = f"{short_count(kept)} kept"
        canvas.text(start - 10, y + 13, told, size=11, colour="soft", align="right")
    canvas.dot(end + 6, middle, 7, "accent")
    x, y = (width, 14.0) if is_narrow else (end + 22, middle - 2)
    align: Align = "right" if is_narrow else "left"
    after = f"follows {parent}" if parent else "the first version"
    canvas.text(x, y, one_line(label, 44), size=13, bold=True, align=align)
    canvas.text(x, y + 16, after, size=11, colour="soft", align=align)
    return canvas
