"""tokens/train-repeats/: the further copies of documents that many records repeated.

FineWeb-2 (Penedo et al. 2025, "rehydration") reads a document more often the more
records were its duplicates. Every copy is of the whole document and lies apart from the others:
all second ones come in the documents' order, then all third ones, and so on.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.split import SPLITS
from pipeline.shard.documents import read_documents
from pipeline.shard.placements import Placed, Placements


def times_by_cluster_size(placements: Placements, times: dict[int, int]) -> NDArray[np.uint8]:
    """Say how often each record's document is to be read.

    Args:
        placements: The kept records.
        times: How often from which cluster size on, ascending by size.

    Returns:
        uint8 (records,): 1 for held-out records and for clusters under every size.
    """
    sizes = np.array([0, *times], np.int64)
    often = np.array([1, *times.values()], np.uint8)
    found = often[np.searchsorted(sizes, placements.cluster_size, side="right") - 1]
    found[placements.split != 0] = 1
    return found


def repeated_documents(
    documents: Path, placements: Placements, times: NDArray[np.uint8]
) -> Iterator[Placed]:
    """Read the training documents again, all that are to be read twice, then thrice, and so on.

    Args:
        documents: documents/ of the version.
        placements: The kept records.
        times: uint8 (records,), as `times_by_cluster_size` gives it.
    """
    for copy in range(2, int(times.max(initial=1)) + 1):
        for batch, records, split in placements.placed(read_documents(documents / SPLITS[0]), 0):
            wanted = times[records] >= copy
            if wanted.any():
                yield Placed(batch.filter(pa.array(wanted)), records[wanted], split)
