"""AdamW, with weight decay for matrices only and a learning rate of its own for embeddings."""

import torch
from torch import nn

from model.recipe import TrainRecipe


def build_optimizer(model: nn.Module, recipe: TrainRecipe) -> torch.optim.AdamW:
    """Group a model's parameters and give them to AdamW (Loshchilov, Hutter 2019).

    Only the matrices of the blocks and an untied head decay: norm weights and token embeddings
    (rows of rare tokens would fade between their gradients) do not. Each group keeps its peak rate
    as `peak`, for `set_learning_rates`.
    """
    embeddings: list[nn.Parameter] = []
    matrices: list[nn.Parameter] = []
    norms: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if name.endswith("embed_tokens.weight"):
            embeddings.append(parameter)
        else:
            (matrices if parameter.ndim == 2 else norms).append(parameter)
    rate = recipe.learning_rate
    groups = [
        {"params": embeddings, "peak": recipe.embedding_learning_rate, "weight_decay": 0.0},
        {"params": matrices, "peak": rate, "weight_decay": recipe.weight_decay},
        {"params": norms, "peak": rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(recipe.beta1, recipe.beta2), fused=True)


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Scale each group's peak rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
