"""The optimiser: which weights decay, which learn at which rate, which by AdamW and which by Muon."""

import torch
from torch import nn

from model.machine import product_dtype
from model.muon import MuonAdamW
from model.optimizer_recipe import OptimizerRecipe


def build_optimizer(model: nn.Module, recipe: OptimizerRecipe) -> torch.optim.AdamW:
    """Group a model's parameters and give them to AdamW (Loshchilov, Hutter 2019), some to Muon.

    Only matrices (those of the blocks, an untied head) decay: norm weights and embeddings (rows of
    rare tokens would fade between their gradients) do not. Each group keeps its peak rate as
    `peak`, for `set_learning_rates`.
    """
    tables: list[nn.Parameter] = []
    matrices: list[nn.Parameter] = []
    heads: list[nn.Parameter] = []
    norms: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if name.endswith("embed_tokens.weight"):
            tables.append(parameter)
        elif parameter.ndim != 2:
            norms.append(parameter)
        else:
            (matrices if ".layers." in name else heads).append(parameter)
    muon, rate, decay = recipe.optimizer == "muon", recipe.learning_rate, recipe.weight_decay
    groups = [
        _group(tables, recipe.embedding_learning_rate),
        _group(matrices, recipe.matrix_learning_rate if muon else rate, decay, muon=muon),
        _group(heads, rate, decay),
        _group(norms, rate),
    ]
    device = next(model.parameters()).device
    for group in groups:
        group["momentum"] = recipe.momentum
        group["product_dtype"] = product_dtype(device, recipe.precision)
    kept = [group for group in groups if group["params"]]
    return MuonAdamW(kept, lr=rate, betas=(recipe.beta1, recipe.beta2), fused=True)


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Scale each group's peak rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def _group(
    parameters: list[nn.Parameter], peak: float, decay: float = 0.0, *, muon: bool = False
) -> dict[str, object]:
    return {"params": parameters, "peak": peak, "weight_decay": decay, "muon": muon}
