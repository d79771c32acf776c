"""Matrix products of vectors with weights, in float32 on a CPU by the faster of two libraries.

PyTorch gives float32 products to MKL, which on processors that are not Intel's leaves half of the
AVX-512 units idle: 110 GFLOP/s on a core of an EPYC (Zen 5), where oneDNN, which PyTorch carries for
bfloat16 and its compiler, reaches 230 (tests/bench/RESULTS.md).
"""

import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

_FEWEST_ROWS: Final = 16
"""Vectors from which on oneDNN pays: for fewer its set-up takes longer than the product."""


class Linear(nn.Linear):
    """A linear layer without bias."""

    def __init__(self, columns: int, rows: int) -> None:
        """Make room for weights, (rows, columns)."""
        super().__init__(columns, rows, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply vectors (last axis) with the weights."""
        return linear(x, self.weight)


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """Multiply vectors with weights.

    Args:
        x: float (..., columns).
        weight: float (rows, columns).

    Returns:
        (..., rows), of the type that `torch.nn.functional.linear` gives.
    """
    if not _takes_onednn(x, weight):
        return functional.linear(x, weight)
    y: Tensor = _Product.apply(x, weight)  # type: ignore[no-untyped-call]
    return y


def _takes_onednn(x: Tensor, weight: Tensor) -> bool:
    return (
        x.dtype == weight.dtype == torch.float32
        and x.device.type == "cpu"
        and _HAS_ONEDNN
        and math.prod(x.shape[:-1]) >= _FEWEST_ROWS
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()  # nor exporting: others know F.linear only
    )


def _onednn_product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply (n, k) with the transpose of (m, k); either may be a transposed view."""
    # What PyTorch's compiler calls for a linear layer; there is no public name.
    y: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")  # noqa: SLF001
    return y


_HAS_ONEDNN: Final = hasattr(torch.ops.mkldnn, "_linear_pointwise")


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn_product(x.flatten(0, -2), weight).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].flatten(0, -2)
        to_x, to_weight = None, None
        if ctx.needs_input_grad[0]:
            to_x = _onednn_product(gradient, weight.t()).view(x.shape)
        if ctx.needs_input_grad[1]:
            to_weight = _onednn_product(gradient.t(), x.flatten(0, -2).t())
        return to_x, to_weight
