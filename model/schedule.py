"""The learning rate at a step: warm up, then stay or fall."""

import math

from model.optimizer_recipe import OptimizerRecipe


def learning_rate_factor(step: int, steps: int, recipe: OptimizerRecipe) -> float:
    """Scale the learning rate by the recipe's schedule.

    Args:
        step: From 0, the step about to be taken.
        steps: Steps of the whole run.
        recipe: Schedule and shares.

    Returns:
        Above 0, at most 1: no step is wasted on a rate of zero.
    """
    warmup = recipe.warmup_ratio
    if recipe.schedule == "wsd":
        return wsd_factor(step, steps, warmup, recipe.decay_ratio)
    line = wsd_factor(step, steps, warmup, 1 - warmup)
    rising = step + 1 <= warmup * steps
    return line if rising or recipe.schedule == "linear" else (1 - math.cos(math.pi * line)) / 2


def wsd_factor(step: int, steps: int, warmup_ratio: float, decay_ratio: float) -> float:
    """Scale the learning rate: a line up from 0, a plateau at 1, a line down to 0 (WSD).

    The plateau lets one trunk serve budgets of any length, each with its own short decay (Hu et al.
    2024, arXiv 2404.06395; Hägele et al. 2024, arXiv 2405.18392).

    Args:
        step: From 0, the step about to be taken.
        steps: Steps of the whole run.
        warmup_ratio: Share of the steps on the line up.
        decay_ratio: Share of the steps on the line down.

    Returns:
        Above 0, at most 1.
    """
    warmup, decay = warmup_ratio * steps, decay_ratio * steps
    rising = (step + 1) / (warmup + 1)
    falling = (steps - step) / (decay + 1)
    return min(1.0, rising, falling)
