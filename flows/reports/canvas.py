"""A sheet to draw a figure on, in pixels from its top left corner; matplotlib writes the SVG.

The same drawing becomes an element of a page (colours by CSS variable, styles as classes, so that
the page needs no inline style) or a picture that stands by itself. Equal drawings give equal bytes.
"""

import base64
import hashlib
import io
import re
import threading
from collections.abc import Sequence
from typing import Final, Literal
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from flows.reports.palette import LIGHT, variable_of
from flows.reports.visible_text import visible

Point = tuple[float, float]
Align = Literal["left", "center", "right"]

_SVG: Final = "http://www.w3.org/2000/svg"
_POINTS_PER_INCH: Final = 72  # one SVG unit of matplotlib is a point; here it stands for a pixel
MOVE, LINE, CURVE, CLOSE = 1, 2, 4, 79
"""Codes of an outline's points: start, straight, one of a cubic curve's three, back to start."""
_MARGIN: Final = 16  # of paper around a picture that stands by itself
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_drawing = threading.Lock()  # matplotlib's settings are shared by all threads


class Canvas:
    """A sheet of a given size in pixels. Colours are names of `palette`."""

    def __init__(self, width: float, height: float) -> None:
        """Take an empty sheet."""
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH))
        FigureCanvasSVG(self._figure)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(height, 0))
        self._axes.axis("off")
        self._texts: list[str] = []

    def shape(
        self, points: Sequence[Point], codes: Sequence[int], colour: str, opacity: float = 1.0
    ) -> None:
        """Fill an outline given as points and their codes."""
        self._axes.add_patch(
            PathPatch(
                Path(points, codes),
                facecolor=LIGHT[colour],
                edgecolor="none",
                alpha=opacity,
                clip_on=False,
            )
        )

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        """Fill a polygon."""
        codes = [MOVE, *[LINE] * (len(points) - 1), CLOSE]
        self.shape([*points, points[0]], codes, colour)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Fill a rectangle."""
        right, bottom = x + width, y + height
        self.polygon([(x, y), (right, y), (right, bottom), (x, bottom)], colour)

    def dot(self, x: float, y: float, radius: float, colour: str, *, hollow: bool = False) -> None:
        """Draw a disc, or (hollow) a ring."""
        circle = Path.circle((x, y), radius)
        self._axes.add_patch(
            PathPatch(
                circle,
                facecolor=LIGHT["paper" if hollow else colour],
                edgecolor=LIGHT[colour],
                linewidth=1.6 if hollow else 0,
                clip_on=False,
            )
        )

    def line(
        self, points: Sequence[Point], colour: str, width: float = 1.0, *, dashed: bool = False
    ) -> None:
        """Draw a line through points."""
        codes = [MOVE, *[LINE] * (len(points) - 1)]
        self._axes.add_patch(
            PathPatch(
                Path(points, codes),
                facecolor="none",
                edgecolor=LIGHT[colour],
                linewidth=width,
                linestyle=(0, (3, 2.5)) if dashed else "solid",
                capstyle="butt",
                joinstyle="round",
                clip_on=False,
            )
        )

    def curve(
        self, points: Sequence[Point], codes: Sequence[int], colour: str, width: float
    ) -> None:
        """Draw a curve given as points and their codes."""
        self._axes.add_patch(
            PathPatch(
                Path(points, codes),
                facecolor="none",
                edgecolor=LIGHT[colour],
                linewidth=width,
                capstyle="butt",
                clip_on=False,
            )
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        colour: str = "ink",
        size: float = 12,
        align: Align = "left",
        bold: bool = False,
    ) -> None:
        """Write one line, `y` being its base line."""
        self._axes.text(
            x,
            y,
            # Its number stands for it until it is drawn: matplotlib must neither read formulas in
            # it nor look for its letters, the page's font has them.
            str(len(self._texts)),
            color=LIGHT[colour],
            fontsize=size,
            horizontalalignment=align,
            verticalalignment="baseline",
            fontweight=700 if bold else 400,
            clip_on=False,
        )
        self._texts.append(visible(text))

    def _drawn(self) -> ET.Element:
        """Draw, and strip what a page or a reader has no use for: metadata, styles, empty groups."""
        sheet = io.StringIO()
        # Real text: small, selectable, in the page's own font.
        settings = mpl.rc_context(
            {"svg.fonttype": "none", "svg.hashsalt": "", "path.simplify": False}
        )
        with _drawing, settings:
            self._figure.savefig(sheet, format="svg", transparent=True, metadata={"Date": None})
        source = re.sub(r"^<\?xml.*?<svg", "<svg", sheet.getvalue(), count=1, flags=re.DOTALL)
        # Our own drawing, no foreign document: nothing to expand in it.
        drawn = ET.fromstring(source)  # noqa: S314
        root = ET.Element(
            f"{{{_SVG}}}svg", {"viewBox": f"0 0 {_short(self.width)} {_short(self.height)}"}
        )
        for element in drawn.iter():
            kind = element.tag.removeprefix(f"{{{_SVG}}}")
            if kind in {"path", "text"} and element.get("style") != "fill: none":
                root.append(_bare(element, kind, self._texts))
        return root

    def on_page(self, title: str, css_class: str, styles: dict[str, str]) -> str:
        """Give the figure as an SVG element for a page.

        Args:
            title: What it shows, in a sentence: read out in place of the picture.
            css_class: Classes of the element.
            styles: Class name to CSS, added to: the page writes them into its style sheet.
        """
        root = self._drawn()
        root.set("class", css_class)
        root.set("role", "img")
        root.set("aria-label", title)
        for element in root:
            style = element.attrib.pop("style")
            style = _COLOUR.sub(lambda found: variable_of(found.group()), style)
            name = "s" + hashlib.sha256(style.encode()).hexdigest()[:6]
            styles[name] = style
            element.set("class", name)
        return _markup(root)

    def as_picture(self, title: str) -> str:
        """Give the figure as a data URI: a picture on a sheet of its own light paper."""
        root = self._drawn()
        width, height = (_short(side + 2 * _MARGIN) for side in (self.width, self.height))
        root.set("viewBox", f"{-_MARGIN} {-_MARGIN} {width} {height}")
        root.set("width", width)
        root.set("height", height)
        root.set(
            "font-family", "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif"
        )
        sheet = ET.Element(f"{{{_SVG}}}rect", {"width": width, "height": height})
        sheet.set("x", str(-_MARGIN))
        sheet.set("y", str(-_MARGIN))
        sheet.set("fill", LIGHT["paper"])
        sheet.set("rx", "6")
        name = ET.Element(f"{{{_SVG}}}title")
        name.text = title
        root.insert(0, sheet)
        root.insert(0, name)
        encoded = base64.b64encode(_markup(root).encode()).decode()
        return f"data:image/svg+xml;base64,{encoded}"


def _bare(element: ET.Element, kind: str, texts: Sequence[str]) -> ET.Element:
    kept = ET.Element(f"{{{_SVG}}}{kind}", {"style": _plain_style(element.get("style", ""))})
    if kind == "path":
        kept.set("d", _rounded(element.get("d", "")))
        return kept
    kept.text = texts[int(element.text or "")]
    for axis in "xy":
        kept.set(axis, _rounded(element.get(axis, "0")))
    return kept


def _plain_style(style: str) -> str:
    """Keep fill, stroke, opacity, weight, size and anchor; the font is the page's."""
    declarations = [part.strip().split(": ", 1) for part in style.split(";") if part.strip()]
    return ";".join(f"{name}:{value}" for name, value in declarations if name != "font-family")


def _rounded(numbers: str) -> str:
    """Round coordinates to a tenth of a pixel and drop the line breaks between them."""
    rounded = re.sub(r"-?\d+\.\d+", lambda found: _short(float(found.group())), numbers)
    return " ".join(rounded.split())


def _short(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")


def _markup(root: ET.Element) -> str:
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode")
