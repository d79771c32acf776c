"""Which records are in the dataset, and where each of them came to lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.arrow_files import read_partitions
from data_contracts.errors import SchemaMismatch
from data_contracts.schemas import KEPT
from data_contracts.split import SPLITS
from pipeline.id_halves import Halves, find_halves, id_halves, sorted_halves

_UNPLACED: Final = -1


class Placed(NamedTuple):
    """Documents, and whose they are."""

    documents: pa.RecordBatch
    """PUBLISHED_DOCUMENTS."""
    records: NDArray[np.int64]
    """int64 (documents,): indices into the arrays of `Placements`."""
    split: int
    """Of all of them: index into `SPLITS`."""


class Placements:
    """The kept records by id, 53 bytes of memory each; text is never held here.

    Attributes:
        split: uint8 (records,), index into `SPLITS`.
        cluster_size: int32 (records,), records that this one stands for, itself counted.
        shard: int32 (records,), number of the file in documents/<split>/, -1 until placed.
        row: int64 (records,), row in that file.
        tokens: int32 (records,), the end mark included.
        contents: uint64 (2, records), the halves of the content_id that the document was made of.
    """

    def __init__(self, kept: Path) -> None:
        """Read which records are kept (a folder of KEPT).

        Raises:
            SchemaMismatch: A record is listed twice, or its split is none of `SPLITS`.
        """
        tables = list(read_partitions(kept, KEPT))
        table = pa.concat_tables(tables) if tables else KEPT.empty_table()
        numbers = pc.index_in(table["split"], value_set=pa.array([str(one) for one in SPLITS]))
        if numbers.null_count:
            raise SchemaMismatch(str(kept), f"the splits are not {[str(one) for one in SPLITS]}")
        order, self._ids = sorted_halves(id_halves(table["record_id"]))
        high, low = self._ids
        same = (np.diff(high) == 0) & (np.diff(low) == 0)
        if same.any():
            raise SchemaMismatch(str(kept), "a record is listed twice")
        self.split: NDArray[np.uint8] = numbers.to_numpy().astype(np.uint8)[order]
        self.cluster_size: NDArray[np.int32] = table["cluster_size"].to_numpy()[order]
        self.shard = np.full(len(order), _UNPLACED, np.int32)
        self.row = np.zeros(len(order), np.int64)
        self.tokens = np.zeros(len(order), np.int32)
        self.contents = np.zeros((2, len(order)), np.uint64)

    def __len__(self) -> int:
        """Records in the dataset."""
        return len(self._ids[0])

    def find(self, ids: Halves) -> NDArray[np.int64]:
        """Look records up.

        Returns:
            int64 (ids,): index into the arrays of this object, -1 where a record is not kept.
        """
        return find_halves(self._ids, ids)

    def placed(self, documents: Iterator[pa.RecordBatch], split: int) -> Iterator[Placed]:
        """Say which records the documents of a split are, read in the order in which they lie.

        Raises:
            SchemaMismatch: They are not the split's, or come in another order.
        """
        members = np.flatnonzero(self.split == split)
        records = members[np.lexsort((self.row[members], self.shard[members]))]
        start = 0
        for batch in documents:
            some = records[start : start + batch.num_rows]
            self._check_ends(batch["record_id"], some)
            yield Placed(batch, some, split)
            start += batch.num_rows
        if start != len(records):
            raise SchemaMismatch("documents", f"{start:,} of {len(records):,} are there")

    def _check_ends(self, record_ids: pa.Array, records: NDArray[np.int64]) -> None:
        """Compare the first and the last id: all between them were written in one order."""
        if not len(record_ids):
            return
        ends = [0, len(record_ids) - 1]
        if len(records) == len(record_ids):
            found = id_halves(record_ids.take(pa.array(ends)))
            if all(
                (mine[records[ends]] == one).all()
                for mine, one in zip(self._ids, found, strict=True)
            ):
                return
        raise SchemaMismatch("documents", "they do not lie where they were placed")

    def place(self, records: NDArray[np.int64], shard: int, first_row: int) -> None:
        """Note that these records lie in a file one after another.

        Raises:
            SchemaMismatch: A record was placed before: its document was there twice.
        """
        if (self.shard[records] != _UNPLACED).any():
            raise SchemaMismatch("cleaned documents", "a kept record has two documents")
        self.shard[records] = shard
        self.row[records] = np.arange(first_row, first_row + len(records))

    def check_complete(self) -> None:
        """Refuse to go on when a kept record had no document.

        Raises:
            SchemaMismatch: There is such a record.
        """
        missing = int((self.shard == _UNPLACED).sum())
        if missing:
            raise SchemaMismatch("cleaned documents", f"{missing:,} kept records have no document")
