"""Slow twin of `model.transformer.Decoder`: plain NumPy in float64, one text at a time."""

import math

import numpy as np

from tests.reference.attention import attend, normalise


def logits(weights, shape, tokens):
    """Predict the token after each one.

    Args:
        weights: The decoder's state_dict as float64 arrays.
        shape: Its ShapeRecipe.
        tokens: Ids of one text.

    Returns:
        (tokens, vocabulary) float64.
    """
    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(shape.layers):
        own = {
            name.removeprefix(f"model.layers.{layer}.").removesuffix(".weight"): value
            for name, value in weights.items()
            if name.startswith(f"model.layers.{layer}.")
        }
        attention = {
            name.removeprefix("self_attn."): value
            for name, value in own.items()
            if name.startswith("self_attn.")
        }
        normed = np.array([normalise(row, own["input_layernorm"]) for row in x])
        x = x + attend(normed, attention, shape.heads, shape.kv_heads_or_default, shape.rope_theta)
        normed = np.array([normalise(row, own["post_attention_layernorm"]) for row in x])
        gate = normed @ own["mlp.gate_proj"].T
        gate = gate / (1 + np.exp(-gate))
        x = x + (gate * (normed @ own["mlp.up_proj"].T)) @ own["mlp.down_proj"].T
    x = np.array([normalise(row, weights["model.norm.weight"]) for row in x])
    tied = weights["model.embed_tokens.weight"]
    return x @ weights.get("lm_head.weight", tied).T


def document_bits(weights, shape, tokens, end_of_text, stride):
    """Sum a document's cost, one forward pass per token predicted.

    Args:
        weights: As above.
        shape: As above.
        tokens: The document's ids, its end mark last.
        end_of_text: Id of the end mark, read before the document.
        stride: Tokens that a window adds to the one before.
    """
    context = shape.context_tokens
    read = [end_of_text, *tokens]
    bits = 0.0
    for place, target in enumerate(tokens):
        beyond = max(0, place + 1 - context)
        end = context + -(-beyond // stride) * stride  # of the window that scores this token
        first = max(0, min(end, len(tokens)) - context)
        row = logits(weights, shape, read[first : place + 1])[-1]
        row = row - row.max()
        bits -= (row[target] - math.log(np.exp(row).sum())) / math.log(2)
    return bits
