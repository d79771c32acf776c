"""Three operations with their gradients written by hand, for CPUs.

PyTorch computes them on a CPU as chains of elementwise steps, each of which is differentiated and
writes its result to memory. With the first two by hand a training step of a narrow model takes a
fifth less time (nanoGPT's CPU setting, tests/bench/bench_train.py: 75 to 61 ms of processor time);
with the third, guessing among 16,384 tokens in bfloat16 takes 17 ms where it took 26 (307 of them,
the head's products included).
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


def cross_entropy(logits_NV: Tensor, targets_N: Tensor, smoothing: float = 0.0) -> Tensor:
    """Sum the cross-entropy of targets, in nats.

    The probabilities are all that is kept, and become the logits' gradient in place: less a chain
    of five passes over N x V numbers, which with a large vocabulary take as long as the products
    that give the logits.

    Args:
        logits_NV: Any floating type; probabilities are computed in float32 at least.
        targets_N: int64; under 0 where nothing is to be predicted.
        smoothing: Share of a target's probability that is spread over all V.
    """
    cost: Tensor = _CrossEntropy.apply(logits_NV, targets_N, smoothing)  # type: ignore[no-untyped-call]
    return cost


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


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, targets_N: Tensor, smoothing: float) -> Tensor:
        wide = torch.promote_types(logits_NV.dtype, torch.float32)
        chances_NV = torch.softmax(logits_NV, -1, dtype=wide)
        place_N1, known_N1 = targets_N.clamp(min=0)[:, None], (targets_N >= 0)[:, None]
        own_N1 = chances_NV.gather(1, place_N1)
        # What is too unlikely for a float32 costs 87 nats; NaN stays NaN.
        nats_N1 = -own_N1.clamp(min=torch.finfo(wide).tiny).log()
        cost_N1 = nats_N1
        if smoothing:
            # The mean of -log p over V is the mean distance of the logits from the target's, and its nats.
            mean_N1 = logits_NV.gather(1, place_N1).to(wide) - logits_NV.mean(1, True, dtype=wide)
            cost_N1 = nats_N1 + smoothing * mean_N1
            chances_NV -= smoothing / logits_NV.shape[1]
        chances_NV.scatter_add_(1, place_N1, torch.full_like(own_N1, smoothing - 1))
        if not bool(known_N1.all()):
            chances_NV *= known_N1
            cost_N1 = torch.where(known_N1, cost_N1, 0.0)
        ctx.gradient_NV = chances_NV.to(logits_NV.dtype)
        return cost_N1.sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient_NV, ctx.gradient_NV = ctx.gradient_NV, None  # changed in place: only once
        return gradient_NV.mul_(gradients[0]), None, None


def _swapped(x: Tensor) -> Tensor:
    return x.roll(x.shape[-1] // 2, dims=-1)
