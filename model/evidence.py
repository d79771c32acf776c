"""What the pieces of a text say for each class, each by itself: the wide part of a wide and deep classifier.

Logistic regression and naive Bayes on tf-idf of tokens and of pairs of neighbouring tokens, fitted by
`model.supervised.linear` to the texts that the encoder learns from. On few texts they judge rare
words better than an encoder does, which in turn reads what order means; as they err on different
texts, both together are better than either (wide and deep: Cheng et al. 2016, arXiv 1606.07792;
counts and regression on bigrams: Wang and Manning 2012, "Baselines and Bigrams"). Each learns by
itself and then their scores are averaged: where one learns what the other leaves open, it sees
little, as the other knows the training texts already, above all where they are parts of each other.
Letters as in `model.blocks`; K classes, R rows.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

_FACTORS: Final = (1_000_003, 0x9E3779B1)
"""Spread tokens and pairs over the rows."""


class Evidence(nn.Module):
    """A table of weights, summed over the pieces of a text."""

    def __init__(self, rows: int, classes: int) -> None:
        """Start without any evidence.

        Args:
            rows: Of the table that tokens and pairs are hashed into.
            classes: How many classes there are.
        """
        super().__init__()
        self.register_buffer("table_RK", torch.zeros(rows, classes))
        self.register_buffer("rarity_R", torch.zeros(rows))
        self.register_buffer("start_K", torch.zeros(classes))
        self.table_RK: Tensor
        """What each row says for each class."""
        self.rarity_R: Tensor
        """How much each row counts: more, the fewer training texts have it; 0 where none has."""
        self.start_K: Tensor
        """What is said for each class before anything is read."""

    def forward(self, tokens_BT: Tensor, allowed_BT: Tensor) -> Tensor:
        """Score the classes of texts: logits, BK.

        Args:
            tokens_BT: int64.
            allowed_BT: bool, which tokens are text.
        """
        return self.start_K + self.by_token(tokens_BT, allowed_BT).sum(1)

    def by_token(self, tokens_BT: Tensor, allowed_BT: Tensor) -> Tensor:
        """Tell what each token, and its pair with the one before, adds to the logits: BTK."""
        rows_B2T = pieces(tokens_BT, len(self.table_RK))
        rarity_B2T = self.rarity_R[rows_B2T] * allowed_BT[:, None]
        # No piece of the text may be known: then its length is zero, as are all weights.
        length_B = rarity_B2T.square().sum((1, 2)).sqrt().clamp(min=1e-9)
        rarity_B2T = rarity_B2T / length_B[:, None, None]
        said_B2TK = functional.embedding(rows_B2T, self.table_RK) * rarity_B2T[..., None]
        return said_B2TK.sum(1)


def pieces(tokens_BT: Tensor, rows: int) -> Tensor:
    """Hash each token, and each with the one before it, to rows of a table: int64 B2T."""
    pair, spread = _FACTORS
    before_BT = functional.pad(tokens_BT, (1, 0), value=-2)[:, :-1]
    pairs_B2T = torch.stack([tokens_BT + 1, (before_BT + 3) * pair + tokens_BT + 1], 1)
    return ((pairs_B2T * spread & 0x7FFFFFFFFFFFFFFF) >> 13) % rows
