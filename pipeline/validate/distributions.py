"""How numbers are spread: exact quantiles, and histograms over bins that never change.

The bins depend on a signal's name and type alone, so that two versions can be compared bin by bin.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_contracts.quality import QUANTILES, Distribution, SignalQuality, Spread

SHARES: Final = ("_ratio", "_score", "_share", "quality")
"""Ends of the names of signals that lie between 0 and 1."""


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
    """Who was measured: the rows of a table, grouped by source once for all its signals."""

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
        self._order = np.argsort(source, kind="stable")
        self._kept = kept[self._order]
        self._ends = np.cumsum(np.bincount(source, minlength=len(sources)))

    def describe(self, values: NDArray[np.float64], bins: Bins) -> SignalQuality:
        """Describe one number in total and per source.

        Args:
            values: float64 (rows,); NaN where there is none.
            bins: Where numbers are counted.
        """
        values = values[self._order]
        parts = zip(np.split(values, self._ends), np.split(self._kept, self._ends), strict=True)
        return SignalQuality(
            scale=bins.scale,
            edges=bins.edges,
            total=_spread(values, self._kept, bins.edges),
            sources={
                name: _spread(*part, bins.edges)
                for name, part in zip(self.sources, parts, strict=False)  # the last one is empty
            },
        )


def _spread(
    values: NDArray[np.float64], kept: NDArray[np.bool_], edges: tuple[float, ...]
) -> Spread:
    return Spread(measured=distribution(values, edges), kept=distribution(values[kept], edges))


def distribution(values: NDArray[np.float64], edges: tuple[float, ...]) -> Distribution:
    """Describe numbers.

    Args:
        values: float64 (rows,), in any order; NaN where there is none.
        edges: Of the histogram's bins, ascending.
    """
    # Sums over sorted numbers do not depend on the order in which records came. NaN sorts last.
    ascending = np.sort(values)
    numbers = ascending[: np.searchsorted(ascending, np.nan)]
    count = len(numbers)
    # A bin holds its left edge; the last one holds its right edge, too.
    places = np.searchsorted(numbers, edges, side="left")
    places[-1] = np.searchsorted(numbers, edges[-1], side="right")
    quantiles = [numbers[min(int(q * count), count - 1)] for q in QUANTILES] if count else []
    return Distribution(
        values=count,
        missing=len(ascending) - count,
        mean=float(numbers.mean()) if count else None,
        quantiles=tuple(float(q) for q in quantiles),
        counts=tuple(int(n) for n in np.diff(places)),
        below=int(places[0]),
        above=count - int(places[-1]),
    )
