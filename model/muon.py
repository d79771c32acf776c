"""Muon for the matrices of the blocks: momentum whose singular values are all made one.

Jordan et al. 2024 (kellerjordan.github.io/posts/muon); scaling to the size of AdamW's steps, and
weight decay, by Liu et al. 2025 (arXiv 2502.16982). Matrices of one shape go through the iteration
as one batch, which on a CPU costs a quarter of going one by one.
"""

from collections import defaultdict
from typing import Any, Final

import torch
from torch import Tensor

_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration: steep at zero, singular values end between about 0.7 and 1.2."""
_ITERATIONS: Final = 5
_RMS_OF_ADAMW: Final = 0.2
"""Root mean square of AdamW's typical steps, per unit of learning rate."""


class MuonAdamW(torch.optim.AdamW):
    """Muon for the groups marked `muon`, AdamW for the others: one optimiser, one state."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step in both ways."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group["muon"]]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group["muon"]:
                self._step_by_muon(group)
        return loss

    def _step_by_muon(self, group: dict[str, Any]) -> None:
        alike: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
        for weight in group["params"]:
            if weight.grad is not None:
                rows, columns = sorted(weight.shape)
                alike[rows, columns].append(weight)
        for (_, longer), weights in alike.items():
            updates = [self._with_momentum(weight, group["momentum"]) for weight in weights]
            wide = [part.mT if _is_tall(part) else part for part in updates]
            orthogonal = orthogonalised(torch.stack(wide), group["product_dtype"])
            scale = -group["lr"] * _RMS_OF_ADAMW * longer**0.5
            for weight, update in zip(weights, orthogonal, strict=True):
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update.mT if _is_tall(weight) else update, alpha=scale)

    def _with_momentum(self, weight: Tensor, momentum: float) -> Tensor:
        """Add a gradient to its running mean; gives Nesterov's look ahead."""
        assert weight.grad is not None, "the caller looked"  # noqa: S101
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(state["momentum"], momentum)


def orthogonalised(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Move the singular values of matrices near one, keeping their singular vectors.

    Newton-Schulz iterations: matrix products only.

    Args:
        matrices: (matrices, rows, columns), rows at most columns.
        dtype: What the products compute in; bfloat16 is enough where there are units for it.

    Returns:
        The same shape; a zero matrix stays zero.
    """
    first, second, third = _COEFFICIENTS
    x = (matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)).to(dtype)
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=second, alpha=third)
        x = torch.baddbmm(x, polynomial, x, beta=first)
    y: Tensor = x.to(matrices.dtype)
    return y


def _is_tall(matrix: Tensor) -> bool:
    return matrix.shape[0] > matrix.shape[1]
