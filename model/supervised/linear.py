"""The baseline of classification: a linear model on words and pairs of words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

_WORD = r"\w+|[^\w\s]"
"""Single characters count as words, and signs too: both tell questions and opinions apart."""


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
        LogisticRegression(C=10, max_iter=1000),
    )
    model.fit(texts, truth)
    chances = np.zeros((len(test), classes))
    chances[:, model.classes_] = model.predict_proba(test)
    return chances
