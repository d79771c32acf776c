"""What evaluation finds out about a model besides how well it predicts."""

from pydantic import Field

from data_contracts.frozen import Frozen
from data_contracts.interval import Interval


class TaskFigures(Frozen):
    """How often a model prefers the right one of several texts."""

    name: str
    """The task."""
    description: str
    """What it asks for, in words."""
    format: str
    """`minimal_pairs` or `multiple_choice`."""
    examples: int = Field(ge=1)
    """Examples measured."""
    available: int = Field(ge=1)
    """Examples that the task has."""
    chance: float = Field(ge=0, le=1)
    """What guessing reaches: the mean of 1 / choices."""
    accuracy: Interval
    """Share of examples whose right choice has the highest probability. The bootstrap resamples
    examples within their groups."""
    byte_accuracy: Interval
    """The same, log-probabilities divided by the UTF-8 bytes of the choice."""
    centred_accuracy: Interval
    """`accuracy` on a scale from 0 (chance) to 1: (accuracy - chance) / (1 - chance)."""
    right_probability: Interval
    """Mean probability of the right choice among the choices: moves before accuracy does."""
    groups: dict[str, tuple[float, int]]
    """Accuracy and examples of each group; empty: the task has none."""
