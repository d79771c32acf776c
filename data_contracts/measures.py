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


class HiddenFigures(Frozen):
    """How well a predictor guesses tokens that are hidden in one split."""

    predictor: str
    """`model`, or `frequency`: tokens by their share of the training text."""
    split: str
    """Which split."""
    bits_per_token: Interval
    """Mean over hidden tokens; the bootstrap draws documents."""
    accuracy: Interval
    """Share of hidden tokens that were held for the likeliest."""
    tokens: int = Field(ge=1)
    """Tokens hidden."""
    documents: int = Field(ge=1)
    """Documents with hidden tokens."""


class PositionFigures(Frozen):
    """How well a model does on tokens before which it had read so much of their document."""

    first: int = Field(ge=0)
    """Tokens before, at least."""
    last: int = Field(ge=0)
    """Tokens before, at most."""
    bits_per_byte: Interval
    """On these tokens; the bootstrap draws the documents that reach them."""
    tokens: int = Field(ge=1)
    """Tokens measured."""
    documents: int = Field(ge=1)
    """Documents that reach this far."""


class CalibrationBin(Frozen):
    """Tokens of which the model was about equally sure."""

    low: float
    """Least probability given to the likeliest token."""
    high: float
    """One past the greatest."""
    confidence: float
    """Mean probability given."""
    accuracy: float
    """Share of the tokens that were the likeliest one."""
    tokens: int = Field(ge=1)
    """Tokens in the bin."""


class Calibration(Frozen):
    """Whether a model is as often right as it is sure."""

    expected_error: float = Field(ge=0, le=1)
    """Mean distance of confidence and accuracy over the bins, weighted by tokens."""
    accuracy: Interval
    """Share of next tokens that were the likeliest one; the bootstrap draws documents."""
    mean_confidence: float
    """Mean probability given to the likeliest token: above `accuracy` the model is too sure."""
    bins: tuple[CalibrationBin, ...]
    """Bins of equal width that hold tokens."""


class TrainGap(Frozen):
    """How much better a model does on text that it was trained on."""

    train: Interval
    """Bits per byte on training documents, as many bytes as of the validation split."""
    validation: Interval
    """Bits per byte on the validation split."""
    gap: Interval
    """Validation less train; the intervals' draws are independent."""


class Memorisation(Frozen):
    """What a model repeats of the text that it was trained on."""

    longest_copy: str
    """The longest stretch of a sample, its prompt left out, that stands in the training text."""
    longest_copy_bytes: int = Field(ge=0)
    """Its UTF-8 bytes."""
    longest_copy_by_people_bytes: int = Field(ge=0)
    """The same of what really followed those prompts, as much text: what chance and habit give."""
    passages: int = Field(ge=0)
    """Training passages that the model was given the beginning of, to continue greedily."""
    passage_tokens: int = Field(ge=0)
    """Tokens of each beginning, and of each continuation."""
    verbatim: Interval | None
    """Share of passages continued word for word (Carlini et al. 2023, arXiv 2202.07646); the
    interval is Wilson's. None: none was tried."""
    held_out_verbatim: Interval | None
    """The same of held-out passages, which the model has never seen."""
    tokens_followed: float
    """Mean number of tokens continued word for word before the first other one."""
    held_out_tokens_followed: float
    """The same of held-out passages."""
