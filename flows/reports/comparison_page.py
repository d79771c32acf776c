"""The page of `mill diff`: laid out from a comparison, without computing a figure of its own."""

from typing import Final

from data_contracts.drift import MUCH
from flows.comparison import Comparison, Move, records_of
from flows.reports.formats import count, counted
from flows.reports.page import render_page

_SECTIONS: Final = (
    ("sources", "Sources"),
    ("fates", "Fates"),
    ("drift", "Drift"),
)

_DRIFTS_SHOWN: Final = 12
"""Signals that are seen at once, those that moved furthest; the others are a click away."""


def render_comparison(found: Comparison) -> str:
    """Lay out a comparison's page: one HTML file that loads and executes nothing.

    Equal comparisons give equal bytes.
    """
    return render_page(
        "comparison.html",
        {},
        found=found,
        lead=_lead(found),
        headline=_headline(found),
        sections=_SECTIONS,
        fate_changes=_rows(found.fate_changes),
        arrivals=_rows(found.arrivals),
        # The index of another population fills a bar: drawn to the largest, noise would look like much.
        furthest=max([MUCH, *(one.psi for one in found.drift)]),
        drifts_shown=_DRIFTS_SHOWN,
    )


def _lead(found: Comparison) -> str:
    moved = [one.signal for one in found.drift if one.verdict != "stable"]
    fates = sum(records_of(some) for some in found.fate_changes.values())
    return (
        f"{counted(found.added, 'record')} came, {count(found.removed)} went, "
        f"{count(found.changed)} changed their text; {counted(fates, 'record')} of both versions "
        f"met another fate. "
        + (
            f"{counted(len(moved), 'signal')} of the documents moved by more than chance."
            if moved
            else "No signal of the documents moved by more than chance."
        )
    )


def _headline(found: Comparison) -> list[tuple[str, str]]:
    gained = sum(one.tokens_gained for one in found.sources)
    lost = sum(one.tokens_lost for one in found.sources)
    kept = sum(one.kept_after for one in found.sources)
    return [
        ("records added", count(found.added)),
        ("removed", count(found.removed)),
        ("changed", count(found.changed)),
        ("documents now", count(kept)),
        ("tokens gained", f"+{count(gained)}"),
        ("tokens lost", f"−{count(lost)}"),
    ]


def _rows(grouped: dict[tuple[str, str], list[Move]]) -> list[tuple[str, str, int, Move]]:
    """List (before, after, records, the move that most of them made)."""
    return [
        (*way, records_of(moves), max(moves, key=lambda one: (one.records, one.source)))
        for way, moves in grouped.items()
    ]
