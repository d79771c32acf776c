"""What pieces of texts say for classes, from a dense table filled occurrence by occurrence."""

import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from model.evidence import pieces


def evidence_by_hand(texts, truth, asked, rows):
    """Chances of the classes that `truth` has, for each text asked about."""
    found = [pieces(torch.as_tensor(text)[None], rows).flatten().tolist() for text in texts]
    rarity = {}
    for row in {row for one in found for row in one}:
        holding = sum(row in one for one in found)
        rarity[row] = math.log((1 + len(texts)) / (1 + holding)) + 1

    def filled(text):
        values = np.zeros(rows)
        known = [
            row
            for row in pieces(torch.as_tensor(text)[None], rows).flatten().tolist()
            if row in rarity
        ]
        for row in known:
            values[row] += rarity[row]
        length = math.sqrt(sum(rarity[row] ** 2 for row in known))
        return values / length if known else values

    fitted = LogisticRegression(C=10, max_iter=1000, tol=1e-8)
    fitted.fit(np.stack([filled(text) for text in texts]), truth)
    return fitted.predict_proba(np.stack([filled(text) for text in asked]))
