"""Which kinds of personal data documents hold: looked for again, in the text that is to be published.

The gate does not take clean's word for what is gone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.arrow_files import partitions, read_ipc
from data_contracts.schemas import DOCUMENTS
from pipeline.partition_pool import map_in_order
from pipeline.pii.columns import KINDS
from pipeline.pii.texts import redact
from pipeline.validate.findings import Findings
from pipeline.validate.kept import NOT_KEPT, Kept

HOLDINGS: Final = pa.schema([pa.field("kinds", pa.uint32(), nullable=False)])
"""The kinds that a document holds, bit by bit in the order of `KINDS`: one row per document of a
partition, in its order."""
assert len(KINDS) <= 32  # noqa: S101 - one bit each


class Holdings:
    """Personal data in documents."""

    def __init__(self, folder: Path, cache: Path | None) -> None:
        """Start with what is known.

        Args:
            folder: Receives HOLDINGS, a file per partition.
            cache: As of `Findings`; it must stand for the version of `pipeline.pii`.
        """
        self._findings = Findings(folder, cache, _look, "personal data")

    def count(self, documents: Path, kept: Kept, kinds: Sequence[str]) -> dict[str, int]:
        """Count the kept documents that hold personal data of these kinds, as clean finds it.

        Args:
            documents: A folder of DOCUMENTS.
            kept: Which of them are in the dataset.
            kinds: Of `pipeline.pii`; others, of one's own, cannot be looked for and are left out.
        """
        places = {kind: KINDS.index(kind) for kind in kinds if kind in KINDS}
        if not places:
            return {}

        def of_partition(path: Path) -> NDArray[np.int64]:
            is_kept = kept.splits_in(path) != NOT_KEPT
            held = self._findings.of(path)["kinds"].to_numpy()[is_kept]
            return np.array(
                [np.count_nonzero(held & np.uint32(1 << bit)) for bit in places.values()]
            )

        totals = np.zeros(len(places), np.int64)
        for found in map_in_order(of_partition, partitions(documents)):
            totals += found
        self._findings.save()
        return dict(zip(places, totals.tolist(), strict=True))


def _look(partition: Path) -> pa.Table:
    return holdings(read_ipc(partition, DOCUMENTS)["text"])


def holdings(texts: pa.ChunkedArray) -> pa.Table:
    """Look for personal data of every kind; where there is no text, there is none.

    Returns:
        HOLDINGS, one row per text.
    """
    held = np.zeros((len(texts), len(KINDS)), np.bool_)
    held[pc.is_valid(texts).to_numpy()] = redact(texts.drop_null(), ()).counts > 0
    bits = held @ (1 << np.arange(len(KINDS)))
    return pa.table([pa.array(bits.astype(np.uint32))], schema=HOLDINGS)
