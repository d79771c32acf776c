"""How many near-duplicates of known similarity a run would have found: part of dedup's result."""

from pydantic import Field

from data_contracts.frozen import Frozen


class RecallPoint(Frozen):
    """How many planted near-duplicates of one similarity were found."""

    similarity: float = Field(ge=0, le=1)
    """Mean exact similarity to their originals."""
    planted: int = Field(ge=1)
    """How many there were, each of another document."""
    found: int = Field(ge=0)
    """How many of them share a band with their original."""
    low: float
    """Lower end of the 95% interval of the recall (Wilson's score interval)."""
    high: float
    """Upper end."""
    expected: float
    """What theory says: 1 - (1 - similarity^rows)^bands."""

    @property
    def recall(self) -> float:
        """Share that was found."""
        return self.found / self.planted


class PlantedRecall(Frozen):
    """The run's own recall, measured on near-duplicates made from its data and thrown away."""

    target: float
    """Recall that the recipe asks for at the threshold."""
    at_threshold: RecallPoint
    """Texts that are as similar as the threshold asks, and hardly more."""
    curve: tuple[RecallPoint, ...]
    """Other similarities, ascending: with `at_threshold`, measured points of the S-curve."""

    @property
    def shortfall(self) -> float:
        """How far even the upper end of the interval at the threshold is under the target."""
        return max(0.0, self.target - self.at_threshold.high)
