"""The funnel: every record from where it came in to where it ended, drawn to one scale.

Wide: a stream of one band per source that narrows at each stage; what a stage drops leaves it below
and runs on to the right edge, so that the right edge holds every record that came in. Narrow, for
a phone: one bar per stage.
"""

import itertools
from collections.abc import Sequence
from typing import Final

from flows.reports.axes import spread
from flows.reports.canvas import CLOSE, CURVE, LINE, MOVE, Canvas, Point
from flows.reports.formats import count, percent, short_count, words
from flows.reports.funnel import Funnel, Loss
from flows.reports.palette import HUES, hue

WIDE: Final = 1120
NARROW: Final = 343

STEP_TITLES: Final = {
    "ingest": "read",
    "clean": "passed clean",
    "dedup": "unique",
    "validate": "validated",
    "shard": "placed",
}
"""What the records left after a stage are."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 176, 268, 74, 12
_STREAM_HEIGHT: Final = 400
_BAND_GAP: Final = 2.0
_LOSS_GAP: Final = 14.0
_NODE: Final = 5.0
_STREAM_OPACITY: Final = 0.78
_LABEL_PITCH: Final = 36.0
_LEAST_THICKNESS: Final = 1.2  # one record among a million must not vanish


def funnel_wide(funnel: Funnel) -> Canvas:
    """Draw the funnel for a desktop page, 1120 pixels wide."""
    bands = _bands(funnel)
    losses = [(step, loss) for step, loss in enumerate(funnel.losses) if loss.records]
    labels_height = (len(bands) + len(losses)) * _LABEL_PITCH
    height = max(_STREAM_HEIGHT, labels_height) + _TOP + _BOTTOM + _LOSS_GAP * len(losses)
    canvas = Canvas(WIDE, height)
    scale = (
        height - _TOP - _BOTTOM - _LOSS_GAP * len(losses) - _BAND_GAP * (len(bands) - 1)
    ) / max(funnel.total(0), 1)
    columns = _columns(len(funnel.losses))
    edges = [_stacked([counts[step] for _, counts in bands], scale) for step in range(len(columns))]
    for number, _ in enumerate(bands):
        colour = _band_colour(number, funnel)
        _ribbon(canvas, columns, [edge[number] for edge in edges], colour, _STREAM_OPACITY)
        for x, edge in zip(columns, edges, strict=True):
            top, bottom = edge[number]
            canvas.rectangle(x - _NODE / 2, top, _NODE, bottom - top, colour)
    strata = _draw_losses(canvas, funnel, columns, edges, scale)
    _headings(canvas, funnel, columns)
    _left_labels(canvas, funnel, bands, edges[0])
    _right_labels(canvas, bands, edges[-1], strata)
    return canvas


def _bands(funnel: Funnel) -> list[tuple[str, tuple[int, ...]]]:
    """Take the sources in order; those without a colour of their own become one band."""
    items = list(funnel.sources.items())
    if len(items) <= HUES:
        return items
    rest = [sum(step) for step in zip(*(counts for _, counts in items[HUES - 1 :]), strict=True)]
    return [*items[: HUES - 1], (f"{len(items) - HUES + 1} more sources", tuple(rest))]


def _band_colour(number: int, funnel: Funnel) -> str:
    folded = len(funnel.sources) > HUES and number == HUES - 1
    return "faint" if folded else hue(number)


def source_colours(funnel: Funnel) -> dict[str, str]:
    """Name each source's colour, the same in every figure and table."""
    last = HUES - 1 if len(funnel.sources) > HUES else HUES
    return {
        name: hue(number) if number < last else "faint"
        for number, name in enumerate(funnel.sources)
    }


def _columns(losses: int) -> list[float]:
    pitch = (WIDE - _LEFT - _RIGHT) / max(losses, 1)
    return [_LEFT + pitch * step for step in range(losses + 1)]


def _stacked(counts: Sequence[int], scale: float) -> list[tuple[float, float]]:
    """Stack bands from the top: (upper, lower) edge of each."""
    edges, y = [], float(_TOP)
    for number in counts:
        edges.append((y, y + number * scale))
        y += number * scale + _BAND_GAP
    return edges


def _ribbon(
    canvas: Canvas,
    columns: Sequence[float],
    edges: Sequence[tuple[float, float]],
    colour: str,
    opacity: float = 1.0,
) -> None:
    """Fill a band between its upper and lower edge at each column, in smooth curves."""
    upper = [(x, top) for x, (top, _) in zip(columns, edges, strict=True)]
    lower = [(x, bottom) for x, (_, bottom) in zip(columns, edges, strict=True)]
    points, codes = _smooth(upper)
    back, back_codes = _smooth(lower[::-1])
    canvas.shape(
        [*points, *back, points[0]],
        [MOVE, *codes[1:], LINE, *back_codes[1:], CLOSE],
        colour,
        opacity,
    )


def _smooth(points: Sequence[Point]) -> tuple[list[Point], list[int]]:
    """Join points by curves that leave and arrive level."""
    out: list[Point] = [points[0]]
    codes: list[int] = [MOVE]
    for (x, y), (x_next, y_next) in itertools.pairwise(points):
        middle = (x + x_next) / 2
        out += [(middle, y), (middle, y_next), (x_next, y_next)]
        codes += [CURVE] * 3
    return out, codes


def _loss_colour(funnel: Funnel, step: int) -> str:
    """Darker for later stages: they lie next to the stream."""
    return f"lost-{min(len(funnel.losses) - step, 3)}"


Stratum = tuple[float, float, Loss]


def _draw_losses(
    canvas: Canvas,
    funnel: Funnel,
    columns: Sequence[float],
    edges: Sequence[Sequence[tuple[float, float]]],
    scale: float,
) -> list[Stratum]:
    """Draw what each stage dropped; give (top, bottom, loss) at the right edge, top first."""
    strata: list[Stratum] = []
    gap = _LOSS_GAP
    for step in range(len(funnel.losses) - 1, -1, -1):
        loss = funnel.losses[step]
        if not loss.records:
            continue
        foot = edges[step][-1][1]
        # Later losses lie between the stream and this one; their records are part of its own height.
        top = edges[-1][-1][1] + sum(one[1] - one[0] for one in strata) + gap
        bottom = top + max(loss.records * scale, _LEAST_THICKNESS)
        start, end = columns[step], columns[step + 1]
        levels = [(foot, foot), (top, bottom)]
        colour = _loss_colour(funnel, step)
        _ribbon(canvas, [start, end], levels, colour)
        if end < columns[-1]:
            canvas.rectangle(end, top, columns[-1] - end, bottom - top, colour)
        strata.append((top, bottom, loss))
        gap += _LOSS_GAP
    return strata


def _headings(canvas: Canvas, funnel: Funnel, columns: Sequence[float]) -> None:
    for step, (x, title) in enumerate(zip(columns, _titles(funnel), strict=True)):
        last = step == len(columns) - 1
        canvas.line([(x, _TOP - 16), (x, _TOP - 4)], "faint", 0.8)
        canvas.text(x, 24, count(funnel.total(step)), size=22, bold=True, align="center")
        canvas.text(x, 44, title, size=13, colour="soft", align="center")
        if last and step:
            share = percent(funnel.total(step), funnel.total(0))
            canvas.text(x + 74, 24, share, size=22, colour="accent", bold=True)
            canvas.text(x + 74, 44, "of what came in", size=13, colour="soft")


def _titles(funnel: Funnel) -> list[str]:
    return [
        "records in",
        *(STEP_TITLES[loss.stage] for loss in funnel.losses[:-1]),
        "in the dataset",
    ]


def _left_labels(
    canvas: Canvas,
    funnel: Funnel,
    bands: Sequence[tuple[str, tuple[int, ...]]],
    edges: Sequence[tuple[float, float]],
) -> None:
    wanted = [(top + bottom) / 2 for top, bottom in edges]
    places = spread(wanted, _LABEL_PITCH, _TOP + 8, canvas.height - _BOTTOM)
    for (name, counts), aim, y in zip(bands, wanted, places, strict=True):
        _leader(canvas, _LEFT - 4, aim, _LEFT - 18, y)
        canvas.text(_LEFT - 22, y, _fitting(name, 18), size=13, bold=True, align="right")
        text = f"{count(counts[0])} · {percent(counts[0], funnel.total(0))}"
        canvas.text(_LEFT - 22, y + 15, text, size=12, colour="soft", align="right")


def _right_labels(
    canvas: Canvas,
    bands: Sequence[tuple[str, tuple[int, ...]]],
    edges: Sequence[tuple[float, float]],
    strata: Sequence[Stratum],
) -> None:
    x = WIDE - _RIGHT
    wanted = [(top + bottom) / 2 for top, bottom in [*edges, *((a, b) for a, b, _ in strata)]]
    places = spread(wanted, _LABEL_PITCH, _TOP + 8, canvas.height - _BOTTOM - 10)
    titles = [
        (_fitting(name, 30), f"{count(counts[-1])} kept · {percent(counts[-1], counts[0])} of it")
        for name, counts in bands
    ] + [(f"−{count(loss.records)} in {loss.stage}", _main_reasons(loss)) for _, _, loss in strata]
    kept = len(bands)
    for number, (aim, y, (title, note)) in enumerate(zip(wanted, places, titles, strict=True)):
        _leader(canvas, x + _NODE, aim, x + 18, y)
        lost = number >= kept
        canvas.text(x + 22, y, title, size=13, bold=True, colour="soft" if lost else "ink")
        canvas.text(x + 22, y + 15, note, size=12, colour="soft")


def _main_reasons(loss: Loss) -> str:
    shown: list[str] = []
    used = 0
    for reason, records in loss.reasons.items():
        text = f"{words(reason)} {short_count(records)}"
        if shown and used + len(text) > 36:
            break
        shown.append(text)
        used += len(text) + 3
    left = len(loss.reasons) - len(shown)
    return " · ".join(shown) + (f" · {left} more" if left else "")


def _leader(canvas: Canvas, x: float, y: float, x_label: float, y_label: float) -> None:
    if abs(y_label - y) > 8:
        canvas.line([(x, y), (x_label, y_label - 4)], "faint", 0.7)


def _fitting(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def funnel_narrow(funnel: Funnel) -> Canvas:
    """Draw the funnel for a phone, 343 pixels wide: one bar per step, all to one scale."""
    bands = _bands(funnel)
    steps = len(funnel.losses) + 1
    pitch, bar = 76.0, 26.0
    canvas = Canvas(NARROW, pitch * steps + 8)
    scale = NARROW / max(funnel.total(0), 1)
    for step, title in enumerate(_titles(funnel)):
        y = step * pitch + 24
        total = count(funnel.total(step))
        canvas.text(0, y, total, size=19, bold=True)
        canvas.text(12 + 10.6 * len(total), y, title, size=13, colour="soft")
        if step:
            loss = funnel.losses[step - 1]
            text = f"−{count(loss.records)} in {loss.stage}" if loss.records else "none dropped"
            canvas.text(NARROW, y, text, size=12, colour="soft", align="right")
        x = 0.0
        for number, (_, counts) in enumerate(bands):
            canvas.rectangle(x, y + 10, counts[step] * scale, bar, _band_colour(number, funnel))
            x += counts[step] * scale
        for lost in range(step - 1, -1, -1):
            width = funnel.losses[lost].records * scale
            canvas.rectangle(x, y + 10, width, bar, _loss_colour(funnel, lost))
            x += width
    return canvas
