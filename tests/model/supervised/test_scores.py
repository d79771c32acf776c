import numpy as np
import pytest

from model.supervised.scores import ROC_POINTS, score


def test_figures_are_those_counted_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    second = np.array([0.1, 0.2, 0.7, 0.9, 0.8, 0.6, 0.4, 0.3])
    found = score(truth, np.stack([1 - second, second], 1), ["no", "yes"], 200, seed=1)
    assert found.accuracy.value == 5 / 8
    assert found.confusion == ((2, 1), (2, 3))
    yes = found.by_class["yes"]
    assert (yes.precision.value, yes.recall.value) == (3 / 4, 3 / 5)
    assert yes.f1.value == pytest.approx(2 / 3)
    pairs = [(a, b) for a in second[3:] for b in second[:3]]
    assert found.roc_auc.value == pytest.approx(np.mean([a > b for a, b in pairs]))
    assert found.precision_macro.value == pytest.approx((2 / 4 + 3 / 4) / 2)
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high


def test_intervals_cover_the_truth_and_shrink_with_more_texts():
    generator = np.random.default_rng(2)
    widths = []
    for texts in (100, 10_000):
        truth = generator.integers(0, 3, texts)
        chances = generator.random((texts, 3)) * 0.1
        given = np.where(generator.random(texts) < 0.8, truth, (truth + 1) % 3)
        chances[np.arange(texts), given] += 1
        found = score(truth, chances / chances.sum(1, keepdims=True), list("abc"), 200, seed=1)
        assert found.accuracy.low < 0.8 < found.accuracy.high
        widths.append(found.accuracy.high - found.accuracy.low)
    assert widths[1] < widths[0] / 5


def test_a_class_that_no_test_text_has_leaves_its_curve_out():
    chances = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    found = score(np.array([0, 1, 0]), chances, list("abc"), 100, seed=1)
    assert found.roc_auc.value == 1.0
    assert found.by_class["c"].texts == 0


def test_the_area_under_the_kept_curve_is_the_area():
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 2, 2000)
    right = 1 / (1 + np.exp(-(2 * truth - 1 + generator.normal(0, 1.5, 2000))))
    found = score(truth, np.stack([1 - right, right], axis=1), ["no", "yes"], 100, 1)
    for curve in found.roc.values():
        assert len(curve) <= ROC_POINTS
        assert (curve[0], curve[-1]) == ((0, 0), (1, 1))
        others, own = np.array(curve).T
        assert np.trapezoid(own, others) == pytest.approx(found.roc_auc.value, abs=0.01)
