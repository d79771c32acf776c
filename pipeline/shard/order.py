"""The shuffled order: a pure function of (seed, record_id)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.id_halves import Halves

_BITS: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15


def shuffle_keys(ids: Halves, seed: int) -> NDArray[np.uint64]:
    """Hash (seed, record_id) to 64 bits: documents are published in the order of these.

    The mixing steps are splitmix64's (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
    generators"), whose every output bit depends on every input bit.

    Args:
        ids: From `pipeline.id_halves`.
        seed: 0 or more, under 2^63.

    Returns:
        uint64 (ids,).
    """
    high, low = ids
    start = np.uint64((seed + 1) * _GOLDEN & _BITS)
    return _mixed(high ^ _mixed(low + start))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
