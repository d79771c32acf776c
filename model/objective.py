"""What training lowers: the cost of the targets, with what a recipe adds to it."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from model.gradients import cross_entropy

NO_TARGET: Final = -100
"""Stands where nothing is to be predicted."""


def target_loss(
    logits_NV: Tensor, targets_N: Tensor, label_smoothing: float = 0.0, z_loss_weight: float = 0.0
) -> Tensor:
    """Sum what targets cost.

    Args:
        logits_NV: Predictions.
        targets_N: int64, `NO_TARGET` where there is none.
        label_smoothing: Share of a target's probability spread over all entries.
        z_loss_weight: Weight of the squared log-normaliser.

    Returns:
        float32, nats, summed over the targets.
    """
    if logits_NV.device.type == "cpu":
        loss = cross_entropy(logits_NV, targets_N, label_smoothing)
    else:
        loss = functional.cross_entropy(
            logits_NV.float(),
            targets_N,
            ignore_index=NO_TARGET,
            reduction="sum",
            label_smoothing=label_smoothing,
        )
    if z_loss_weight:
        squares_N = torch.logsumexp(logits_NV.float(), dim=-1).square()
        loss = loss + z_loss_weight * squares_N[targets_N != NO_TARGET].sum()
    return loss
