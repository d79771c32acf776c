"""What a report says of personal data, of thresholds that might move, and of other versions."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from data_contracts.drift import SignalDrift, drift_of
from data_contracts.frozen import Frozen
from data_contracts.quality import Distribution, EditQuality, Quality, SignalQuality

_PII: Final = "pii_"


class PersonalData(Frozen):
    """One kind of personal data or secret."""

    kind: str
    """Which kind."""
    action: str | None
    """What the recipe does about it: redact, drop or keep; None: the recipe does not say."""
    measured: int
    """Records that hold it."""
    kept: int
    """Of these, records in the dataset (redacted there, when the recipe says so)."""
    occurrences: int = 0
    """How often it was found, over all measured records."""

    @property
    def left_over(self) -> int:
        """Documents of the dataset that still hold it."""
        return self.kept if self.action in {"keep", None} else 0


def personal_data(quality: Quality, recipe: Mapping[str, Any]) -> tuple[PersonalData, ...]:
    """Count records with personal data, by kind: signals of whole numbers, whose first bin is 0."""
    clean = recipe.get("clean")
    actions = clean.get("pii") if isinstance(clean, Mapping) else None
    return tuple(
        PersonalData(
            kind=name.removeprefix(_PII),
            action=actions.get(name.removeprefix(_PII)) if isinstance(actions, Mapping) else None,
            measured=_not_zero(signal.total.measured),
            kept=_not_zero(signal.total.kept),
            occurrences=sum(one.occurrences for one in _of_signal(quality, name).values()),
        )
        for name, signal in quality.signals.items()
        if name.startswith(_PII)
    )


class TakenOut(Frozen):
    """One way in which cleaning changed texts."""

    what: str
    """Its signal."""
    records: int
    """Records that it changed."""
    by_source: dict[str, int]
    """How often, by source."""

    @property
    def occurrences(self) -> int:
        """How often, over all sources."""
        return sum(self.by_source.values())


def taken_out(quality: Quality) -> tuple[TakenOut, ...]:
    """Gather what cleaning took out of texts or repaired, most first."""
    names = {name for one in quality.sources.values() for name in one.edits}
    found = [
        TakenOut(
            what=name,
            records=sum(one.records for one in _of_signal(quality, name).values()),
            by_source={
                source: one.occurrences for source, one in _of_signal(quality, name).items()
            },
        )
        for name in sorted(names)
        if not name.startswith(_PII)
    ]
    return tuple(sorted(found, key=lambda one: -one.occurrences))


def _of_signal(quality: Quality, name: str) -> dict[str, EditQuality]:
    return {source: one.edits[name] for source, one in quality.sources.items() if name in one.edits}


def _not_zero(numbers: Distribution) -> int:
    return sum(numbers.counts[1:]) + numbers.above


class Effect(Frozen):
    """How many records lie beyond two values next to a threshold."""

    least: bool
    """Whether the threshold is a least value: records under it fail."""
    threshold: float
    """The threshold now."""
    nearby: tuple[tuple[float, int], ...]
    """Values around it (edges of the histogram, so the counts are exact), and the measured records
    beyond each."""


def effect_of(signal: SignalQuality, threshold: float, *, least: bool) -> Effect | None:
    """Count what a threshold a step lower, and a step higher, would leave beyond it.

    Args:
        signal: Its histogram.
        threshold: The threshold now.
        least: Whether records under it fail (else those over it).

    Returns:
        None when no edge is near: the threshold lies outside of the histogram.
    """
    edges, measured = signal.edges, signal.total.measured
    if not measured.values or not edges[0] <= threshold <= edges[-1]:
        return None
    lower = max((n for n, edge in enumerate(edges) if edge < threshold), default=0)
    upper = min((n for n, edge in enumerate(edges) if edge > threshold), default=len(edges) - 1)
    exact = [n for n, edge in enumerate(edges) if edge == threshold]

    def beyond(number: int) -> int:
        under = measured.below + sum(measured.counts[:number])
        return under if least else measured.values - under

    places = dict.fromkeys(n for n in (lower, *exact, upper))
    return Effect(
        least=least,
        threshold=threshold,
        nearby=tuple((edges[number], beyond(number)) for number in places),
    )


class Comparison(Frozen):
    """This version beside another one of the same dataset."""

    label: str
    """The other one, as NAME@VERSION."""
    role: str
    """What it is: `the version before`, `production`."""
    records_in: int
    """Its records in."""
    kept: int
    """Its records kept."""
    text_bytes: int
    """Its text."""
    passed: int
    """Its contract rules passed."""
    checks: int
    """Its contract rules."""
    drift: tuple[SignalDrift, ...]
    """Every number that both have, most changed first."""


def compare_with(label: str, role: str, now: Quality, before: Quality) -> Comparison:
    """Compare a version's figures with those of another one."""
    return Comparison(
        label=label,
        role=role,
        records_in=before.records_in,
        kept=before.kept,
        text_bytes=sum(one.text_bytes for one in before.splits.values()),
        passed=sum(one.passed for one in before.checks),
        checks=len(before.checks),
        drift=drift_of(now, before),
    )


def compared(now: Quality, others: Sequence[tuple[str, str, Quality]]) -> tuple[Comparison, ...]:
    """Compare with each of (label, role, figures)."""
    return tuple(compare_with(label, role, now, before) for label, role, before in others)
