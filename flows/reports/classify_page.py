"""The page of `mill classify`: laid out from its result, without computing a figure of its own."""

from typing import Final

from markupsafe import Markup

from flows.reports.axes import linear
from flows.reports.canvas import Canvas
from flows.reports.formats import count, duration
from flows.reports.page import render_page
from flows.reports.palette import hue
from flows.reports.visible_text import one_line
from model.supervised.classify import ClassifyResult
from model.supervised.scores import Scores

_SECTIONS: Final = (("scores", "Scores"), ("confusion", "Confusion"), ("roc", "ROC"))
_FIGURES: Final = (
    ("accuracy", "Accuracy"),
    ("precision_macro", "Precision, mean of the classes"),
    ("recall_macro", "Recall, mean of the classes"),
    ("f1_macro", "F1, mean of the classes"),
    ("roc_auc", "Area under the ROC curve"),
)


def render_classified(result: ClassifyResult, name: str) -> str:
    """Lay out the page: one HTML file that loads and executes nothing.

    Equal results give equal bytes.

    Args:
        result: What training and measuring gave.
        name: What the task is called.
    """
    styles: dict[str, str] = {}
    title = "ROC curve of each class against the rest"
    figures = {
        # Drawn by us: there is no foreign text in it.
        layout: Markup(  # noqa: S704
            roc_figure(result.model, width).on_page(title, f"figure {layout}", styles)
        )
        for layout, width in (("wide", 540), ("narrow", 343))
    }
    scores = result.model
    spent = result.pretraining_processor_seconds
    pretraining = [("of pretraining", duration(spent))] if spent else []
    return render_page(
        "classify.html",
        styles,
        name=one_line(name, 120),
        result=result,
        sections=_SECTIONS,
        headline=[
            ("accuracy", f"{scores.accuracy.value:.3f}"),
            ("F1", f"{scores.f1_macro.value:.3f}"),
            ("area under ROC", f"{scores.roc_auc.value:.3f}"),
            ("test texts", count(scores.texts)),
            ("parameters", count(result.parameters)),
            ("processor time", duration(result.processor_seconds)),
            *pretraining,
        ],
        rows=[
            (title, getattr(scores, field), result.baseline and getattr(result.baseline, field))
            for field, title in _FIGURES
        ],
        hues={label: hue(number) for number, label in enumerate(result.labels)},
        most=max((max(row) for row in scores.confusion), default=1) or 1,
        figures=figures,
    )


def roc_figure(scores: Scores, width: float) -> Canvas:
    """Draw the ROC curve of every class, in the colours of their numbers.

    Args:
        scores: Of one classifier.
        width: In pixels.
    """
    height = width * 0.8
    canvas = Canvas(width, height)
    left, right, top, base = 40.0, width - 16, 10.0, height - 44
    across, down = linear(0, 1, left, right), linear(0, 1, base, top)
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        canvas.line([(left, down(value)), (right, down(value))], "line", 0.8)
        label = f"{value:.0%}"
        canvas.text(left - 8, down(value) + 4, label, size=11, colour="soft", align="right")
        canvas.text(across(value), base + 18, label, size=11, colour="soft", align="center")
    canvas.line([(left, base), (right, top)], "faint", 1.0, dashed=True)
    for number, label in enumerate(scores.by_class):
        points = [(across(x), down(y)) for x, y in scores.roc.get(label, ())]
        if len(points) > 1:
            canvas.line(points, hue(number), 2.0)
    said = "upwards: own texts found; to the right: other texts taken"
    canvas.text(right, base + 36, said, size=11, colour="soft", align="right")
    return canvas
