"""The way of the records through the stages, counted."""

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import model_validator

from data_contracts.frozen import Frozen
from data_contracts.reasons import Reason, Stage
from data_contracts.results import StageResult


class Loss(Frozen):
    """The records that one stage dropped."""

    stage: Stage
    """Which stage."""
    records: int
    """How many."""
    reasons: dict[Reason, int]
    """By first reason, most first."""


class Funnel(Frozen):
    """The way of the records: in, after each stage that may drop some, into the dataset."""

    sources: dict[str, tuple[int, ...]]
    """Per source, in the recipe's order: records in, then records left after each of `losses`."""
    losses: tuple[Loss, ...]
    """What each stage dropped."""

    @model_validator(mode="after")
    def _every_record_ends_somewhere(self) -> Self:
        for step, loss in enumerate(self.losses):
            before, after = self.total(step), self.total(step + 1)
            if before - after != loss.records or loss.records != sum(loss.reasons.values()):
                msg = f"{loss.stage}: {before} in, {after} left, but {loss.records} dropped"
                raise ValueError(msg)
        return self

    def total(self, step: int) -> int:
        """Records of all sources at a step (0: records in)."""
        return sum(counts[step] for counts in self.sources.values())


_ALWAYS_SHOWN = frozenset({Stage.INGEST, Stage.CLEAN, Stage.DEDUP})


def funnel_of(sources: Sequence[str], results: Sequence[StageResult]) -> Funnel:
    """Follow each source through the stages that may drop records."""
    steps = [one for one in results if one.rows_dropped or one.stage in _ALWAYS_SHOWN]

    def way(source: str) -> tuple[int, ...]:
        counts = [one.sources[source] for one in steps if source in one.sources]
        if not counts:
            return (0,) * (len(steps) + 1)
        after = [one.sources[source].rows_kept if source in one.sources else 0 for one in steps]
        return (counts[0].rows_in, *after)

    return Funnel(
        sources={source: way(source) for source in sources},
        losses=tuple(
            Loss(
                stage=one.stage,
                records=sum(one.rows_dropped.values()),
                reasons=_most_first(one.rows_dropped),
            )
            for one in steps
        ),
    )


def _most_first(reasons: Mapping[Reason, int]) -> dict[Reason, int]:
    return dict(sorted(reasons.items(), key=lambda item: -item[1]))
