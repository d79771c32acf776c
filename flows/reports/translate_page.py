"""The page of `mill translate`: laid out from its result, without computing a figure of its own."""

from typing import Final

from flows.reports.formats import count, duration
from flows.reports.page import render_page
from flows.reports.visible_text import one_line
from model.supervised.translate import TranslateResult

_SECTIONS: Final = (("scores", "Scores"), ("lengths", "Lengths"), ("samples", "Samples"))
_FIGURES: Final = (
    ("bleu_lowercase", "BLEU, both sides in lower case"),
    ("bleu", "BLEU, case counted"),
    ("chrf", "chrF"),
)


def render_translated(result: TranslateResult, name: str) -> str:
    """Lay out the page: one HTML file that loads and executes nothing.

    Equal results give equal bytes.

    Args:
        result: What training and translating gave.
        name: What the task is called.
    """
    scores = result.scores
    return render_page(
        "translate.html",
        {},
        name=one_line(name, 120),
        scores=scores,
        sections=_SECTIONS,
        headline=[
            ("BLEU, lower case", f"{scores.bleu_lowercase.value:.2f}"),
            ("chrF", f"{scores.chrf.value:.2f}"),
            ("test texts", count(scores.test_texts)),
            ("parameters", count(result.parameters)),
            ("processor time of training", duration(result.processor_seconds)),
            ("of translating", duration(result.translation_processor_seconds)),
        ],
        rows=[(title, getattr(scores, field)) for field, title in _FIGURES],
    )
