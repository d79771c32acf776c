"""What pieces of texts say for classes, from a dense table filled occurrence by occurrence."""

import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from model.evidence import pieces


def evidence_by_hand(texts, truth, asked, rows, classes, *, counted=True):
    """Logits of the classes for each text asked about; those of classes without texts are no good."""

    def pieces_of(text):
        return pieces(torch.as_tensor(text)[None], rows).flatten().tolist()

    found = [pieces_of(text) for text in texts]
    used = sorted({row for one in found for row in one})
    rarity = {
        row: math.log((1 + len(texts)) / (1 + sum(row in one for one in found))) + 1 for row in used
    }

    def filled(text):
        values = np.zeros(rows)
        known = [row for row in pieces_of(text) if row in rarity]
        length = math.sqrt(sum(rarity[row] ** 2 for row in known))
        for row in known:
            values[row] += rarity[row] / length
        return values

    read = np.stack([filled(text) for text in texts])
    regression = LogisticRegression(C=10, max_iter=1000, tol=1e-8).fit(read, truth)
    weights = np.zeros((rows, classes))
    starts = np.zeros(classes)
    if len(regression.classes_) == 2:
        first, second = regression.classes_
        weights[:, first], weights[:, second] = -regression.coef_[0] / 2, regression.coef_[0] / 2
        starts[first], starts[second] = -regression.intercept_[0] / 2, regression.intercept_[0] / 2
    else:
        weights[:, regression.classes_] = regression.coef_.T
        starts[regression.classes_] = regression.intercept_

    read_asked = np.stack([filled(text) for text in asked])
    if not counted:
        return read_asked @ weights + starts
    ratios = counts_by_hand(found, truth, rarity, rows, classes)

    def spread(table):
        logits = read @ table
        return (logits - logits.mean(1, keepdims=True)).std()

    ratios *= spread(weights) / max(spread(ratios), 1e-9)
    return read_asked @ (weights + ratios) / 2 + starts


def counts_by_hand(found, truth, rarity, rows, classes):
    """Naive Bayes' log-ratio of each piece, as much less as its rarity will make of it."""
    counts = np.zeros((rows, classes))
    for one, pieces_found in zip(truth, found, strict=True):
        for row in pieces_found:
            counts[row, one] += 1
    ratios = np.zeros((rows, classes))
    for one in range(classes):
        within = sum(counts[row, one] + 1 for row in rarity)
        without = sum(counts[row].sum() - counts[row, one] + 1 for row in rarity)
        for row in rarity:
            share = (counts[row, one] + 1) / within
            other = (counts[row].sum() - counts[row, one] + 1) / without
            ratios[row, one] = math.log(share / other) / rarity[row]
    return ratios
