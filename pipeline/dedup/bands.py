"""How many bands of how many values: from the recall that the recipe asks for.

A signature of P values is cut into b bands of r values. Two records with Jaccard similarity s share
a band with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets,
section 3.4.2).
"""

from typing import NamedTuple


class Bands(NamedTuple):
    """How signatures are cut."""

    bands: int
    """Number of bands."""
    rows: int
    """Values per band."""


def chance_to_meet(similarity: float, bands: Bands) -> float:
    """Give the probability that two records of this similarity share at least one band."""
    return 1.0 - (1.0 - similarity**bands.rows) ** bands.bands


def choose_bands(threshold: float, target_recall: float, num_permutations: int) -> Bands | None:
    """Choose the longest rows with which as many bands as fit still reach the recall.

    Longer rows mean fewer candidates under the threshold. All bands that fit are used although
    fewer might do: a candidate costs one comparison, a missed duplicate stays in the dataset
    (DECISIONS.md).

    Args:
        threshold: Jaccard similarity from which on records are duplicates, 0 to 1.
        target_recall: Wanted probability that two records exactly at the threshold meet.
        num_permutations: Values per signature.

    Returns:
        The bands, or None when no choice reaches the recall.
    """
    for rows in range(num_permutations, 0, -1):
        bands = Bands(num_permutations // rows, rows)
        if chance_to_meet(threshold, bands) >= target_recall:
            return bands
    return None
