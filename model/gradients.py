"""Two small operations with their gradients written by hand, for CPUs.

PyTorch computes them on a CPU as chains of elementwise steps, each of which is differentiated and
writes its result to memory. By hand a training step of a narrow model takes a fifth less time
(nanoGPT's CPU setting, tests/bench/bench_train.py: 75 to 61 ms of processor time).
"""

from typing import Any

import torch
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Scale vectors (last axis) to a root mean square of one, then by a weight per column."""
    y: Tensor = _RMSNorm.apply(x, weight, epsilon)  # type: ignore[no-untyped-call]
    return y


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Give `x * cos + swapped(x) * sin`, the halves of the last axis swapped.

    With the first half of `sin` negated this turns column pairs (d, d + D/2). Neither `cos` nor
    `sin` gets a gradient.
    """
    y: Tensor = _Rotate.apply(x, cos, sin)  # type: ignore[no-untyped-call]
    return y


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_()
        scale = square.div_(x.shape[-1]).add_(epsilon).rsqrt_()
        normed = x * scale
        ctx.save_for_backward(normed, scale, weight)
        y: Tensor = normed * weight
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        # With n = x * scale and g the gradient of n: dx = scale * (g - n * mean(g * n)).
        normed, scale, weight = ctx.saved_tensors
        (gradient,) = gradients
        products = (gradient * normed).flatten(0, -2)
        means = torch.mv(products, weight).div_(normed.shape[-1]).view_as(scale)
        inner = (gradient * weight).addcmul_(normed, means, value=-1)
        return inner.mul_(scale), products.sum(0), None


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return (x * cos).addcmul_(_swapped(x), sin)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        (gradient,) = gradients
        return (gradient * cos).add_(_swapped(gradient * sin)), None, None


def _swapped(x: Tensor) -> Tensor:
    return x.roll(x.shape[-1] // 2, dims=-1)
