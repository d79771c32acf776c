"""A running mean of a model's weights, which is often better than the last of them."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential mean over steps (EMA); early on a plain mean of all steps so far."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start from the weights as they are.

        Args:
            model: What is trained.
            decay: Share of the old mean that a step keeps.
        """
        self._model, self._decay = model, decay
        self.mean: dict[str, Tensor] = {
            name: weight.detach().clone() for name, weight in model.named_parameters()
        }
        """The mean, by parameter."""

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Take the weights after `step` steps (from 1) into the mean."""
        # Without the bound the random first weights would count for 1 / (1 - decay) steps.
        share = 1 - min(self._decay, step / (step + 10))
        weights = dict(self._model.named_parameters())
        torch._foreach_lerp_(  # what torch.optim.swa_utils calls
            list(self.mean.values()), [weights[name] for name in self.mean], share
        )

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the mean for its weights; then its own again."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def adopt(self) -> None:
        """Let the model keep the mean for its weights."""
        self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, weight in self._model.named_parameters():
            own = weight.detach().clone()
            weight.copy_(self.mean[name])
            self.mean[name] = own
