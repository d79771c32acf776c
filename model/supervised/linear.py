"""Linear models on words and pairs of words: the baseline, and the wide part of a classifier."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from model.evidence import Evidence, pieces

_WORD = r"\w+|[^\w\s]"
"""Single characters count as words, and signs too: both tell questions and opinions apart."""
_PENALTY: Final = 10.0
"""Inverse strength of the squared penalty on weights."""


def linear_chances(
    texts: Sequence[str], truth: NDArray[np.int64], test: Sequence[str], classes: int
) -> NDArray[np.float64]:
    """Train logistic regression on tf-idf of words and bigrams, the usual strong baseline.

    Args:
        texts: Texts to learn from.
        truth: int64 (texts,), their classes.
        test: Texts to classify.
        classes: How many classes there are.

    Returns:
        float64 (test texts, classes): probabilities.
    """
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=_WORD, sublinear_tf=True),
        LogisticRegression(C=_PENALTY, max_iter=1000),
    )
    model.fit(texts, truth)
    chances = np.zeros((len(test), classes))
    chances[:, model.classes_] = model.predict_proba(test)
    return chances


def fit_evidence(
    evidence: Evidence,
    texts: Sequence[NDArray[np.int64]],
    truth: NDArray[np.int64],
    *,
    counts: bool = True,
) -> None:
    """Fit the wide part of a classifier, on tf-idf of tokens and of pairs of neighbouring tokens.

    It is logistic regression, or the mean of that and of naive Bayes' counts, brought to the same
    spread over the texts: either is the better one on some tasks (Wang and Manning 2012).

    Args:
        evidence: Receives what was fitted.
        texts: int64 token ids of each.
        truth: int64 (texts,), their classes, at least two different ones.
        counts: Whether naive Bayes' counts are half of it.
    """
    rows, classes = evidence.table_RK.shape
    row_N = np.concatenate([pieces(torch.from_numpy(ids)[None], rows).flatten() for ids in texts])
    text_N = np.repeat(np.arange(len(texts)), [2 * len(ids) for ids in texts])
    used_U, row_N = np.unique(row_N, return_inverse=True)
    size = (len(texts), len(used_U))
    held = csr_matrix((np.ones(len(row_N)), (text_N, row_N)), size)  # repeats are summed
    rarity_U = np.log((1 + len(texts)) / (1 + np.bincount(held.indices))) + 1
    length_M = np.sqrt(np.bincount(text_N, rarity_U[row_N] ** 2))
    read = csr_matrix((rarity_U[row_N] / length_M[text_N], (text_N, row_N)), size)
    fitted_UK, start_K = _regression(read, truth, classes)
    if counts:
        # A piece counts in naive Bayes as often as it stands there, however rare it is.
        counted_UK = _log_ratios(held, truth, classes) / rarity_U[:, None]
        counted_UK *= _spread(read @ fitted_UK) / max(_spread(read @ counted_UK), 1e-9)
        fitted_UK = (fitted_UK + counted_UK) / 2
    rows_U = torch.from_numpy(used_U)
    evidence.table_RK[rows_U] = torch.from_numpy(fitted_UK).float()
    evidence.rarity_R[rows_U] = torch.from_numpy(rarity_U).float()
    evidence.start_K.copy_(torch.from_numpy(start_K))


def _regression(
    read: csr_matrix, truth: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fitted = LogisticRegression(C=_PENALTY, max_iter=1000).fit(read, truth)
    weights, starts = fitted.coef_, fitted.intercept_
    if len(weights) == 1:  # of two classes the second one's odds are given
        halves = np.array([-0.5, 0.5])
        weights, starts = np.outer(halves, weights), halves * starts
    weights_UK = np.zeros((read.shape[1], classes))
    weights_UK[:, fitted.classes_] = weights.T
    start_K = np.full(classes, starts.min() - np.log(read.shape[0]))  # a class that no text has
    start_K[fitted.classes_] = starts
    return weights_UK, start_K


def _log_ratios(held: csr_matrix, truth: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Compare how often each piece stands in texts of a class and in all others."""
    of_class_KU = np.stack([held[truth == one].sum(0).A1 for one in range(classes)]) + 1.0
    others_KU = of_class_KU.sum(0) - of_class_KU - classes + 2
    share_KU = of_class_KU / of_class_KU.sum(1, keepdims=True)
    ratios: NDArray[np.float64] = np.log(share_KU * others_KU.sum(1, keepdims=True) / others_KU).T
    return ratios


def _spread(logits_MK: NDArray[np.float64]) -> float:
    return float((logits_MK - logits_MK.mean(1, keepdims=True)).std())
