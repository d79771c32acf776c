"""What the pieces of a text say for each class, counted: the part of a classifier that needs no steps.

Naive Bayes on tokens and pairs of neighbouring tokens: log-ratios of how often each stands in texts of
a class and in all others. On few texts such counts generalise better than what gradients make of rare
words (Wang and Manning 2012, "Baselines and Bigrams"). The classifier adds them to its own logits and
so learns what they leave open. Letters as in `model.blocks`; K classes, R rows.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

_SMOOTHING: Final = 1.0
"""Texts' worth of each row that every class is taken to have (Laplace)."""
_FACTORS: Final = (1_000_003, 0x9E3779B1)
"""Spread tokens and pairs over the rows."""
_SCALES: Final = np.geomspace(0.01, 1.0, 41)
"""Tried for how far evidence can be trusted: pieces of one text repeat each other, so under one."""
_AT_ONCE: Final = 1 << 18
"""Occurrences whose ratios are computed together."""

Ids = NDArray[np.int64]


class Evidence(nn.Module):
    """A table of log-ratios, summed over the pieces of a text."""

    def __init__(self, rows: int, classes: int) -> None:
        """Start without any evidence.

        Args:
            rows: Of the table that tokens and pairs are hashed into.
            classes: How many classes there are.
        """
        super().__init__()
        self.register_buffer("table_RK", torch.zeros(rows, classes))
        self.table_RK: Tensor
        self.scale = nn.Parameter(torch.zeros(()))
        """How far the sum counts beside the encoder's own logits; learned on from a first guess."""

    def forward(self, tokens_BT: Tensor, allowed_BT: Tensor) -> Tensor:
        """Sum the evidence of texts, BK.

        Args:
            tokens_BT: int64.
            allowed_BT: bool, which tokens are text.
        """
        rows_B2T = pieces(tokens_BT, len(self.table_RK)).flatten(1)
        weight_B2T1 = torch.cat([allowed_BT, allowed_BT], 1)[..., None].to(self.table_RK)
        return (functional.embedding(rows_B2T, self.table_RK) * weight_B2T1).sum(1)

    @torch.no_grad()
    def learn(self, texts: Sequence[Ids], truth: Ids) -> Tensor:
        """Count training texts, and tell what each would have shown had it not been counted itself.

        Only from such evidence can the rest of a model learn how far to trust it: that of a text
        counted with its own class is always right.

        Args:
            texts: int64 token ids of each.
            truth: int64 (texts,), their classes.

        Returns:
            float32 (texts, K).
        """
        rows, classes = self.table_RK.shape
        lengths = np.array([2 * len(ids) for ids in texts])
        row_N = np.concatenate([_pieces_of(ids, rows) for ids in texts])
        text_N = np.repeat(np.arange(len(texts)), lengths)
        class_N = truth[text_N]
        counted = np.bincount(row_N * classes + class_N, minlength=rows * classes)
        counts_RK = counted.reshape(rows, classes).astype(np.float64)
        totals_K = counts_RK.sum(0)
        used = int((counts_RK.sum(1) > 0).sum())
        self.table_RK.copy_(torch.from_numpy(_log_ratios(counts_RK, totals_K[None], used)))
        _, place_N, times = np.unique(
            text_N * rows + row_N, return_inverse=True, return_counts=True
        )
        shown = np.zeros((len(texts), classes))
        for first in range(0, len(row_N), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            without_NK = counts_RK[row_N[some]]
            own = np.arange(len(without_NK)), class_N[some]
            without_NK[own] -= times[place_N[some]]
            totals_NK = np.repeat(totals_K[None], len(without_NK), 0)
            totals_NK[own] -= lengths[text_N[some]]
            np.add.at(shown, text_N[some], _log_ratios(without_NK, totals_NK, used))
        self.scale.fill_(_best_scale(shown, truth))
        return torch.from_numpy(shown.astype(np.float32))


def pieces(tokens_BT: Tensor, rows: int) -> Tensor:
    """Hash each token, and each with the one before it, to rows of a table: int64 B2T."""
    pair, spread = _FACTORS
    before_BT = functional.pad(tokens_BT, (1, 0), value=-2)[:, :-1]
    pairs_B2T = torch.stack([tokens_BT + 1, (before_BT + 3) * pair + tokens_BT + 1], 1)
    return ((pairs_B2T * spread & 0x7FFFFFFFFFFFFFFF) >> 13) % rows


def _pieces_of(ids: Ids, rows: int) -> Ids:
    found: Ids = pieces(torch.from_numpy(ids)[None], rows).flatten().numpy()
    return found


def _log_ratios(
    counts_NK: NDArray[np.float64], totals_NK: NDArray[np.float64], used: int
) -> NDArray[np.float64]:
    """Compare each class with all others; rows that no text has say nothing."""
    mass = _SMOOTHING * used
    row_N1, all_N1 = counts_NK.sum(1, keepdims=True), totals_NK.sum(1, keepdims=True)
    within = np.log((counts_NK + _SMOOTHING) / (totals_NK + mass))
    others = np.log((row_N1 - counts_NK + _SMOOTHING) / (all_N1 - totals_NK + mass))
    return np.where(row_N1 > 0, within - others, 0.0)


def _best_scale(shown: NDArray[np.float64], truth: Ids) -> float:
    costs = []
    for scale in _SCALES:
        logits = torch.from_numpy(scale * shown)
        costs.append(float(functional.cross_entropy(logits, torch.from_numpy(truth))))
    return float(_SCALES[int(np.argmin(costs))])
