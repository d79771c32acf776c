"""What a comparison of two models on the same held-out documents found."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, ValidationError

from data_contracts.frozen import Frozen
from data_contracts.results import Interval
from data_contracts.whole_text import replace_text


class Verdict(StrEnum):
    """What the interval of the difference allows to say."""

    BETTER = "better"
    """All of it lies below 0."""
    NOT_WORSE = "not worse"
    """All of it lies below the margin."""
    WORSE = "worse"
    """All of it lies above 0, and it reaches the margin."""
    INCONCLUSIVE = "inconclusive"
    """It reaches from below 0 past the margin, or too few documents were measured."""


class SourceDifference(Frozen):
    """The difference on the documents of one source."""

    documents: int = Field(ge=1)
    """Documents measured."""
    text_bytes: int = Field(ge=1)
    """Their UTF-8 bytes."""
    difference: Interval
    """Candidate less production, bits per byte; below 0 the candidate is better."""


class Comparison(Frozen):
    """Two models on the same documents, paired."""

    candidate: str
    """The model that would go into use, NAME@VERSION."""
    production: str
    """The model that it is held against, NAME@VERSION."""
    candidate_dataset: str
    """What the first was trained on."""
    production_dataset: str
    """What the second was trained on."""
    held_out_in_both: int = Field(ge=0)
    """Documents that both dataset versions hold out."""
    seen_in_training: int = Field(ge=0)
    """Of those, left out: training text of either version shares 13 consecutive tokens with them."""
    documents: int = Field(ge=1)
    """Documents measured."""
    text_bytes: int = Field(ge=1)
    """Their UTF-8 bytes."""
    candidate_bits_per_byte: Interval
    """What the documents cost the candidate."""
    production_bits_per_byte: Interval
    """What they cost production."""
    difference: Interval
    """Candidate less production; the bootstrap resamples documents, both models on the same."""
    margin: float
    """How much worse is still as good, bits per byte."""
    verdict: Verdict
    """What follows."""
    sources: dict[str, SourceDifference]
    """The difference by source; of each, no more than a hint."""

    @property
    def may_promote(self) -> bool:
        """Whether the candidate is shown to be as good as production, or better."""
        return self.verdict in {Verdict.BETTER, Verdict.NOT_WORSE}

    @classmethod
    def load(cls, path: Path) -> "Comparison | None":
        """Read a comparison; None where there is none that this program understands."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def save(self, path: Path) -> None:
        """Write it, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, self.model_dump_json(indent=1) + "\n")
