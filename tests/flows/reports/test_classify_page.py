import numpy as np
import pytest

from flows.reports.classify_page import render_classified
from model.supervised.classify import ClassifyResult
from model.supervised.scores import score
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import Structure, hidden_characters


def result(labels=("calm", "glad", "sad"), *, baseline=True):
    generator = np.random.default_rng(1)
    truth = generator.integers(0, len(labels), 200)
    chances = generator.random((200, len(labels))) + 0.4 * np.eye(len(labels))[truth]
    chances /= chances.sum(1, keepdims=True)
    scores = score(truth, chances, labels, 100, 1)
    return ClassifyResult(
        labels=labels, model=scores, baseline=scores if baseline else None,
        better_than_baseline=False if baseline else None, parameters=100_000, seconds=3.0,
        processor_seconds=5.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def page():
    return render_classified(result(), "feelings")


def test_scores_confusion_and_curves_are_shown(page):
    found, text = result(), Structure(page).text()
    for one in (found.model.accuracy, found.model.roc_auc, found.model.by_class["glad"].f1):
        assert f"{one.value:.3f} {one.low:.3f} to {one.high:.3f}" in text
    for value in found.model.confusion[1]:
        assert str(value) in text
    assert "is not right more often" in text
    assert Structure(page).problems == []
    assert "Linear" not in Structure(render_classified(result(baseline=False), "x")).text()


def test_hostile_classes_add_no_element(page):
    hostile = render_classified(result((HOSTILE, "<b>", "z")), HOSTILE)
    assert Structure(hostile).tags() == Structure(page).tags()
    assert Structure(hostile).problems == []
    assert hidden_characters(hostile) == []


def test_equal_results_give_equal_bytes(page):
    assert render_classified(result(), "feelings") == page
