"""The keys of Prefect's artifacts: what an artifact tells, and of which dataset.

Artifacts of one key are one history on Prefect's pages, so two datasets must not share a key.
"""

from typing import Final

CONTRACT: Final = "check-contract"
"""The contract's rules on tokens, drift and ages."""
SCORECARD: Final = "scorecard"
"""The contract's rules on a model."""
REFRESH: Final = "refresh"
"""What came of a run."""
CANDIDATE: Final = "candidate"
"""A candidate beside what is in production."""
DELIVERIES: Final = "deliveries"
"""What is kept of a source that only gets more."""
PROGRESS: Final = "progress-"
"""How far a stage is: before the stage's name."""


def artifact_key(what: str, dataset: str) -> str:
    """Name an artifact of a dataset.

    Args:
        what: One of the words above, or a stage's name; none is the beginning of another one and a
            hyphen, so that every key stands for one pair.
        dataset: The dataset's name: lower-case letters, digits and hyphens, at most 63, as in a recipe.
    """
    return f"{what}-{dataset}"
