"""The page of a model version: laid out from a report, without computing a figure of its own."""

from typing import Final

import yaml
from markupsafe import Markup

from flows.reports.canvas import Canvas
from flows.reports.evidence_figures import position_figure, reliability_figure
from flows.reports.formats import count, duration, moment, short_count
from flows.reports.model_report import ModelReport, SplitScores
from flows.reports.page import render_page
from flows.reports.score_figures import interval_figure, loss_figure

_SECTIONS: Final = (
    ("hidden", "Hidden tokens"),
    ("scores", "Scores"),
    ("sources", "Sources"),
    ("tasks", "Tasks"),
    ("context", "Context"),
    ("calibration", "Calibration"),
    ("memory", "Memory"),
    ("loss", "Loss"),
    ("contract", "Contract"),
    ("samples", "Samples"),
    ("costs", "Cost"),
    ("provenance", "Provenance"),
)


def render_model(report: ModelReport) -> str:
    """Lay out a model's page: one HTML file that loads and executes nothing.

    Equal reports give equal bytes.
    """
    styles: dict[str, str] = {}
    sources = [(name, one, "accent") for name, one in report.evaluated.sources.items()]
    curves = report.train_curve, report.validation_curve
    positions, calibration = report.evaluated.positions, report.evaluated.calibration
    figures = {
        "loss_wide": (loss_figure(*curves, 1120, 380), "Training and validation loss by step"),
        "loss_narrow": (loss_figure(*curves, 343, 260), "Training and validation loss by step"),
    }
    if sources:
        title = "Bits per byte of the model per source"
        figures["sources_wide"] = (interval_figure(sources, 1120), title)
        figures["sources_narrow"] = (interval_figure(sources, 343), title)
    if positions:
        title = "Bits per byte by tokens read before"
        figures["context_wide"] = (position_figure(positions, 1120, 300), title)
        figures["context_narrow"] = (position_figure(positions, 343, 240), title)
    if calibration:
        title = "Share of likeliest tokens that were right, by the probability given to them"
        figures["calibration_wide"] = (reliability_figure(calibration, 520, 400), title)
        figures["calibration_narrow"] = (reliability_figure(calibration, 343, 300), title)
    return render_page(
        "model.html",
        styles,
        report=report,
        lead=_lead(report),
        headline=_headline(report),
        sections=_sections(report),
        scores=[(score, _score_figures(score, styles)) for score in report.scores],
        figures={
            name: _placed(canvas, title, name.rsplit("_", 1)[-1], styles)
            for name, (canvas, title) in figures.items()
        },
        facts=_facts(report),
        settings=yaml.safe_dump(report.settings, sort_keys=False, allow_unicode=True, width=96),
    )


def _sections(report: ModelReport) -> list[tuple[str, str]]:
    evaluated = report.evaluated
    decodes = not evaluated.hidden
    measured = {
        "hidden": evaluated.hidden,
        "scores": decodes,
        "sources": decodes,
        "samples": decodes,
        "tasks": evaluated.tasks,
        "context": evaluated.positions,
        "calibration": evaluated.calibration,
        "memory": evaluated.memorisation,
        "contract": report.judged,
    }
    absent = {anchor for anchor, found in measured.items() if not found}
    return [(anchor, title) for anchor, title in _SECTIONS if anchor not in absent]


def _placed(canvas: Canvas, title: str, layout: str, styles: dict[str, str]) -> Markup:
    # Drawn by us; the only foreign text in it, names of sources, was escaped as XML.
    return Markup(canvas.on_page(title, f"figure {layout}", styles))  # noqa: S704


def _score_figures(score: SplitScores, styles: dict[str, str]) -> dict[str, Markup]:
    rows = [
        (one.name, one.bits_per_byte, "accent" if one.name == "model" else "faint")
        for one in score.predictors
    ]
    title = f"Bits per byte on the {score.split} split: " + ", ".join(
        f"{name} {one.value:.3f}" for name, one, _ in rows
    )
    return {
        layout: _placed(interval_figure(rows, width), title, layout, styles)
        for layout, width in (("wide", 540), ("narrow", 343))
    }


def _lead(report: ModelReport) -> str:
    verdict = (
        "It beats every baseline on both held-out splits, and the intervals do not touch."
        if report.evaluated.beats_baselines
        else "It does not clearly beat every baseline: on some split it is not better, or "
        "the intervals touch."
    )
    return (
        f"A Transformer of {short_count(report.trained.parameters)} parameters, trained on "
        f"{report.manifest.dataset}. {verdict}"
    )


def _headline(report: ModelReport) -> list[tuple[str, str]]:
    rows = [
        (f"bits per byte, {score.split}", f"{one.bits_per_byte.value:.3f}")
        for score in report.scores
        for one in score.predictors
        if one.name == "model"
    ]
    rows += [
        (f"hidden tokens guessed, {one.split}", f"{one.accuracy.value:.1%}")
        for one in report.evaluated.hidden
        if one.predictor == "model"
    ]
    return [
        *rows,
        ("best validation loss", f"{report.trained.best_validation_loss:.3f}"),
        ("parameters", count(report.trained.parameters)),
        ("tokens seen", short_count(report.trained.tokens_seen)),
        ("training time", duration(report.trained.elapsed_seconds)),
    ]


def _facts(report: ModelReport) -> list[tuple[str, str]]:
    manifest = report.manifest
    return [
        ("Dataset fingerprint", manifest.dataset_fingerprint),
        ("Version", manifest.version),
        ("Fingerprint", manifest.fingerprint),
        ("Made", moment(manifest.created)),
    ]
