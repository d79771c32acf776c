"""What can be set about the optimiser: the same for pretraining and for tasks. No torch here."""

from typing import Literal, Self

from pydantic import Field, model_validator

from data_contracts.frozen import Frozen


class OptimizerRecipe(Frozen):
    """How weights are fitted, whatever the objective."""

    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW for all weights, or Muon for the matrices of the blocks and AdamW for the rest. Muon
    needs about two thirds of the steps; on a CPU a step of a narrow model costs 1.4 times as much."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate of AdamW, for all but the token embeddings."""
    matrix_learning_rate: float = Field(default=1e-2, gt=0)
    """Peak learning rate of Muon. Its steps are scaled to the size of AdamW's (Liu et al. 2025,
    arXiv 2502.16982), but bear a higher rate. Not used by `adamw`."""
    embedding_learning_rate: float = Field(default=1e-2, gt=0)
    """Peak learning rate of the token embeddings (and of the head, when it is tied to them). Each
    row only learns from the few places where its token stands, so it must learn more from each."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of AdamW's mean of gradients."""
    beta2: float = Field(default=0.99, ge=0, lt=1)
    """Decay of AdamW's mean of squared gradients."""
    momentum: float = Field(default=0.95, ge=0, lt=1)
    """Decay of Muon's mean of gradients."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Decoupled weight decay of matrices; embeddings and norms have none. Take more (about 1) where
    the same text is read many times (arXiv 2605.01640)."""
    max_gradient_norm: float | None = Field(default=1.0, gt=0)
    """Gradients of a larger norm are scaled down to it. None: never."""
    schedule: Literal["wsd", "cosine", "linear"] = "wsd"
    """How the learning rate moves after its warm-up: `wsd` stays, then falls on a line over the last
    `decay_ratio` of the steps; `cosine` and `linear` fall from there to the end."""
    warmup_ratio: float = Field(default=0.02, ge=0, le=1)
    """Share of the steps in which the learning rate rises."""
    decay_ratio: float = Field(default=0.6, ge=0, le=1)
    """Share of the steps, at the end, in which the learning rate of `wsd` falls to zero."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of what each part of a block adds that training zeroes, against overfitting."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of a target's probability that is spread over the whole vocabulary in training."""
    z_loss_weight: float = Field(default=0.0, ge=0)
    """Weight of the squared log-normaliser in the training loss, which keeps logits from drifting
    (Chowdhery et al. 2022 take 1e-4). 0: off."""
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Keep a running mean of the weights with this decay per step, and measure and save that. None:
    the weights as they are."""
    precision: Literal["float32", "bfloat16"] | None = None
    """What matrix products compute in. None: bfloat16 on CUDA, float32 on a CPU, which keeps a run
    the same from one CPU to the next but for rounding. `bfloat16` on a CPU with matrix units for it
    is several times faster; without them it is slower, so float32 is taken there."""
    seed: int = Field(default=1, ge=0, lt=2**32)
    """Decides the first weights, the order of the batches and what dropout zeroes."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads. None: every core that the process may use."""

    @model_validator(mode="after")
    def _schedule_adds_up(self) -> Self:
        if self.schedule == "wsd" and self.warmup_ratio + self.decay_ratio > 1:
            msg = "warmup_ratio + decay_ratio must not be over 1"
            raise ValueError(msg)
        return self
