"""Which records are in the dataset, held as numbers.

17 bytes each, where a join of strings takes 100, and a byte for each document that is looked up.
"""

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.arrow_files import read_ipc, read_partitions
from data_contracts.schemas import KEPT
from data_contracts.split import SPLITS
from pipeline.id_halves import find_halves, id_halves, sorted_halves

NOT_KEPT: Final = -1
"""The split of a record that is not in the dataset."""
NO_SPLIT: Final = len(SPLITS)
"""The split of a kept record that lies in none of `SPLITS`: the contract speaks of it."""


class Kept:
    """The kept records by id."""

    def __init__(self, folder: Path) -> None:
        """Read which records are kept (a folder of KEPT).

        Raises:
            SchemaMismatch: A partition has other columns.
        """
        names = pa.array([str(one) for one in SPLITS])
        highs, lows, splits = [], [], []
        for table in read_partitions(folder, KEPT):
            high, low = id_halves(table["record_id"])
            highs.append(high)
            lows.append(low)
            numbers = pc.fill_null(pc.index_in(table["split"], value_set=names), NO_SPLIT)
            splits.append(numbers.to_numpy().astype(np.int8))
        none = np.empty(0, np.uint64)
        high, low = np.concatenate([none, *highs]), np.concatenate([none, *lows])
        order, self._ids = sorted_halves((high, low))
        self._in: dict[Path, NDArray[np.int8]] = {}
        # One more, for -1 to point at: what was not found.
        self._splits = np.append(
            np.concatenate([np.empty(0, np.int8), *splits])[order], np.int8(NOT_KEPT)
        )

    def __len__(self) -> int:
        """Records in the dataset."""
        return len(self._ids[0])

    def splits(self, record_ids: pa.Array | pa.ChunkedArray) -> NDArray[np.int8]:
        """Look records up.

        Returns:
            int8 (ids,): index into `SPLITS`, `NO_SPLIT`, or `NOT_KEPT`.
        """
        return self._splits[find_halves(self._ids, id_halves(record_ids))]

    def splits_in(self, partition: Path) -> NDArray[np.int8]:
        """Look up the records of a partition, in their order (see `splits`); asked again, it is known."""
        known = self._in.get(partition)
        if known is None:
            known = self._in[partition] = self.splits(read_ipc(partition)["record_id"])
        return known

    def holds(self, column: str = "record_id") -> pl.Expr:
        """Tell, batch by batch, whether a column's record is kept; of a null it is not."""

        def found(ids: pl.Series) -> pl.Series:
            there = ids.is_not_null().to_numpy()
            held = np.zeros(len(ids), np.bool_)
            known = ids.drop_nulls().to_arrow().cast(pa.string())
            held[there] = self.splits(known) != NOT_KEPT
            return pl.Series(held)

        return pl.col(column).map_batches(found, return_dtype=pl.Boolean, is_elementwise=True)
