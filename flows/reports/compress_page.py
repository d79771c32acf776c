"""The page of `mill compress`: laid out from its result, without computing a figure of its own."""

from typing import Final

from markupsafe import Markup

from flows.reports.compress_figure import Across, front_figure
from flows.reports.formats import counted
from flows.reports.page import render_page
from model.compress.stage import CompressResult

_SECTIONS: Final = (("front", "Front"), ("models", "Models"))


def render_compressed(result: CompressResult) -> str:
    """Lay out the page: one HTML file that loads and executes nothing.

    Equal results give equal bytes.
    """
    styles: dict[str, str] = {}
    return render_page(
        "compress.html",
        styles,
        result=result,
        lead=_lead(result),
        sections=_SECTIONS,
        figures={
            across: {
                layout: _placed(result, across, width, layout, styles)
                for layout, width in (("wide", 540), ("narrow", 343))
            }
            for across in ("megabytes", "speed")
        },
    )


def _placed(
    result: CompressResult, across: Across, width: float, layout: str, styles: dict[str, str]
) -> Markup:
    title = "Bits per byte against " + ("size" if across == "megabytes" else "speed")
    canvas = front_figure(result.models, across, width, 320)
    # Drawn by us; names of variants were checked against a pattern.
    return Markup(canvas.on_page(title, f"figure {layout} crossed", styles))  # noqa: S704


def _lead(result: CompressResult) -> str:
    front = [one.name for one in result.models if one.on_front]
    beaten = [one.name for one in result.models if not one.on_front]
    said = (
        f"{counted(len(result.models) - 1, 'smaller model')} beside the original. On the front, "
        f"beaten by none in quality, size and speed together: {_listed(front)}."
    )
    return said + (f" Beaten by another one there: {_listed(beaten)}." if beaten else "")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
