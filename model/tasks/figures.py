"""Accuracy of a model on likelihood tasks, with intervals."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_contracts.interval import Interval
from data_contracts.measures import TaskFigures
from model.bootstrap import stratified_mean_interval
from model.tasks.definition import Example, Task, load_examples, load_task

Nats = Callable[[Sequence[Example]], list[NDArray[np.float64]]]
"""Gives what each choice of each example costs the model, float64 (choices,) nats."""


def task_figures(
    path: Path, nats_of: Nats, most_examples: int | None, resamples: int, seed: int
) -> TaskFigures:
    """Measure a model on one task.

    Args:
        path: The task file.
        nats_of: The model.
        most_examples: Examples measured, spread evenly over the groups; None: all.
        resamples: Of the bootstrap.
        seed: Decides which examples, and the bootstrap.

    Raises:
        TaskInvalid: The task or one of its files is not what it should be.
    """
    task = load_task(path)
    available = load_examples(path, task)
    examples = choose_examples(available, most_examples, seed)
    return summarise(task, examples, nats_of(examples), len(available), resamples, seed)


def choose_examples(examples: list[Example], most: int | None, seed: int) -> list[Example]:
    """Draw examples, of every group in proportion to its size; the same seed draws the same."""
    if most is None or len(examples) <= most:
        return examples
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(examples)).tolist()
    order.sort(key=lambda number: examples[number].group)  # stable: drawn at random inside a group
    places = (np.arange(most) + 0.5) * len(order) / most
    return [examples[order[int(place)]] for place in places]


def summarise(
    task: Task,
    examples: Sequence[Example],
    nats: Sequence[NDArray[np.float64]],
    available: int,
    resamples: int,
    seed: int,
) -> TaskFigures:
    """Turn what choices cost into figures."""
    groups = np.array([one.group for one in examples])
    right = np.array([one.right for one in examples])
    accurate = np.array([int(cost.argmin()) for cost in nats]) == right
    per_byte = [cost / _choice_bytes(one) for one, cost in zip(examples, nats, strict=True)]
    accurate_per_byte = np.array([int(cost.argmin()) for cost in per_byte]) == right
    probability = np.array(
        [_probability(cost, one.right) for one, cost in zip(examples, nats, strict=True)]
    )
    chance = float(np.mean([1 / len(one.choices) for one in examples]))

    def interval(values: NDArray[np.float64] | NDArray[np.bool_]) -> Interval:
        return stratified_mean_interval(values.astype(np.float64), groups, resamples, seed)

    accuracy = interval(accurate)
    return TaskFigures(
        name=task.name,
        description=task.description,
        format=task.format,
        examples=len(examples),
        available=available,
        chance=chance,
        accuracy=accuracy,
        byte_accuracy=interval(accurate_per_byte),
        centred_accuracy=_centred(accuracy, chance),
        right_probability=interval(probability),
        groups=_by_group(groups, accurate) if task.group else {},
    )


def _choice_bytes(example: Example) -> NDArray[np.float64]:
    return np.array(
        [max(1, len(choice[example.scored_from :].encode())) for choice in example.choices],
        np.float64,
    )


def _probability(nats: NDArray[np.float64], right: int) -> float:
    shares = np.exp(nats.min() - nats)
    return float(shares[right] / shares.sum())


def _centred(accuracy: Interval, chance: float) -> Interval:
    def scale(value: float) -> float:
        return (value - chance) / (1 - chance)

    return Interval(value=scale(accuracy.value), low=scale(accuracy.low), high=scale(accuracy.high))


def _by_group(
    groups: NDArray[np.str_], accurate: NDArray[np.bool_]
) -> dict[str, tuple[float, int]]:
    return {
        str(group): (float(accurate[groups == group].mean()), int((groups == group).sum()))
        for group in np.unique(groups)
    }
