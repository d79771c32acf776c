"""metrics.jsonl: one line per training step."""

import json
import os
import time
from pathlib import Path
from typing import Final, Self, TextIO

from pydantic import Field

from data_contracts.frozen import Frozen
from model.tensorboard import EventFile

METRICS_FILE: Final = "metrics.jsonl"
EVENTS_FILE: Final = "events.out.tfevents.0"
"""Where TensorBoard looks, when it is asked for."""


class StepMetrics(Frozen):
    """What one optimiser step did."""

    step: int
    """Steps taken, this one included."""
    tokens: int
    """Training tokens that went through the model so far."""
    loss: float
    """Mean loss of the step's batch, nats per token."""
    learning_rate: float
    """Learning rate of the step, embeddings apart."""
    gradient_norm: float
    """Norm of the gradient before clipping."""
    seconds: float
    """Wall time of the step, validation and checkpoint excluded."""
    tokens_per_second: float
    """Training tokens of the step over `seconds`."""
    validation_loss: float | None = None
    """Nats per token on the validation split after the step; None: not measured."""
    source_tokens: dict[str, int] = Field(default_factory=dict)
    """Tokens of the step's batch by the source they came from."""


class MetricsLog:
    """Appends to metrics.jsonl and keeps what a run's summary needs. Use as a context manager."""

    def __init__(
        self,
        folder: Path,
        resumed_from_step: int,
        *,
        writes: bool = True,
        tensorboard: bool = False,
    ) -> None:
        """Open the log of a run, dropping lines of steps that are about to be taken again.

        Args:
            folder: The run's folder.
            resumed_from_step: Last step whose line is kept.
            writes: Whether this process writes the file; else it only keeps the rows.
            tensorboard: Whether the same goes into a file that TensorBoard reads.
        """
        path = folder / METRICS_FILE
        self.rows = [row for row in read_metrics(path) if row.step <= resumed_from_step]
        self._file: TextIO | None = None
        self._events: EventFile | None = None
        if writes and tensorboard:
            path.with_name(EVENTS_FILE).unlink(missing_ok=True)
            self._events = EventFile(path.with_name(EVENTS_FILE))
            for row in self.rows:
                self._events.add(row.step, time.time(), _scalars(row))
        if writes:
            partial = path.with_name(f"{METRICS_FILE}.partial")
            partial.write_text("".join(_line(row) for row in self.rows), encoding="utf-8")
            os.replace(partial, path)
            self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        """Start writing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def add(self, row: StepMetrics) -> None:
        """Append a step; on disk at once, so that a run can be followed and no line is lost."""
        self.rows.append(row)
        if self._file:
            self._file.write(_line(row))
            self._file.flush()
        if self._events:
            self._events.add(row.step, time.time(), _scalars(row))


def read_metrics(path: Path) -> list[StepMetrics]:
    """Read a log, also that of a killed run: a last line cut short is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    whole = lines[:-1]  # what follows the last line end is no whole line
    return [StepMetrics.model_validate(json.loads(line)) for line in whole]


def _scalars(row: StepMetrics) -> dict[str, float]:
    found = row.model_dump(exclude={"step", "source_tokens"}, exclude_none=True)
    return found | {f"source/{name}": many for name, many in row.source_tokens.items()}


def _line(row: StepMetrics) -> str:
    return row.model_dump_json() + "\n"
