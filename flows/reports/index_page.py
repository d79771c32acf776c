"""The index page: every version of a warehouse with its key figures, and how they moved."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from flows.reports.formats import count, counted, moment, short_count
from flows.reports.index_report import DatasetRow, IndexReport, ModelRow
from flows.reports.page import render_page
from flows.reports.trend_figure import trend

WIDTH, HEIGHT = 352, 150
"""Pixels of a trend."""


def render_index(report: IndexReport, where: str, time: datetime) -> str:
    """Lay out the index page.

    Args:
        report: All versions.
        where: The warehouse, as people call it.
        time: The time of day: decides what is overdue.
    """
    styles: dict[str, str] = {}
    versions = sum(map(len, report.datasets.values())) + sum(map(len, report.models.values()))
    return render_page(
        "index.html",
        styles,
        tables=True,
        report=report,
        where=where,
        lead=_lead(report),
        headline=[
            ("datasets", count(len(report.datasets))),
            ("models", count(len(report.models))),
            ("versions", count(versions)),
            ("rejected by their contract", count(len(report.rejected))),
        ],
        sections=_sections(report),
        datasets=[
            _dataset(name, rows, styles) | {"fresh": _fresh(report, name, time)}
            for name, rows in report.datasets.items()
        ],
        models=[_model(name, rows, styles) for name, rows in report.models.items()],
    )


def _sections(report: IndexReport) -> list[tuple[str, str]]:
    sections = [(f"dataset-{name}", f"Dataset {name}") for name in report.datasets]
    sections += [(f"model-{name}", f"Model {name}") for name in report.models]
    return [*sections, ("rejected", "Rejected")] if report.rejected else sections


def _lead(report: IndexReport) -> str:
    rows = [
        (row, name, kind)
        for kind, group in (("dataset", report.datasets), ("model", report.models))
        for name, versions in group.items()
        for row in versions
    ]
    if not rows:
        return "There is no version yet: mill run RECIPE makes one."
    latest, name, kind = max(rows, key=lambda one: one[0].created)
    return f"The latest version is {kind} {name}@{latest.version}."


def _dataset(name: str, rows: Sequence[DatasetRow], styles: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "rows": list(reversed(rows)),
        "trends": [
            _trend("Tokens", [(r.version, r.tokens) for r in rows], short_count, styles, zero=True),
            _trend(
                "Share of records kept, %",
                [(r.version, 100 * r.records_kept / r.records_in) for r in rows if r.records_in],
                _percent,
                styles,
                zero=True,
            ),
            _trend(
                "Contract rules marked",
                [(r.version, len(r.warnings)) for r in rows],
                _whole,
                styles,
                zero=True,
            ),
        ],
    }


def _fresh(report: IndexReport, name: str, time: datetime) -> tuple[str, bool] | None:
    """Say when a dataset was looked after and is due again, and whether that is overdue."""
    found = report.freshness.get(name)
    if found is None:
        return None
    due = f"due again by {moment(found.due)}" if found.due else "no contract says when it is due"
    return f"Last looked after {moment(found.checked)}; {due}.", found.stale_at(time)


def _model(name: str, rows: Sequence[ModelRow], styles: dict[str, str]) -> dict[str, Any]:
    measured = {
        "Bits per byte, validation": [(r.version, r.validation) for r in rows],
        "Bits per byte, test": [(r.version, r.test) for r in rows],
    }
    return {
        "name": name,
        "rows": list(reversed(rows)),
        "trends": [
            _trend(title, [(v, x) for v, x in points if x is not None], _bits, styles)
            for title, points in measured.items()
        ],
    }


def _trend(
    title: str,
    points: Sequence[tuple[str, float]],
    written: Callable[[float], str],
    styles: dict[str, str],
    *,
    zero: bool = False,
) -> dict[str, Any]:
    short = [(version.partition("-")[0].lstrip("0") or "0", value) for version, value in points]
    drawn = trend(short, WIDTH, HEIGHT, written, from_zero=zero)
    told = f"{title} over {counted(len(points), 'version')}: " + ", ".join(
        f"{version} {written(value)}" for version, value in points[-3:]
    )
    # Drawn by us: versions are counters and hex digits.
    return {"title": title, "figure": Markup(drawn.on_page(told, "figure", styles))}  # noqa: S704


def _percent(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _whole(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else ""


def _bits(value: float) -> str:
    return f"{value:.3f}"
