"""A text's quality score, computed slowly and obviously: the twin of `pipeline.clean.quality.kernels`."""

import math
from itertools import pairwise

from tests.reference.words import MASK, tokens

SEED = 0x9FB21C651E98DF25
FACTOR = 0x9E3779B97F4A7C15


def features(text: str, slots: int) -> list[int]:
    """List the slots of a text's words and of its pairs of neighbouring words."""
    bits = 64 - slots.bit_length() + 1
    words = [token.hash for token in tokens(text)]
    pairs = [((((SEED ^ a) * FACTOR & MASK) ^ b) * FACTOR) & MASK for a, b in pairwise(words)]
    return [one >> bits for one in [*words, *pairs]]


def score(text: str, weights: list[float], bias: float) -> float:
    found = [weights[slot] for slot in features(text, len(weights))]
    mean = sum(found) / len(found) if found else 0.0
    return 1 / (1 + math.exp(-(mean + bias)))


def learn(texts, labels, class_weights, order, slots, rate):
    """Go over texts once from nothing; weights, bias and the mean loss."""
    weights, squares, bias, bias_square = [0.0] * slots, [1e-8] * slots, 0.0, 1.0
    loss = seen = 0.0
    for t in order:
        found = features(texts[t], slots)
        if not found:
            continue
        guess = score(texts[t], weights, bias)
        weight = class_weights[int(labels[t])]
        loss -= weight * math.log(guess if labels[t] else 1 - guess)
        seen += weight
        step = weight * (guess - labels[t])
        bias_square += step**2
        bias -= rate * step / math.sqrt(bias_square)
        words = (len(found) + 1) // 2
        # Words and pairs in the order in which they end.
        in_order = [found[0]]
        for w in range(1, words):
            in_order += [found[w], found[words + w - 1]]
        for slot in in_order:
            squares[slot] += (step / len(found)) ** 2
            weights[slot] -= rate * step / len(found) / math.sqrt(squares[slot])
    return weights, bias, loss / seen if seen else 0.0
