"""What can be set about compression. No torch here."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_contracts.frozen import Frozen
from model.optimizer_recipe import OptimizerRecipe
from model.recipe import EvaluateRecipe


class RecoveryRecipe(OptimizerRecipe):
    """How a smaller model is trained on the dataset that its original was trained on."""

    budget_tokens: int = Field(default=500_000, ge=1)
    """Training tokens."""
    batch_tokens: int = Field(default=2048, ge=8)
    """Tokens per optimiser step."""
    teacher_weight: float = Field(default=0.5, ge=0, le=1)
    """Share of the loss that is the distance to the original's predictions (Hinton et al. 2015,
    arXiv 1503.02531); the rest is the next token's. 0: the original is not asked."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides the logits of both before they are compared: more shows more of what the original
    thinks of unlikely tokens."""


class _Variant(Frozen):
    name: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$")
    """Name of the variant and of its folder; empty: its method."""


class Int8(_Variant):
    """Weights of the blocks in eight bits, a scale per row; products of bytes."""

    method: Literal["int8"]
    """`int8`, `prune` or `distil`."""


class Prune(_Variant):
    """Takes out what contributes least, whole heads, MLP columns and blocks, then trains again."""

    method: Literal["prune"]
    """`int8`, `prune` or `distil`."""
    heads_ratio: float = Field(default=0.25, ge=0, lt=1)
    """Share of the attention heads taken out of each block (whole groups, where heads share keys)."""
    mlp_ratio: float = Field(default=0.25, ge=0, lt=1)
    """Share of the MLP's columns taken out of each block."""
    layers_ratio: float = Field(default=0.0, ge=0, lt=1)
    """Share of the blocks taken out."""
    recovery: RecoveryRecipe | None = RecoveryRecipe(budget_tokens=200_000)
    """The training after it; null: none."""


class Distil(_Variant):
    """Trains a smaller model to predict what the original predicts."""

    method: Literal["distil"]
    """`int8`, `prune` or `distil`."""
    size_ratio: float = Field(default=0.5, gt=0, lt=1)
    """Parameters of the student at most, as a share of the original's: fewer blocks, then narrower
    MLPs; where that is not enough, as most parameters are embeddings, a narrower model instead."""
    start: Literal["pruned", "random"] = "pruned"
    """Where the student starts: at what pruning leaves of the original, or at random weights."""
    recovery: RecoveryRecipe = RecoveryRecipe()
    """Its training."""


Variant = Annotated[Int8 | Prune | Distil, Field(discriminator="method")]


class CompressRecipe(Frozen):
    """Which smaller models are made of one, and how they are measured."""

    variants: tuple[Variant, ...] = (
        Int8(method="int8"),
        Prune(method="prune"),
        Distil(method="distil"),
    )
    """The smaller models."""
    calibration_tokens: int = Field(default=16_384, ge=8)
    """Training tokens on which it is measured what parts of the model contribute."""
    speed_rows: int = Field(default=8, ge=1)
    """Texts of a batch when speed is measured."""
    speed_tokens: int = Field(default=256, ge=1)
    """Tokens of each of those texts; at most the context."""
    evaluate: EvaluateRecipe = EvaluateRecipe(baselines=(), memorisation_passages=0)
    """How the original and every variant are measured."""
    speed_seconds: float = Field(default=3.0, gt=0)
    """Processor seconds that the timing of each model takes, about."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [variant_name(one) for one in self.variants]
        twice = sorted(
            {name for name in names if names.count(name) > 1} | ({"original"} & {*names})
        )
        if twice:
            msg = f"two variants are named `{twice[0]}`; give each its own `name`"
            raise ValueError(msg)
        return self


def variant_name(variant: Int8 | Prune | Distil) -> str:
    """Name a variant."""
    return variant.name or variant.method
