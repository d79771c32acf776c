"""The learning rate at a step: warm up, stay, decay (WSD)."""


def wsd_factor(step: int, steps: int, warmup_ratio: float, decay_ratio: float) -> float:
    """Scale the learning rate: a line up from 0, a plateau at 1, a line down to 0.

    The plateau lets one trunk serve budgets of any length, each with its own short decay (Hu et al.
    2024, arXiv 2404.06395; Hägele et al. 2024, arXiv 2405.18392).

    Args:
        step: From 0, the step about to be taken.
        steps: Steps of the whole run.
        warmup_ratio: Share of the steps on the line up.
        decay_ratio: Share of the steps on the line down.

    Returns:
        Above 0, at most 1: no step is wasted on a rate of zero.
    """
    warmup, decay = warmup_ratio * steps, decay_ratio * steps
    rising = (step + 1) / (warmup + 1)
    falling = (steps - step) / (decay + 1)
    return min(1.0, rising, falling)
