"""A stage's records at a glance: one bar per source, kept and dropped."""

from collections.abc import Mapping
from typing import Final

from flows.reports.canvas import Canvas
from flows.reports.formats import count, percent
from flows.reports.palette import hue

WIDTH: Final = 720
SOURCES_SHOWN: Final = 20
"""Bars at most; the table beside the figure has all."""


def kept_and_dropped(sources: Mapping[str, tuple[int, int]]) -> Canvas:
    """Draw records in and kept per source, the largest first, on one scale.

    Args:
        sources: (records in, records kept) per source.
    """
    rows = sorted(sources.items(), key=lambda item: -item[1][0])[:SOURCES_SHOWN]
    pitch, label, numbers = 30.0, 168.0, 170.0
    canvas = Canvas(WIDTH, pitch * len(rows) + 44)
    most = max((records for _, (records, _) in rows), default=0) or 1
    scale = (WIDTH - label - numbers - 20) / most
    for number, (name, (records, kept)) in enumerate(rows):
        y = number * pitch + 18
        canvas.text(label - 10, y + 13, name[:24], size=12, bold=True, align="right")
        canvas.rectangle(label, y, kept * scale, 17, hue(0))
        canvas.rectangle(label + kept * scale, y, (records - kept) * scale, 17, "lost-1")
        text = f"{count(kept)} of {count(records)} · {percent(kept, records)}"
        canvas.text(label + records * scale + 10, y + 13, text, size=12, colour="soft")
    foot = pitch * len(rows) + 22
    canvas.rectangle(label, foot, 10, 10, hue(0))
    canvas.text(label + 16, foot + 9, "handed on", size=11, colour="soft")
    canvas.rectangle(label + 96, foot, 10, 10, "lost-1")
    canvas.text(label + 112, foot + 9, "dropped", size=11, colour="soft")
    return canvas
