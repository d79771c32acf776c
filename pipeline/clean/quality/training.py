"""Learning a quality model from texts that are good and texts that are bad."""

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.errors import TooFewExamples
from data_contracts.frozen import Frozen
from pipeline.clean.quality import kernels
from pipeline.clean.quality.model import QualityModel
from pipeline.text.tokens import Tokens, token_hashes

TABLE_BITS: Final = 18
"""262,144 slots, 1 MB: what stays in a core's cache while texts are scored."""
PIECE_WORDS: Final = 512
"""Longer texts are learned from in pieces of this many words: a book teaches more than a page."""
EPOCHS: Final = 10
RATE: Final = 0.5
HELD_OUT_RATIO: Final = 0.1
"""Part of the texts that the model is tested on and not trained on."""
FEWEST: Final = 20
"""Texts of each kind without which nothing can be learned and tested."""


class QualityFigures(Frozen):
    """What a model reached on texts kept out of training."""

    good: int
    """Good texts learned from."""
    bad: int
    """Bad texts learned from."""
    held_out_good: int
    """Good texts kept out."""
    held_out_bad: int
    """Bad texts kept out."""
    auc: float
    """Chance that a good text kept out scores above a bad one (area under the ROC curve)."""
    accuracy: float
    """Mean over both kinds of the part told rightly at 0.5."""
    loss: float
    """Mean loss of the last time over the training texts, in nats; 0.69 is guessing."""


class Trained(NamedTuple):
    """A model, and how good it is."""

    model: QualityModel
    figures: QualityFigures


def train_quality(good: pa.ChunkedArray, bad: pa.ChunkedArray, seed: int = 0) -> Trained:
    """Learn to tell good texts from bad ones.

    The texts' order does not matter: they are sorted by content before anything is drawn.

    Args:
        good: Texts, edited as those that will be scored.
        bad: The same.
        seed: Of the order in which texts are learned from, and of which are kept out.

    Raises:
        TooFewExamples: Fewer than 20 texts with words in one of the two.
    """
    sets = [_distinct(texts) for texts in (bad, good)]
    if min(map(len, sets)) < FEWEST:
        raise TooFewExamples(len(sets[1]), len(sets[0]), FEWEST)
    generator = np.random.default_rng(seed)
    taught, kept_out = [], []
    for texts in sets:
        drawn = generator.permutation(len(texts))
        out = max(2, round(len(texts) * HELD_OUT_RATIO))
        kept_out.append(texts.take(pa.array(np.sort(drawn[:out]))))
        taught.append(texts.take(pa.array(np.sort(drawn[out:]))))
    model, loss = _learn([token_hashes(texts) for texts in taught], generator)
    scores = [score(texts, model) for texts in kept_out]
    figures = QualityFigures(
        good=len(taught[1]),
        bad=len(taught[0]),
        held_out_good=len(kept_out[1]),
        held_out_bad=len(kept_out[0]),
        auc=area_under_curve(scores[1], scores[0]),
        accuracy=float((scores[1] >= 0.5).mean() + (scores[0] < 0.5).mean()) / 2,
        loss=loss,
    )
    return Trained(model._replace(about={**figures.model_dump(), "seed": seed}), figures)


def score(texts: pa.Array | pa.ChunkedArray, model: QualityModel) -> NDArray[np.float64]:
    """Score every text: float64 (texts,), 0 to 1."""
    tokens = token_hashes(texts)
    parts = pairwise(tokens.starts)
    return np.array(
        [
            kernels.score_words(tokens.hashes[one:end], end - one, model.weights, model.bias)
            for one, end in parts
        ],
        np.float64,
    )


def area_under_curve(good: NDArray[np.float64], bad: NDArray[np.float64]) -> float:
    """Count how often a good text scores above a bad one, ties as half (Mann and Whitney 1947)."""
    ordered = np.sort(bad)
    below = np.searchsorted(ordered, good, "left") + np.searchsorted(ordered, good, "right")
    return float(below.sum() / 2 / len(good) / len(bad))


def _distinct(texts: pa.ChunkedArray) -> pa.Array:
    """Sort texts, without those that repeat another or have no word."""
    distinct = texts.cast(pa.large_string()).unique()
    distinct = distinct.take(pc.sort_indices(distinct))
    return distinct.filter(pa.array(np.diff(token_hashes(distinct).starts) > 0))


def _learn(sets: list[Tokens], generator: np.random.Generator) -> tuple[QualityModel, float]:
    hashes = np.concatenate([one.hashes for one in sets])
    starts = [_pieces(one.starts) for one in sets]
    joined = np.concatenate([starts[0], starts[1][1:] + starts[0][-1]])
    labels = np.repeat([0.0, 1.0], [len(one) - 1 for one in starts])
    counts = np.array([len(one) - 1 for one in starts], np.float64)
    weights = np.zeros(1 << TABLE_BITS, np.float32)
    squares = np.full(1 << TABLE_BITS, 1e-8, np.float32)
    bias = np.array([0.0, 1.0])
    loss = 0.0
    for epoch in range(EPOCHS):
        loss = kernels.learn(
            hashes,
            joined,
            labels,
            counts.sum() / 2 / counts,
            generator.permutation(len(labels)),
            weights,
            squares,
            bias,
            RATE * (1 - epoch / EPOCHS),
        )
    weights.flags.writeable = False
    return QualityModel(weights, float(bias[0]), {}), loss


def _pieces(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut texts into pieces; the last of a text is up to twice as long rather than short."""
    cuts = [starts[:1]]
    for start, stop in pairwise(starts):
        count = max(1, (stop - start) // PIECE_WORDS)
        cuts.append(np.append(start + PIECE_WORDS * np.arange(1, count), stop))
    return np.concatenate(cuts)
