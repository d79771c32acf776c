"""What sources say of their records beside the text: published with each document, as JSON."""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.arrow_files import read_partitions
from data_contracts.schemas import METADATA
from pipeline.id_halves import Halves, find_halves, id_halves, sorted_halves

NOTHING: Final = "{}"
"""What a document has of which nothing is said: a JSON object too, so that all can be parsed alike."""


class RecordMetadata:
    """Metadata by record_id: 24 bytes of memory a record, the text stays in mapped files."""

    def __init__(self, folder: Path) -> None:
        """Open a folder of METADATA, in which each record is at most once."""
        tables = list(read_partitions(folder, METADATA))
        table = pa.concat_tables(tables) if tables else METADATA.empty_table()
        self._values = table["metadata"]
        self._order, self._ids = sorted_halves(id_halves(table["record_id"]))

    def __len__(self) -> int:
        """Records of which something is said."""
        return len(self._order)

    def of(self, ids: Halves) -> pa.Array:
        """Look records up.

        Returns:
            large_string (ids,): a JSON object each, `NOTHING` where nothing is said.
        """
        places = self._find(ids)
        known = np.flatnonzero(places >= 0)
        taken = self._values.take(pa.array(places[known])).cast(pa.large_string())
        found = pa.concat_arrays([*taken.chunks, pa.array([NOTHING], pa.large_string())])
        rows = np.full(len(places), len(known), np.int64)
        rows[known] = np.arange(len(known))
        return found.take(pa.array(rows))

    def _find(self, ids: Halves) -> NDArray[np.int64]:
        places = find_halves(self._ids, ids)
        return np.where(places >= 0, self._order[places], -1) if len(self) else places
