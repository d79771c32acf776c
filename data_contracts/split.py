"""Which records are held out: a pure function of the record's id, never of history."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from data_contracts.frozen import Frozen


class Split(StrEnum):
    """The parts of a dataset version."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class SplitRecipe(Frozen):
    """How much is held out of training, by hash of the record's id."""

    validation_ratio: float = Field(default=0.02, ge=0, le=0.5)
    """Share of records held out to watch training and to compare models."""
    test_ratio: float = Field(default=0.02, ge=0, le=0.5)
    """Share of records held out for the final figures."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> "SplitRecipe":
        if self.validation_ratio + self.test_ratio > 0.9:
            msg = "validation_ratio + test_ratio must leave at least a tenth to train on"
            raise ValueError(msg)
        return self


SPLITS: tuple[Split, ...] = (Split.TRAIN, Split.VALIDATION, Split.TEST)
"""Splits by number: 0 train, 1 validation, 2 test."""


def split_numbers(record_ids: list[str], recipe: SplitRecipe) -> NDArray[np.uint8]:
    """Assign records to splits.

    The first 32 bits of the id, read as a fraction of 2^32, fall under `test_ratio` (test), under
    `test_ratio + validation_ratio` (validation) or above (train).

    Args:
        record_ids: 32 hex digits each.
        recipe: The ratios.

    Returns:
        uint8 (records,): index into `SPLITS`.
    """
    heads = (int(one[:8], 16) for one in record_ids)
    return splits_of_heads(np.fromiter(heads, np.uint32, len(record_ids)), recipe)


def splits_of_heads(heads: NDArray[np.uint32], recipe: SplitRecipe) -> NDArray[np.uint8]:
    """Assign records to splits by the first 32 bits of their ids (see `split_numbers`)."""
    fraction = heads / 2.0**32
    numbers = np.zeros(len(heads), np.uint8)
    numbers[fraction < recipe.test_ratio + recipe.validation_ratio] = 1
    numbers[fraction < recipe.test_ratio] = 2
    return numbers
