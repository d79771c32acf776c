"""The size dial: one number gives depth, width, batch, learning rate and budget. No torch here.

- Depth and width: heads of 64 columns, one per layer, so width = 64 x layers (the aspect ratio that
  nanochat's `--depth` keeps). A block weighs 12 x width^2, so layers = (size / 49152)^(1/3): 10 M
  gives 6 layers of 384 and 85 M gives 12 layers of 768, the sizes of nanoGPT's and GPT-2's small
  models.
- Learning rate 0.0047 x (size / 108e6)^(-1/3) / 2 and batch 2048 x 160 x (size / 108e6)^(2/3) tokens
  (OLMo's model ladder, after Porian et al. 2024, arXiv 2406.19146).
- Budget: 20 tokens per parameter (Hoffmann et al. 2022, arXiv 2203.15556).
"""

from collections.abc import Mapping
from typing import Any, Final

_REFERENCE: Final = 108e6
_HEAD_WIDTH: Final = 64
_TOKENS_PER_PARAMETER: Final = 20


def sized_shape(size: int) -> dict[str, int]:
    """Choose layers, width and heads for a number of parameters (embeddings not counted)."""
    layers = max(1, round((size / (12 * _HEAD_WIDTH**2)) ** (1 / 3)))
    return {"layers": layers, "width": _HEAD_WIDTH * layers, "heads": layers}


def sized_settings(size: int, context_tokens: int) -> dict[str, float]:
    """Choose learning rate, batch and budget for a number of parameters."""
    batch = 2048 * 160 * (size / _REFERENCE) ** (2 / 3)
    windows = max(1, round(batch / context_tokens))
    return {
        "learning_rate": 0.0047 * (size / _REFERENCE) ** (-1 / 3) / 2,
        "batch_tokens": windows * context_tokens,
        "budget_tokens": _TOKENS_PER_PARAMETER * size,
    }


def turn_dial(given: Mapping[str, Any], context_tokens: int) -> dict[str, Any]:
    """Fill what a training recipe with `size` leaves open; what it says itself stays."""
    size = int(given["size"])
    shape = given.get("shape", {})
    filled: dict[str, Any] = {**sized_settings(size, context_tokens), **given}
    if isinstance(shape, Mapping):
        filled["shape"] = {**sized_shape(size), **shape}
    return filled
