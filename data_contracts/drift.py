"""How far a version's numbers moved from those of another: the population stability index (PSI).

PSI = Σ (p - q) · ln(p / q) over bins, with p the shares now and q those before: Jeffreys' divergence
(1946), in credit scoring read as "little changed" under 0.1 and "changed much" from 0.25 on
(N. Siddiqi, Credit Risk Scorecards, 2006, ch. 10). The histograms' bins never change between
versions, so they can be compared without the records.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from data_contracts.frozen import Frozen
from data_contracts.quality import QUANTILES, Distribution, Quality

LITTLE: Final = 0.1
"""Under it a distribution changed little."""
MUCH: Final = 0.25
"""From it on a distribution changed much."""
LEAST_VALUES: Final = 200
"""Fewer numbers on one side say nothing: chance alone moves them (PSI of about bins / values)."""
LEAST_SHARE: Final = 0.05
"""Neighbouring bins are joined until they hold this share of what was there before: a bin that is
all but empty would make PSI large for nothing."""
_MEDIAN: Final = QUANTILES.index(0.5)


class SignalDrift(Frozen):
    """How far one number moved between two versions, over the documents kept."""

    signal: str
    """The signal; `characters per document`, `share of sources`, `share of languages`."""
    psi: float | None
    """Population stability index; None: there are too few values on one side."""
    values_before: int
    """Numbers in the version compared with."""
    values: int
    """Numbers in this one."""
    median_before: float | None
    """Their median; None: there is none, or it is no number."""
    median: float | None
    """Median in this one."""


def drift_of(now: Quality, before: Quality) -> tuple[SignalDrift, ...]:
    """Compare every number that both versions have, most changed first.

    Args:
        now: Figures of this version.
        before: Figures of the one that it is compared with.
    """
    found = [
        _distributions(name, signal.total.kept, before.signals[name].total.kept)
        for name, signal in now.signals.items()
        if name in before.signals and signal.edges == before.signals[name].edges
    ]
    if now.lengths.edges == before.lengths.edges:
        lengths = now.lengths.total.kept, before.lengths.total.kept
        found.append(_distributions("characters per document", *lengths))
    found.append(
        _shares(
            "share of sources",
            {name: one.kept for name, one in now.sources.items()},
            {name: one.kept for name, one in before.sources.items()},
        )
    )
    found.append(
        _shares(
            "share of languages",
            {name: one.kept for name, one in now.languages.items()},
            {name: one.kept for name, one in before.languages.items()},
        )
    )
    return tuple(sorted(found, key=lambda one: (-(one.psi or 0.0), one.signal)))


def _distributions(name: str, now: Distribution, before: Distribution) -> SignalDrift:
    now_bins, before_bins = _bins(now), _bins(before)
    return SignalDrift(
        signal=name,
        psi=stability_index(*joined(now_bins, before_bins)),
        values_before=sum(before_bins),
        values=sum(now_bins),
        median_before=before.quantiles[_MEDIAN] if before.quantiles else None,
        median=now.quantiles[_MEDIAN] if now.quantiles else None,
    )


def _bins(one: Distribution) -> list[int]:
    """Count what lies outside of the bins, and what is missing, too: that can drift as well."""
    return [one.below, *one.counts, one.above, one.missing]


def _shares(name: str, now: Mapping[str, int], before: Mapping[str, int]) -> SignalDrift:
    labels = list(dict.fromkeys([*before, *now]))
    ours, theirs = ([side.get(label, 0) for label in labels] for side in (now, before))
    return SignalDrift(
        signal=name,
        psi=stability_index(ours, theirs),
        values_before=sum(theirs),
        values=sum(ours),
        median_before=None,
        median=None,
    )


def joined(now: Sequence[int], before: Sequence[int]) -> tuple[list[int], list[int]]:
    """Join neighbouring bins until each holds `LEAST_SHARE` of what was before; the last may not."""
    least = LEAST_SHARE * sum(before)
    ours: list[int] = []
    theirs: list[int] = []
    here = there = 0
    for mine, other in zip(now, before, strict=True):
        here, there = here + mine, there + other
        if there >= least and there:
            ours.append(here)
            theirs.append(there)
            here = there = 0
    if here or there:
        ours.append(here)
        theirs.append(there)
    return ours, theirs


def stability_index(now: Sequence[int], before: Sequence[int]) -> float | None:
    """Compute the PSI of counts per bin.

    Half a record is added to each bin, so that an empty one gives a large number, not infinity.

    Args:
        now: Counts per bin.
        before: Counts of the same bins.

    Returns:
        0 or more; None when one side has fewer than `LEAST_VALUES`.
    """
    total_now, total_before = sum(now), sum(before)
    if min(total_now, total_before) < LEAST_VALUES:
        return None
    bins = len(now)
    index = 0.0
    for mine, other in zip(now, before, strict=True):
        share = (mine + 0.5) / (total_now + 0.5 * bins)
        was = (other + 0.5) / (total_before + 0.5 * bins)
        index += (share - was) * math.log(share / was)
    return max(index, 0.0)
