"""How numbers are spread: exact quantiles, and histograms over bins that never change.

The bins depend on a signal's name and type alone, so that two versions can be compared bin by bin.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_contracts.quality import QUANTILES, Distribution, SignalQuality, Spread

SHARES: Final = ("_ratio", "_score", "_share", "quality")
"""Ends of the names of signals that lie between 0 and 1."""


_MAGNITUDE: Final = 2**63 - 1
"""The bits of a float but for its sign."""


class Bins(NamedTuple):
    """Where one signal's numbers are counted."""

    scale: Literal["linear", "log"]
    """How to draw the axis."""
    edges: tuple[float, ...]
    """Ascending."""


SHARE_BINS: Final = Bins("linear", tuple(step / 20 for step in range(21)))
"""Twenty bins from 0 to 1."""
COUNT_BINS: Final = Bins(
    "log",
    (0.0, 1.0, *(float(2**n * half) / 2 for n in range(1, 25) for half in (2, 3)), float(2**25)),
)
"""Two bins per doubling, from 0 to 32 Mi; edges are integers: 0, 1, 2, 3, 4, 6, 8, 12 …"""
NUMBER_BINS: Final = Bins(
    "log",
    (0.0, *(2.0**n * quarter / 4 for n in range(12) for quarter in (4, 5, 6, 7)), float(2**12)),
)
"""Four bins per doubling, from 0 to 4,096: means and rates."""


def bins_of(name: str, dtype: pl.DataType) -> Bins:
    """Choose the bins of a signal by its name and type."""
    if dtype.is_integer():
        return COUNT_BINS
    return SHARE_BINS if name.endswith(SHARES) else NUMBER_BINS


class Groups:
    """Who was measured: the rows of a table, grouped by source and fate once for all its signals."""

    def __init__(
        self, sources: Sequence[str], source: NDArray[np.uint16], kept: NDArray[np.bool_]
    ) -> None:
        """Group rows.

        Args:
            sources: Names of the sources.
            source: uint16 (rows,), index into `sources`.
            kept: bool (rows,), whether the record is in the dataset.
        """
        self.sources = sources
        group = 2 * source.astype(np.uint32) + kept
        self._order = np.argsort(group, kind="stable")
        self._ends = np.cumsum(np.bincount(group, minlength=2 * len(sources)))

    def describe(self, values: NDArray[np.float64], bins: Bins) -> SignalQuality:
        """Describe one number in total and per source.

        Args:
            values: float64 (rows,); NaN where there is none.
            bins: Where numbers are counted.
        """
        values = values[self._order]
        # Every row is sorted once, in its group; what is asked of several groups needs no sorting.
        groups = np.split(values, self._ends)[:-1]
        for group in groups:
            group.sort()
        pairs = zip(self.sources, groups[::2], groups[1::2], strict=True)
        return SignalQuality(
            scale=bins.scale,
            edges=bins.edges,
            total=_spread(groups, groups[1::2], bins.edges),
            sources={
                name: _spread([dropped, kept], [kept], bins.edges) for name, dropped, kept in pairs
            },
        )


Runs = Sequence[NDArray[np.float64]]
"""Numbers in several parts, each ascending; NaN sorts last."""


def _spread(measured: Runs, kept: Runs, edges: tuple[float, ...]) -> Spread:
    return Spread(measured=distribution(measured, edges), kept=distribution(kept, edges))


def distribution(runs: Runs, edges: tuple[float, ...]) -> Distribution:
    """Describe numbers.

    Args:
        runs: float64 (rows,) each, ascending; NaN where there is none.
        edges: Of the histogram's bins, ascending.
    """
    numbers = [run[: np.searchsorted(run, np.nan)] for run in runs]
    numbers = [run for run in numbers if len(run)]
    count = sum(map(len, numbers))
    # A bin holds its left edge; the last one holds its right edge, too.
    places = sum((np.searchsorted(run, edges) for run in numbers), np.zeros(len(edges), np.int64))
    places[-1] = sum(np.searchsorted(run, edges[-1], side="right") for run in numbers)
    # Sums over sorted numbers, exactly added up, do not depend on the order in which records came.
    mean = math.fsum(float(run.sum()) for run in numbers) / count if count else None
    ranks = np.array([min(int(q * count), count - 1) for q in QUANTILES])
    return Distribution(
        values=count,
        missing=sum(map(len, runs)) - count,
        mean=mean,
        quantiles=tuple(numbers_at(numbers, ranks).tolist()) if count else (),
        counts=tuple(int(n) for n in np.diff(places)),
        below=int(places[0]),
        above=count - int(places[-1]),
    )


def numbers_at(runs: Runs, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Find the numbers that would stand at these places, were all runs sorted into one.

    Args:
        runs: float64 each, ascending, without NaN; at least one number.
        ranks: int64 (places,), from 0.

    Returns:
        float64 (places,); 0.0 for -0.0.
    """
    if len(runs) == 1:
        return runs[0][ranks] + 0.0
    # Halving the range of all floats: as integers they have the same order.
    low = np.full(len(ranks), _ordered(min(run[0] for run in runs)))
    high = np.full(len(ranks), _ordered(max(run[-1] for run in runs)))
    while (low < high).any():
        middle = (low & high) + ((low ^ high) >> 1)  # their mean, which cannot overflow
        numbers = _float(middle)
        upto = sum(np.searchsorted(run, numbers, side="right") for run in runs)
        enough = upto > ranks
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle + 1)
    return _float(low) + 0.0


def _ordered(number: np.float64) -> np.int64:
    """Number the floats: a greater one has a greater number."""
    bits = (np.float64(number) + 0.0).view(np.int64)
    return bits if bits >= 0 else np.int64(-1) - (bits & np.int64(_MAGNITUDE))


def _float(ordered: NDArray[np.int64]) -> NDArray[np.float64]:
    bits = np.where(ordered >= 0, ordered, (-1 - ordered) | np.int64(-_MAGNITUDE - 1))
    return bits.view(np.float64)
