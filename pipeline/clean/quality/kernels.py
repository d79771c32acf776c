"""Scoring texts by hashed words, and learning the weights: numbers only.

A text's features are its words and its pairs of neighbouring words, each a slot of one table of
weights; its score is the mean weight of its features. That is fastText's classifier for two labels
(Joulin et al. 2017, arXiv 1607.01759), whose hidden layer, being linear, adds nothing to what two
labels can be told apart by.
"""

import math

import numpy as np

from pipeline.kernel_cache import kernel
from pipeline.text.kernels import mix

_SEED = np.uint64(0x9FB21C651E98DF25)
_64 = np.int64(64)


@kernel
def pair_slot(one, other, shift):
    """Choose the slot of two neighbouring words (uint64 hashes) in a table of 2^(64 - shift)."""
    return np.int64(mix(mix(_SEED, one), other) >> shift)


@kernel
def word_slot(word, shift):
    """Choose the slot of a word (uint64 hash) in a table of 2^(64 - shift)."""
    return np.int64(word >> shift)


@kernel
def table_shift(weights):
    """Tell by how many bits a hash is shifted to be a slot of a table (2^n entries, uint64)."""
    bits = 0
    while (1 << bits) < len(weights):
        bits += 1
    return np.uint64(_64 - bits)


@kernel
def score_words(hashes, words, weights, bias):
    """Score one text.

    Args:
        hashes: uint64 (words,), as `pipeline.text.kernels.tokenise` gives them.
        words: How many there are.
        weights: float32 (2^n,), n from 1 to 32.
        bias: Score of a text before anything is known of it.

    Returns:
        The probability, 0 to 1, that the text is a good one; that of the bias without a word.
    """
    shift = table_shift(weights)
    total = np.float64(0)
    for w in range(words):
        total += weights[word_slot(hashes[w], shift)]
        if w:
            total += weights[pair_slot(hashes[w - 1], hashes[w], shift)]
    mean = total / (2 * words - 1) if words else 0.0
    return 1 / (1 + math.exp(-(mean + bias)))


@kernel
def learn(hashes, starts, labels, class_weights, order, weights, squares, bias, rate):
    """Go over texts once, by logistic regression with AdaGrad's steps (Duchi et al. 2011).

    Args:
        hashes: uint64 (words,), texts end to end.
        starts: int64 (texts + 1,). The word where each begins; a text without a word teaches nothing.
        labels: float64 (texts,). 1: good, 0: bad.
        class_weights: float64 (2,). What a bad and a good text count.
        order: int64. The texts in the order to go over them.
        weights: float32 (2^n,); changed.
        squares: float32 (2^n,), sums of squared gradients, above 0; changed.
        bias: float64 (2,): the bias and its sum of squares; changed.
        rate: Length of the first step.

    Returns:
        The mean loss in nats, each text judged before it is learned from; 0 without any.
    """
    shift = table_shift(weights)
    loss = 0.0
    seen = 0.0
    for t in order:
        start, stop = starts[t], starts[t + 1]
        words = stop - start
        if words == 0:
            continue
        text = hashes[start:stop]
        guess = score_words(text, words, weights, bias[0])
        weight = class_weights[np.int64(labels[t])]
        right = guess if labels[t] == 1 else 1 - guess
        loss -= weight * math.log(max(right, 1e-12))
        seen += weight
        step = weight * (guess - labels[t])
        bias[1] += step * step
        bias[0] -= rate * step / math.sqrt(bias[1])
        part = step / (2 * words - 1)
        for w in range(words):
            slot = word_slot(text[w], shift)
            squares[slot] += part * part
            weights[slot] -= rate * part / math.sqrt(squares[slot])
            if w:
                slot = pair_slot(text[w - 1], text[w], shift)
                squares[slot] += part * part
                weights[slot] -= rate * part / math.sqrt(squares[slot])
    return loss / seen if seen else 0.0
