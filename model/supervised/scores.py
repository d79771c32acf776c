"""How good predicted classes are: each figure with its 95% bootstrap interval."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from data_contracts.frozen import Frozen
from data_contracts.results import Interval

Classes = NDArray[np.int64]
Chances = NDArray[np.float64]


ROC_POINTS: Final = 120
"""Points kept of a ROC curve."""


class ClassScores(Frozen):
    """How well one class is told from the others."""

    precision: Interval
    """Share of the texts given this class that have it."""
    recall: Interval
    """Share of the texts of this class that were given it."""
    f1: Interval
    """Harmonic mean of both."""
    texts: int
    """Test texts of this class."""


class Scores(Frozen):
    """All figures of one classifier on the test texts."""

    accuracy: Interval
    """Share of the texts given their class."""
    precision_macro: Interval
    """Mean of the classes' precisions."""
    recall_macro: Interval
    """Mean of the classes' recalls."""
    f1_macro: Interval
    """Mean of the classes' F1."""
    roc_auc: Interval
    """Area under the ROC curve; over more than two classes the mean of each against the rest."""
    by_class: dict[str, ClassScores]
    """Figures of each class."""
    confusion: tuple[tuple[int, ...], ...]
    """Texts by their class (row) and the class they were given (column), classes in order."""
    roc: dict[str, tuple[tuple[float, float], ...]]
    """By class the ROC curve against the rest: share of the others that were taken for it, share of
    its own that were, at falling thresholds; at most `ROC_POINTS` each."""
    texts: int
    """Test texts."""


def score(
    truth: Classes, chances: Chances, labels: Sequence[str], resamples: int, seed: int
) -> Scores:
    """Score a classifier.

    Texts are drawn anew with replacement for the intervals (percentiles of the resamples). A
    resample without any text of a class leaves its ROC curve out of the mean.

    Args:
        truth: int64 (texts,), the class of each.
        chances: float64 (texts, classes), the probability given to each class.
        labels: Names of the classes.
        resamples: Of the bootstrap.
        seed: Decides the draws: the same texts are drawn for all classifiers.
    """
    generator = np.random.default_rng(seed)
    texts = len(truth)
    measured = _figures(truth, chances)
    drawn = np.empty((resamples, *measured.shape))
    for number in range(resamples):
        rows = generator.integers(0, texts, texts)
        drawn[number] = _figures(truth[rows], chances[rows])
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    of = _intervals(measured, low, high)
    confusion = confusion_matrix(truth, chances.argmax(1), labels=range(len(labels)))
    return Scores(
        accuracy=of(0),
        precision_macro=of(1),
        recall_macro=of(2),
        f1_macro=of(3),
        roc_auc=of(4),
        by_class={
            label: ClassScores(
                precision=of(5 + 3 * number),
                recall=of(6 + 3 * number),
                f1=of(7 + 3 * number),
                texts=int((truth == number).sum()),
            )
            for number, label in enumerate(labels)
        },
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        roc={
            label: _curve(truth == number, chances[:, number])
            for number, label in enumerate(labels)
            if 0 < int((truth == number).sum()) < texts
        },
        texts=texts,
    )


def _figures(truth: Classes, chances: Chances) -> NDArray[np.float64]:
    """Compute accuracy, macro figures, ROC AUC, then precision, recall, F1 class by class."""
    given, classes = chances.argmax(1), range(chances.shape[1])
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, given, labels=classes, zero_division=0
    )
    macro = [precision.mean(), recall.mean(), f1.mean()]
    areas = [_area(truth == one, chances[:, one]) for one in classes]
    # Of two classes both curves have the same area.
    found = [area for area in (areas[1:] if len(areas) == 2 else areas) if not np.isnan(area)]
    by_class = np.stack([precision, recall, f1], axis=1).flatten()
    area = float(np.mean(found)) if found else np.nan
    return np.array([accuracy_score(truth, given), *macro, area, *by_class])


def _curve(is_class: NDArray[np.bool_], chance: Chances) -> tuple[tuple[float, float], ...]:
    others, own, _ = roc_curve(is_class, chance)
    kept = np.unique(np.linspace(0, len(others) - 1, ROC_POINTS).round().astype(int))
    return tuple((float(others[place]), float(own[place])) for place in kept)


def _area(is_class: NDArray[np.bool_], chance: Chances) -> float:
    if is_class.all() or not is_class.any():
        return np.nan
    return float(roc_auc_score(is_class, chance))


def _intervals(
    measured: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> Callable[[int], Interval]:
    def of(number: int) -> Interval:
        return Interval(
            value=float(measured[number]), low=float(low[number]), high=float(high[number])
        )

    return of
