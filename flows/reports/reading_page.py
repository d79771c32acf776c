"""The page of `mill read`: one text as a model reads it. Laid out, without computing a figure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from flows.near import NearDocument
from flows.reports.formats import count, counted, percent
from flows.reports.page import render_page
from flows.reports.visible_text import one_line, visible
from model.reading import Explanation, Reading

MAP_TOKENS: Final = 64
"""Tokens drawn of an attention map, from the start of the text."""
EXCERPT_CHARACTERS: Final = 400

_BITS_PER_LEVEL: Final = 2.0
_LEVELS: Final = 8
_SHADES: Final = ((0.04, 0.15), (0.1, 0.32), (0.2, 0.52), (0.4, 0.75), (0.7, 1.0))
"""Least attention of a shade, and its opacity; less is not drawn."""


class Piece(NamedTuple):
    """A token on the page."""

    text: str
    """What it shows."""
    shade: str
    """Its CSS class."""
    note: str
    """Told when it is pointed at."""


class Prediction(NamedTuple):
    """A prediction explained on the page."""

    title: str
    """What was predicted, and how surely."""
    pieces: tuple[Piece, ...]
    """The text, shaded by what it adds."""
    note: str
    """What the shares start from, and leave out."""


def render_reading(
    reading: Reading, model: str, near: Sequence[NearDocument] | None, dataset: str | None
) -> str:
    """Lay out the page: one HTML file that loads and executes nothing.

    Equal readings give equal bytes.

    Args:
        reading: What was found out.
        model: What the model is called.
        near: The training documents nearest to the text; None: no dataset was asked.
        dataset: What that dataset is called.
    """
    drawn = reading.attention_LHTT[:, :, :MAP_TOKENS, :MAP_TOKENS]
    maps = [
        [_map(one, f"Layer {number}, head {head}") for head, one in enumerate(layer, 1)]
        for number, layer in enumerate(drawn, 1)
    ]
    return render_page(
        "reading.html",
        {},
        model=one_line(model, 200),
        dataset=one_line(dataset or "", 200),
        lead=_lead(reading),
        headline=_headline(reading),
        sections=_sections(reading, near),
        costs=_costs(reading),
        costliest=_costliest(reading),
        chances=sorted(reading.chances.items(), key=lambda one: -one[1]),
        predictions=[_prediction(one, reading) for one in reading.explanations],
        maps=maps,
        drawn_tokens=drawn.shape[-1],
        all_tokens=reading.attention_LHTT.shape[-1],
        near=near,
        excerpt=EXCERPT_CHARACTERS,
    )


def _sections(reading: Reading, near: Sequence[NearDocument] | None) -> list[tuple[str, str]]:
    first = ("classes", "Classes") if reading.bits is None else ("cost", "Cost")
    last = [] if near is None else [("near", "Training text")]
    return [first, ("reasons", "Reasons"), ("heads", "Heads"), *last]


def _lead(reading: Reading) -> str:
    cut = " It was cut to what the model sees at once." if reading.cut else ""
    read = f"{counted(len(reading.pieces), 'token')}, {counted(reading.text_bytes, 'byte')}."
    return f"A text of {read}{cut}"


def _headline(reading: Reading) -> list[tuple[str, str]]:
    if reading.bits is None:
        (one,) = reading.explanations
        return [("class", one_line(one.predicted, 40)), ("probability", percent(one.chance, 1))]
    total = float(reading.bits.sum())
    return [
        ("bits per byte", f"{total / reading.text_bytes:.3f}"),
        ("bits in all", count(round(total))),
        ("bits per token", f"{total / len(reading.pieces):.2f}"),
    ]


def _costs(reading: Reading) -> tuple[Piece, ...]:
    if reading.bits is None:
        return ()
    return tuple(
        Piece(
            visible(text),
            f"heat-{min(int(bits / _BITS_PER_LEVEL), _LEVELS)}",
            f"{bits:.1f} bits; likeliest: {_listed(others)}",
        )
        for text, bits, others in zip(
            reading.pieces, reading.bits.tolist(), reading.alternatives, strict=True
        )
    )


def _listed(others: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{_quoted(text, 30)} {percent(chance, 1)}" for text, chance in others)


def _quoted(text: str, characters: int) -> str:
    """Show a token on one line; one of blanks is named, as nobody would see or hear it."""
    if text.strip():
        return f"“{one_line(text, characters)}”"
    return "a line break" if "\n" in text else "a blank" if text else "nothing"


def _costliest(reading: Reading) -> list[tuple[str, str, float, str]]:
    """List the costliest tokens: what came before, the token, its bits, what was likelier."""
    if reading.bits is None:
        return []
    order = np.argsort(-reading.bits, kind="stable")[:10].tolist()
    return [
        (
            one_line("".join(reading.pieces[max(0, place - 8) : place]), 60),
            _quoted(reading.pieces[place], 40),
            float(reading.bits[place]),
            _listed(reading.alternatives[place]),
        )
        for place in order
    ]


def _prediction(one: Explanation, reading: Reading) -> Prediction:
    most = float(np.abs(one.shares).max()) or 1.0
    pieces = []
    for number, (text, share) in enumerate(zip(reading.pieces, one.shares.tolist(), strict=True)):
        level = min(round(abs(share) / most * _LEVELS), _LEVELS)
        kind = "for" if share > 0 else "against"
        shade = "wanted" if number == one.place else f"{kind}-{level}" if level else ""
        later = 0 <= one.place < number
        pieces.append(
            Piece(visible(text), "later" if later else shade, "" if later else f"{share:+.2f} nats")
        )
    inside = 0 <= one.place < len(reading.pieces)
    # A token of the text may be but a part of a character, which alone shows as none.
    name = (inside and reading.pieces[one.place]) or one.predicted
    what = f"“{one_line(name, 40)}” with {percent(one.chance, 1)}"
    if one.place < 0:
        title = f"The class {what}"
    elif one.place == len(reading.pieces):
        title = f"What comes next, likeliest: {what}"
    else:
        title = f"Token {one.place + 1}: {what}"
    gained = float(one.shares.sum())
    note = (
        f"Nothing read: log-probability {one.start:.2f} nats. The text adds {gained:+.2f}, right to "
        f"{abs(one.missing):.3f}."
    )
    return Prediction(title, tuple(pieces), note)


def _map(weights: NDArray[np.float32], title: str) -> Markup:
    """Draw an attention map as an SVG of squares, a row per token that looks."""
    side = len(weights)
    paths = []
    for number, (least, opacity) in enumerate(_SHADES):
        most = _SHADES[number + 1][0] if number + 1 < len(_SHADES) else 2.0
        rows, columns = np.nonzero((weights >= least) & (weights < most))
        if len(rows):
            squares = zip(columns.tolist(), rows.tolist(), strict=True)
            outline = "".join(f"M{x} {y}h1v1h-1z" for x, y in squares)
            paths.append(
                Markup('<path class="fill-accent" fill-opacity="{}" d="{}"/>').format(
                    opacity, outline
                )
            )
    return Markup(
        '<svg class="map" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(side, side, title, Markup("").join(paths))
