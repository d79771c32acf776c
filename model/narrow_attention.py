"""Attention for training in bfloat16 on a CPU, its gradient written by hand.

PyTorch's kernel cuts attention into pieces that fit a cache; its products of pieces reach a fifth of
what whole ones do in bfloat16, and its backward pass gains nothing from bfloat16 units. At contexts of
some hundred tokens it is two to three times faster to compute them whole. Longer ones are left to it: it
skips what a causal text hides, and in bfloat16 it still takes a quarter less than in float32. Scores are
in float32, as rounding them would change probabilities by a percent; probabilities and gradients in
bfloat16, as all other products.

Letters as in `model.blocks`; N texts times heads.
"""

from typing import Any, Final

import torch
from torch import Tensor

_LONGEST: Final = 1024
"""Most tokens attended to: time and memory grow with their square (6 bytes per pair and head)."""


def suits(q_BHTD: Tensor, v_BHSD: Tensor) -> bool:
    """Tell whether `attend` is for these: as mixed precision leaves them on a CPU, and not too many."""
    return (
        v_BHSD.device.type == "cpu"
        and v_BHSD.dtype == torch.bfloat16
        and q_BHTD.dtype == torch.float32
        and v_BHSD.shape[2] <= _LONGEST
    )


def attend(
    q_BHTD: Tensor, k_BHSD: Tensor, v_BHSD: Tensor, allowed_B11S: Tensor | None, *, causal: bool
) -> Tensor:
    """Mix values by how well keys fit queries.

    Args:
        q_BHTD: float32.
        k_BHSD: float32.
        v_BHSD: bfloat16.
        allowed_B11S: bool, what may be looked at; None: all.
        causal: Whether a token looks at itself and those before only (T equals S).

    Returns:
        bfloat16 BHTD.
    """
    size = q_BHTD.shape[:2]
    flat = [part.flatten(0, 1) for part in (q_BHTD, k_BHSD, v_BHSD)]
    hidden = q_BHTD.new_zeros(())
    if allowed_B11S is not None:
        hidden = _hiding(~allowed_B11S).expand(*size, -1, -1).flatten(0, 1)
    if causal:
        tokens = q_BHTD.shape[2]
        hidden = hidden + _hiding(torch.ones(tokens, tokens, dtype=torch.bool).triu(1))
    y_NTD: Tensor = _Attend.apply(*flat, hidden)  # type: ignore[no-untyped-call]
    return y_NTD.view(*size, *y_NTD.shape[1:])


def _hiding(hidden: Tensor) -> Tensor:
    """Give what is added to scores: no infinity, as a text of none but hidden tokens stays finite."""
    return torch.zeros(hidden.shape).masked_fill_(hidden, torch.finfo(torch.float32).min / 2)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, hidden: Tensor) -> Tensor:
        scale = q.shape[-1] ** -0.5
        with torch.autocast("cpu", enabled=False):
            scores = torch.baddbmm(hidden, q, k.mT, alpha=scale)
            shares = scores.softmax(-1).to(v.dtype)
            ctx.save_for_backward((q * scale).to(v.dtype), (k * scale).to(v.dtype), v, shares)
            return shares @ v

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, shares = ctx.saved_tensors
        gradient = gradients[0]
        to_shares = gradient @ v.mT
        # What autograd calls for a softmax.
        to_scores = torch._softmax_backward_data(to_shares, shares, -1, shares.dtype)  # noqa: SLF001
        to_q, to_k = to_scores @ k, to_scores.mT @ q
        return to_q.float(), to_k.float(), shares.mT @ gradient, None
