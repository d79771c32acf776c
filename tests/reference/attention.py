"""Slow twin of `model.transformer.Attention`: one query at a time, in float64."""

import math

import numpy as np


def normalise(x, weight, epsilon=1e-6):
    """Scale a vector to a root mean square of one, then by column."""
    return x / math.sqrt(np.mean(x * x) + epsilon) * weight


def rotate(x, position, theta):
    """Turn column pairs (d, d + D/2) by position / theta^(2d/D)."""
    half = len(x) // 2
    turned = x.copy()
    for d in range(half):
        angle = position * theta ** (-d / half)
        turned[d] = x[d] * math.cos(angle) - x[d + half] * math.sin(angle)
        turned[d + half] = x[d + half] * math.cos(angle) + x[d] * math.sin(angle)
    return turned


def attend(x, weights, heads, kv_heads, theta):
    """Causal attention over one text.

    Args:
        x: (tokens, width).
        weights: q_proj, k_proj, v_proj, o_proj (out, in); q_norm, k_norm (head width,).
        heads: Query heads.
        kv_heads: Heads of keys and values.
        theta: Base of the rotary angles.
    """
    tokens = len(x)
    d = len(weights["q_norm"])
    out = np.zeros((tokens, heads * d))
    for head in range(heads):
        shared = head // (heads // kv_heads)
        rows, kv_rows = slice(head * d, (head + 1) * d), slice(shared * d, (shared + 1) * d)
        keys, values = [], []
        for t in range(tokens):
            key = normalise(weights["k_proj"][kv_rows] @ x[t], weights["k_norm"])
            keys.append(rotate(key, t, theta))
            values.append(weights["v_proj"][kv_rows] @ x[t])
            query = normalise(weights["q_proj"][rows] @ x[t], weights["q_norm"])
            query = rotate(query, t, theta)
            scores = np.array([query @ one for one in keys]) / math.sqrt(d)
            shares = np.exp(scores - scores.max())
            shares /= shares.sum()
            out[t, rows] = sum(share * one for share, one in zip(shares, values, strict=True))
    return out @ weights["o_proj"].T
