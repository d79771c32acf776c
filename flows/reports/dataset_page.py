"""The page of a dataset version: laid out from a report, without computing a figure of its own."""

import math
import re
from typing import Any, Final

import yaml
from markupsafe import Markup

from data_contracts.quality import EXCERPT_CHARACTERS
from data_contracts.reasons import Reason
from flows.reports.canvas import Canvas
from flows.reports.dataset_report import DatasetReport
from flows.reports.findings import effect_of
from flows.reports.formats import (
    NO_VALUE,
    count,
    counted,
    megabytes,
    moment,
    percent,
    quantity,
    words,
)
from flows.reports.funnel_figure import funnel_narrow, funnel_wide, source_colours
from flows.reports.lineage_figure import lineage_figure
from flows.reports.page import render_page
from flows.reports.recall_figure import recall_figure
from flows.reports.spread_figures import histogram, quantile_of, ranges

LANGUAGES_SHOWN: Final = 30
"""Languages in the table; a corpus may have hundreds."""
PANEL_WIDTH, PANEL_HEIGHT = 260, 118
"""Pixels of a signal's histogram."""

_SECTIONS: Final = (
    ("funnel", "Funnel"),
    ("reasons", "Reasons"),
    ("documents", "Documents"),
    ("signals", "Signals"),
    ("duplicates", "Duplicates"),
    ("personal", "Personal data"),
    ("contract", "Contract"),
    ("drift", "Drift"),
    ("splits", "Splits and sources"),
    ("ledger", "Records"),
    ("costs", "Cost"),
    ("provenance", "Provenance"),
)


def render_dataset(report: DatasetReport) -> str:
    """Lay out a dataset's page: one HTML file that loads nothing and runs only its own script.

    Equal reports give equal bytes.
    """
    quality = report.quality
    styles: dict[str, str] = {}
    reasons = sorted((one for one in quality.reasons if one.records), key=lambda one: -one.records)
    languages = list(quality.languages.items())
    panels = _panels(report, styles)
    return render_page(
        "dataset.html",
        styles,
        tables=True,
        report=report,
        lead=_lead(report),
        headline=_headline(report),
        sections=_SECTIONS,
        failures=[one for one in report.checks if not one.passed and one.severity == "critical"],
        colours=source_colours(report.funnel),
        by_rules=sum(sum(one.dropped_by_rules.values()) for one in quality.sources.values()),
        dropped=quality.records_in - quality.kept,
        reasons=reasons,
        excerpt_characters=EXCERPT_CHARACTERS,
        most_dropped=max((one.records for one in reasons), default=0),
        languages_shown=languages[:LANGUAGES_SHOWN],
        languages_hidden=len(languages[LANGUAGES_SHOWN:]),
        characters=sum(one.kept_characters for one in quality.languages.values()),
        most_characters=max((one.kept_characters for one in quality.languages.values()), default=0),
        longest=max((one.seconds for one in report.costs), default=0.0),
        facts=_facts(report),
        recipe=_recipe(report.origin.recipe),
        panels=panels,
        quiet_panels=[one for one in panels if not one["bites"]],
        figures=_figures(report, styles),
        overlaps={
            "held_out": quality.dropped.get(Reason.HELD_OUT_OVERLAP, 0),
            "evaluation": quality.dropped.get(Reason.EVALUATION_OVERLAP, 0),
        },
        text_bytes=sum(one.text_bytes for one in quality.splits.values()),
        sample_choices=_choices(report),
    )


def _choices(report: DatasetReport) -> list[tuple[str, str, list[str]]]:
    """List what the sample of the ledger can be narrowed to: field, title, values."""
    rows = report.sample.rows
    values = {
        "source": {row.source for row in rows},
        "reason": {row.reason or "kept" for row in rows},
        "language": {row.language for row in rows if row.language},
    }
    return [(field, field.capitalize(), sorted(found)) for field, found in values.items()]


def _lead(report: DatasetReport) -> str:
    quality = report.quality
    sources = len(quality.sources)
    failed = [one for one in report.checks if not one.passed]
    warnings = [one for one in failed if one.severity == "warning"]
    kept = (
        f"{count(quality.kept)} of {counted(quality.records_in, 'record')} from "
        f"{counted(sources, 'source')} "
    )
    if not report.passed:
        return kept + "would have been kept, but a critical rule of the contract failed."
    end = f"with {counted(len(warnings), 'warning')}" if warnings else ""
    return (
        f"{kept}are in the dataset. The other {count(quality.records_in - quality.kept)} are not, "
        f"each for a named reason. The contract passed {end}".rstrip()
        + "."
    )


def _headline(report: DatasetReport) -> list[tuple[str, str]]:
    quality = report.quality
    passed = sum(one.passed for one in report.checks)
    size = sum(one.text_bytes for one in quality.splits.values())
    rows = [
        ("records kept", count(quality.kept)),
        ("of what came in", percent(quality.kept, quality.records_in)),
        ("text", megabytes(size)),
    ]
    if report.shard:
        rows.append(("tokens", count(sum(report.shard.tokens.values()))))
    languages = sum(bool(one.kept) for one in quality.languages.values())
    rows.append(("language" if languages == 1 else "languages", count(languages)))
    rows.append(("contract rules passed", f"{passed} of {len(report.checks)}"))
    return rows


def _facts(report: DatasetReport) -> list[tuple[str, str]]:
    origin = report.origin
    rows = [
        ("Version", origin.version or "none: rejected"),
        ("Fingerprint", origin.fingerprint),
        ("Made", moment(origin.created)),
        ("Version before it", origin.parent or "none"),
    ]
    rows += [
        (f"Contract {one.id}", f"{one.version}, SHA-256 {one.sha256[:16]}…")
        for one in report.contracts
    ]
    if report.shard:
        rows.append(("Tokenizer", f"SHA-256 {report.shard.tokenizer_sha256[:16]}…"))
    if report.dedup:
        dedup = report.dedup
        rows.append(("Signature", f"{dedup.bands} bands of {dedup.rows_per_band} values"))
    rows += [(f"Key of {stage}", key) for stage, key in origin.stage_keys.items()]
    return rows


def _recipe(recipe: dict[str, Any]) -> str:
    """Write the recipe as YAML; of a place on this machine only the last part is anyone's business."""
    places_left_out = _without_places(recipe)
    return str(yaml.safe_dump(places_left_out, sort_keys=False, allow_unicode=True, width=96))


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_places(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_places(one) for one in value]
    if isinstance(value, str) and value.startswith("/"):
        return f"…/{value.rstrip('/').rsplit('/', 1)[-1]}"
    return value


def _threshold(report: DatasetReport) -> float | None:
    dedup = report.origin.recipe.get("dedup")
    value = dedup.get("jaccard_threshold") if isinstance(dedup, dict) else None
    return value if isinstance(value, float) else None


def _panels(report: DatasetReport, styles: dict[str, str]) -> list[dict[str, Any]]:
    panels = []
    for name, signal in sorted(report.quality.signals.items(), key=lambda item: _natural(item[0])):
        measured, kept = signal.total.measured, signal.total.kept
        if not measured.values:
            continue
        middle = [
            quantity(quantile_of(one, 0.5)) if one.values else NO_VALUE for one in (measured, kept)
        ]
        missing = f" · {count(measured.missing)} missing" if measured.missing else ""
        limits = report.limits.get(name, ())
        title = f"{words(name)}: median of measured records {middle[0]}, of kept ones {middle[1]}"
        figure = histogram(signal, PANEL_WIDTH, PANEL_HEIGHT, limits, math.sqrt)
        panels.append(
            {
                "name": name,
                "note": f"median {middle[0]}, kept {middle[1]}{missing}",
                "bites": any(limit.bites for limit in limits),
                "effects": [
                    effect
                    for value, least in dict.fromkeys((one.value, one.least) for one in limits)
                    if (effect := effect_of(signal, value, least=least))
                ],
                "figure": Markup(figure.on_page(title, "figure", styles)),  # noqa: S704
            }
        )
    return panels


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort 5 before 10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _figures(report: DatasetReport, styles: dict[str, str]) -> dict[str, Markup]:
    quality = report.quality
    kept, total = count(quality.kept), count(quality.records_in)
    colours = source_colours(report.funnel)
    lengths = quality.lengths
    drawn: dict[str, tuple[Canvas, str]] = {
        "funnel_wide": (
            funnel_wide(report.funnel),
            f"Flow of {total} records from their sources through the stages, {kept} of them kept",
        ),
        "funnel_narrow": (
            funnel_narrow(report.funnel),
            f"Bars of the records left after each stage: {total} in, {kept} kept",
        ),
        "lengths_wide": (histogram(lengths, 540, 240), "Histogram of characters per document"),
        "lengths_narrow": (
            histogram(lengths, 343, 190),
            "Histogram of characters per document",
        ),
        "ranges_wide": (
            ranges(lengths, colours, 540),
            "Range of characters per document by source",
        ),
        "ranges_narrow": (
            ranges(lengths, colours, 343),
            "Range of characters per document by source",
        ),
    }
    label = f"{report.origin.name} {report.origin.version or 'rejected'}"
    sources = [(name, one.kept) for name, one in quality.sources.items()]
    for name, width in (("lineage_wide", 900), ("lineage_narrow", 343)):
        lineage = lineage_figure(label, sources, report.origin.parent, colours, width)
        drawn[name] = (lineage, f"{counted(len(sources), 'source')} flow into {label}")
    if report.dedup and report.dedup.planted:
        planted, bands, rows = (
            report.dedup.planted,
            report.dedup.bands,
            report.dedup.rows_per_band,
        )
        title = "Share of near-duplicates found, by similarity: theory and measured"
        for name, width in (("recall_wide", 620), ("recall_narrow", 343)):
            figure = recall_figure(planted, bands, rows, _threshold(report), width)
            drawn[name] = (figure, title)
    return {
        # Drawn by us; the only foreign text in it, source names, was escaped as XML.
        name: Markup(  # noqa: S704
            canvas.on_page(title, f"figure {name.rsplit('_', 1)[-1]}", styles)
        )
        for name, (canvas, title) in drawn.items()
    }
