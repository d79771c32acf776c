"""The page of `mill compare`: laid out from a comparison, without computing a figure of its own."""

from typing import Final

from markupsafe import Markup

from data_contracts.verdict import Comparison, Verdict
from flows.reports.difference_figure import difference_figure
from flows.reports.formats import count, megabytes
from flows.reports.page import render_page
from flows.reports.visible_text import one_line

_SECTIONS: Final = (("difference", "Difference"), ("sources", "Sources"))
_DRAWN: Final = 12
"""Rows of the figure: all documents, then sources."""
_SAID: Final = {
    Verdict.BETTER: "is better: all of the interval lies below 0",
    Verdict.NOT_WORSE: "is as good: all of the interval lies below the limit",
    Verdict.WORSE: "is worse: all of the interval lies above 0",
    Verdict.INCONCLUSIVE: "may be better or worse: these documents do not tell",
}


def render_verdict(found: Comparison) -> str:
    """Lay out the page: one HTML file that loads and executes nothing.

    Equal comparisons give equal bytes.
    """
    styles: dict[str, str] = {}
    rows = [("all documents", found.difference, "accent")]
    rows += [(one_line(name, 24), one.difference, "faint") for name, one in found.sources.items()]
    title = "Difference in bits per byte, the first model less the second"
    figures = {
        # The canvas escapes what it writes.
        layout: Markup(  # noqa: S704
            difference_figure(rows[:_DRAWN], found.margin, width).on_page(
                title, f"figure {layout}", styles
            )
        )
        for layout, width in (("wide", 720), ("narrow", 343))
    }
    return render_page(
        "verdict.html",
        styles,
        found=found,
        lead=f"{found.candidate} {_SAID[found.verdict]}.",
        sections=_SECTIONS,
        figures=figures,
        headline=[
            ("bits per byte, the first", f"{found.candidate_bits_per_byte.value:.4f}"),
            ("the second", f"{found.production_bits_per_byte.value:.4f}"),
            ("difference", f"{found.difference.value:+.4f}"),
            ("documents", count(found.documents)),
            ("text", megabytes(found.text_bytes)),
        ],
    )
