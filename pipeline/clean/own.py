"""What a recipe brings itself: its quality model, and signals and rules of its own.

They are files outside this program, so their content is what identifies them, not their names.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.errors import QualityModelInvalid, RecipeInvalid
from data_contracts.fingerprint import sha256_of_file
from data_contracts.own_parts import PartKind, load_part, part_identity
from pipeline.clean.quality.model import NO_MODEL, QualityModel, load_model
from pipeline.clean.recipe import CleanRecipe

SIGNAL: Final = PartKind("signal", (pa.Array,), (pa.Array, pa.ChunkedArray))
"""Texts (large_string, no nulls) to numbers, one for each."""
RULE: Final = PartKind("rule", (pa.Table,), (pa.Array, pa.ChunkedArray))
"""Signals, one row per record, to booleans: true drops it."""


def check_parts(recipe: CleanRecipe) -> None:
    """Load all that a recipe brings, so that what is wrong is told before anything is read.

    Raises:
        RecipeInvalid: A part is not there or not of its kind.
        QualityModelInvalid: The model is not there, or does not fit.
    """
    quality_model(recipe)
    for name, one in recipe.own_signals.items():
        load_part(one.function, SIGNAL, _signal_field(name))
    for name, part in recipe.own_rules.items():
        load_part(part, RULE, _rule_field(name))


def quality_model(recipe: CleanRecipe) -> QualityModel:
    """Load the recipe's quality model (NO_MODEL: it has none).

    Raises:
        QualityModelInvalid: As `load_model`.
    """
    return NO_MODEL if recipe.quality_model is None else load_model(recipe.quality_model)


def measured_by(recipe: CleanRecipe) -> list[object]:
    """Identify what measures signals beside this program; empty where nothing does.

    Raises:
        RecipeInvalid: A part is not there.
        QualityModelInvalid: The model is not there.
    """
    found: list[object] = []
    if recipe.quality_model is not None:
        try:
            found.append(["quality_model", sha256_of_file(Path(recipe.quality_model))])
        except OSError as error:
            problem = f"it cannot be read ({error.strerror})"
            raise QualityModelInvalid(recipe.quality_model, problem) from error
    for name, one in sorted(recipe.own_signals.items()):
        found.append([name, part_identity(one.function, _signal_field(name))])
    return found


def decided_by(recipe: CleanRecipe) -> list[object]:
    """Give all that decides what a recipe keeps, wherever its files lie.

    Raises:
        RecipeInvalid: A part is not there.
        QualityModelInvalid: The model is not there.
    """
    settings = recipe.model_dump(
        mode="json", exclude={"quality_model", "own_signals", "own_rules"}, by_alias=True
    )
    limits = {name: [one.min, one.max] for name, one in recipe.own_signals.items()}
    rules = {name: part_identity(one, _rule_field(name)) for name, one in recipe.own_rules.items()}
    return [settings, measured_by(recipe), limits, rules]


def measure_own(texts: pa.Array, recipe: CleanRecipe) -> list[pa.Array]:
    """Measure the recipe's own signals.

    Args:
        texts: Texts as they are kept: large_string, no nulls.
        recipe: Names the signals.

    Returns:
        float64 (texts,), one array per signal in the order of their names.

    Raises:
        RecipeInvalid: A signal is not there or not of its kind, failed, or did not give one finite
            number for each text.
    """
    return [_numbers(one.function, name, texts) for name, one in sorted(recipe.own_signals.items())]


def judge_by_own_rule(signals: pa.Table, part: str, name: str) -> NDArray[np.int64]:
    """Ask one own rule which records it drops.

    Args:
        signals: All signals.
        part: The rule.
        name: Its name in the recipe.

    Returns:
        int64: the rows that it drops, ascending.

    Raises:
        RecipeInvalid: The rule is not there or not of its kind, failed, or did not give a boolean
            for each record.
    """
    field = _rule_field(name)
    answer = _called(load_part(part, RULE, field), signals, part, field)
    if isinstance(answer, pa.ChunkedArray):
        answer = answer.combine_chunks()
    problem = _misfit(answer, signals.num_rows)
    if problem is None and not pa.types.is_boolean(answer.type):
        problem = f"it gave {answer.type}, not booleans"
    if problem is not None:
        raise RecipeInvalid(part, field, problem, "Mend it there.")
    return np.flatnonzero(answer.to_numpy(zero_copy_only=False))


def _numbers(part: str, name: str, texts: pa.Array) -> pa.Array:
    field = _signal_field(name)
    answer = _called(load_part(part, SIGNAL, field), texts, part, field)
    if isinstance(answer, pa.ChunkedArray):
        answer = answer.combine_chunks()
    problem = _misfit(answer, len(texts))
    if problem is None:
        try:
            answer = answer.cast(pa.float64())
        except pa.ArrowException as error:
            problem = f"it gave no numbers ({error})"
    if problem is None and not np.isfinite(answer.to_numpy(zero_copy_only=False)).all():
        problem = "it gave a number that is not finite"
    if problem is not None:
        raise RecipeInvalid(part, field, problem, "Mend it there.")
    return answer


def _called(function: Callable[..., Any], given: object, part: str, field: str) -> Any:
    try:
        return function(given)
    except Exception as error:  # the user's code may raise anything
        problem = f"it failed ({type(error).__name__}: {error})"
        raise RecipeInvalid(part, field, problem, "Mend it there.") from error


def _misfit(answer: object, rows: int) -> str | None:
    if not isinstance(answer, pa.Array):
        return f"it gave {type(answer).__name__}, not a pyarrow.Array"
    if len(answer) != rows:
        return f"it gave {len(answer):,} values for {rows:,} records"
    return f"it gave {answer.null_count:,} nulls" if answer.null_count else None


def _signal_field(name: str) -> str:
    return f"clean.own_signals.{name}.function"


def _rule_field(name: str) -> str:
    return f"clean.own_rules.{name}"
