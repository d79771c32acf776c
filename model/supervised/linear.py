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
    evidence: Evidence, texts: Sequence[NDArray[np.int64]], truth: NDArray[np.int64]
) -> None:
    """Fit the wide part of a classifier: logistic regression on tf-idf of tokens and their pairs.

    Args:
        evidence: Receives what was fitted.
        texts: int64 token ids of each.
        truth: int64 (texts,), their classes, at least two different ones.
    """
    rows, classes = evidence.table_RK.shape
    row_N = np.concatenate([pieces(torch.from_numpy(ids)[None], rows).flatten() for ids in texts])
    text_N = np.repeat(np.arange(len(texts)), [2 * len(ids) for ids in texts])
    size = (len(texts), rows)
    held = csr_matrix((np.ones(len(row_N)), (text_N, row_N)), size)  # repeats are summed
    holding_R = np.bincount(held.indices, minlength=rows)
    rarity_R = np.log((1 + len(texts)) / (1 + holding_R)) + 1
    rarity_R[holding_R == 0] = 0
    length_T = np.sqrt(np.bincount(text_N, rarity_R[row_N] ** 2, minlength=len(texts)))
    read = csr_matrix((rarity_R[row_N] / length_T[text_N], (text_N, row_N)), size)
    fitted = LogisticRegression(C=_PENALTY, max_iter=1000).fit(read, truth)
    weights, starts = fitted.coef_, fitted.intercept_
    if len(weights) == 1:  # of two classes the second one's odds are given
        halves = np.array([-0.5, 0.5])
        weights, starts = np.outer(halves, weights), halves * starts
    table_RK = np.zeros((rows, classes))
    table_RK[:, fitted.classes_] = weights.T
    start_K = np.full(classes, starts.min() - np.log(len(texts)))  # a class that no text has
    start_K[fitted.classes_] = starts
    evidence.table_RK.copy_(torch.from_numpy(table_RK))
    evidence.rarity_R.copy_(torch.from_numpy(rarity_R))
    evidence.start_K.copy_(torch.from_numpy(start_K))
