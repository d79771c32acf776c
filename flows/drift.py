"""How far a distribution moved: the population stability index, of counts in bins.

PSI = sum over bins of (q - p) ln(q / p), p and q the shares before and after (Lewis, An Introduction
to Credit Scoring, 1992; it is the symmetrised Kullback-Leibler divergence). Under .1 counts as
stable, over .25 as another population (Siddiqi, Credit Risk Scorecards, 2006, 10). Without any change
chance alone gives about (bins - 1)(1/n + 1/m) (Yurdakul and Naranjo, Statistical properties of the
population stability index, 2020), which small datasets show; it stands beside each figure.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_contracts.frozen import Frozen

STABLE_BELOW: Final = 0.1
SHIFTED_FROM: Final = 0.25
BINS: Final = 10
"""Deciles of the documents before; values that are more than a tenth share a bin."""
NOTHING_SEEN: Final = 0.5
"""Counted into every bin, so that an empty one has a logarithm (Jeffreys' prior)."""

_IDENTITY: Final = "record_id"


class Drift(Frozen):
    """How far one signal moved."""

    signal: str
    """Which."""
    psi: float
    """Population stability index, 0 or more."""
    by_chance: float
    """What it would be on average if nothing had changed."""
    mean_before: float | None
    """Mean before; None: not a number."""
    mean_after: float | None
    """Mean after."""

    @property
    def verdict(self) -> str:
        """Say it in a word; never more than chance explains."""
        if self.psi < STABLE_BELOW or self.psi < 2 * self.by_chance:
            return "stable"
        return "shifted" if self.psi >= SHIFTED_FROM else "moved"


def edges_of(sample: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Choose bin edges: different deciles of every number; a bin ends with its edge.

    Args:
        sample: Signals; what is not a number is left out.
    """
    edges = {}
    for name, kind in sample.schema.items():
        if kind.is_numeric():
            values = sample[name].to_numpy().astype(np.float64)
            inner = np.linspace(0, 1, BINS + 1)[1:-1]
            edges[name] = np.unique(np.quantile(values, inner)) if len(values) else np.zeros(0)
    return edges


class Spread:
    """Counts per bin of every signal of a version, gathered part by part."""

    def __init__(self, edges: Mapping[str, NDArray[np.float64]]) -> None:
        """Begin with nothing counted, in the bins of `edges_of`."""
        self._edges = edges
        self.names: set[str] = set()
        self.rows = 0
        self.bins: dict[str, NDArray[np.int64]] = {}
        self.sums: dict[str, float] = {}
        self.labels: dict[str, Counter[str]] = {}

    def add(self, signals: pl.DataFrame) -> None:
        """Count more documents."""
        self.rows += signals.height
        for name, kind in signals.schema.items():
            if name == _IDENTITY:
                continue
            self.names.add(name)
            if name in self._edges:
                values = signals[name].to_numpy().astype(np.float64)
                edges = self._edges[name]
                bins = np.searchsorted(edges, values, side="left")
                counts = np.bincount(bins, minlength=len(edges) + 1)
                self.bins[name] = counts + self.bins.get(name, 0)
                self.sums[name] = self.sums.get(name, 0.0) + float(values.sum())
            elif not kind.is_numeric():
                labels = signals[name].value_counts(name="records")
                self.labels.setdefault(name, Counter()).update(dict(labels.iter_rows()))

    def mean(self, name: str) -> float | None:
        """Give a signal's mean; None: not a number, or nothing was counted."""
        return self.sums[name] / self.rows if name in self.sums and self.rows else None

    def drift_to(self, other: "Spread") -> tuple[Drift, ...]:
        """Measure how far each signal that both have moved, furthest first, then by name."""
        found = []
        for name in self.names & other.names:
            if name in self.labels:
                ours, theirs = self.labels[name], other.labels[name]
                every = sorted(ours | theirs)
                before, after = (np.array([some[one] for one in every]) for some in (ours, theirs))
                found.append(self._drift(other, name, before, after))
            else:
                found.append(self._drift(other, name, self.bins[name], other.bins[name]))
        return tuple(sorted(found, key=lambda one: (-one.psi, one.signal)))

    def _drift(
        self, other: "Spread", name: str, before: NDArray[np.int64], after: NDArray[np.int64]
    ) -> Drift:
        used = max(int(np.count_nonzero(before + after)), 1)
        return Drift(
            signal=name,
            psi=population_stability(before, after),
            by_chance=(used - 1) * (1 / max(self.rows, 1) + 1 / max(other.rows, 1)),
            mean_before=self.mean(name),
            mean_after=other.mean(name),
        )


def population_stability(before: NDArray[np.int64], after: NDArray[np.int64]) -> float:
    """Compute the index of counts per bin.

    Args:
        before: int64 (bins,) counts; bins that are empty in both do not count.
        after: int64 (bins,) counts.
    """
    used = (before + after) > 0
    p, q = before[used] + NOTHING_SEEN, after[used] + NOTHING_SEEN
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((q - p) * np.log(q / p)))
