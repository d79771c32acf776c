"""How much of the machine's arithmetic training used.

Formula as in PaLM (Chowdhery et al. 2022, appendix B), nanoGPT and nanochat: 6 floating-point
operations per matrix weight and token, and 12 x layers x width x context for attention, counted as
if it were not causal.
"""

import time
from typing import Final, Literal, TypedDict

import torch

from model.machine import mixed_precision
from model.products import linear
from model.transformer import Transformer

_PEAKS: Final = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16 peaks of the SXM cards' data sheets, operations per second."""
_SIDE: Final = 1024
"""Of the square matrices whose product is timed on a CPU."""


class Utilisation(TypedDict):
    """The fields of `TrainResult` that this module fills."""

    flops_per_token: int
    peak_flops_per_second: float | None
    utilisation_ratio: float | None


def utilisation(
    model: Transformer,
    tokens_per_second: float,
    device: torch.device,
    precision: Literal["float32", "bfloat16"] | None,
) -> Utilisation:
    """Compare a run's speed with the peak of its device.

    Args:
        model: What was trained.
        tokens_per_second: How fast.
        device: Where.
        precision: As the recipe says.
    """
    flops, peak = flops_per_token(model), _peak(device, precision)
    return {
        "flops_per_token": flops,
        "peak_flops_per_second": peak,
        "utilisation_ratio": flops * tokens_per_second / peak if peak else None,
    }


def flops_per_token(model: Transformer) -> int:
    """Count the operations of forward and backward pass per token."""
    shape = model.shape
    weights = sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if weight.ndim == 2 and ".layers." in name
    )
    weights += model.head_weight.numel()
    heads_width = shape.heads * shape.head_width_or_default
    return 6 * weights + 12 * shape.layers * heads_width * shape.context_tokens


def _peak(device: torch.device, precision: Literal["float32", "bfloat16"] | None) -> float | None:
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return next((peak for card, peak in _PEAKS.items() if card in name), None)
    one, other = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    seconds = []
    with torch.no_grad(), mixed_precision(device, precision):
        for _ in range(4):
            started = time.perf_counter()
            linear(one, other)  # by the library that computes the model's products
            seconds.append(time.perf_counter() - started)
    return 2 * _SIDE**3 / min(seconds)
