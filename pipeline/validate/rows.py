"""Counting the rows of a table that break rules: in one pass, or partition by partition."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.arrow_files import partitions, read_ipc
from data_contracts.fingerprint import fingerprint
from pipeline.partition_pool import map_in_order
from pipeline.validate.findings import Findings
from pipeline.validate.kept import NOT_KEPT, Kept


class Rows(Protocol):
    """The rows of a table."""

    def height(self) -> int:
        """Tell how many there are."""

    def count(self, broken: Mapping[str, pl.Expr], asked: Sequence[object]) -> dict[str, int]:
        """Count those for which expressions are true.

        Args:
            broken: By name, of single rows.
            asked: What the expressions were made of: stands for them (as `canonical_json` takes it).

        Raises:
            PolarsError: An expression cannot be evaluated.
        """


class StreamedRows:
    """Rows of any table: it is streamed each time."""

    def __init__(self, table: pl.LazyFrame) -> None:
        """Look at a table."""
        self._table = table

    def height(self) -> int:
        """Tell how many there are."""
        return int(self._table.select(pl.len()).collect(engine="streaming").item())

    def count(self, broken: Mapping[str, pl.Expr], asked: Sequence[object]) -> dict[str, int]:  # noqa: ARG002
        """Count those for which expressions are true (see `Rows`)."""
        sums = {name: one.sum() for name, one in broken.items()}
        row = self._table.select(**sums).collect(engine="streaming").row(0, named=True)
        return {name: int(row[name]) for name in broken}


class PartitionedRows:
    """Rows of a folder of partitions: a partition that was asked the same before is not read again."""

    def __init__(self, table: Path, kept: Kept | None, folder: Path, cache: Path | None) -> None:
        """Look at a table.

        Args:
            table: Folder of its partitions.
            kept: Those of its records that count; None: all do.
            folder: Receives what is found: for each row, which expressions are true.
            cache: As of `Findings`.
        """
        self._partitions, self._kept = partitions(table), kept
        self._folder, self._cache = folder, cache

    def height(self) -> int:
        """Tell how many there are."""
        return sum(map(self._height, self._partitions))

    def count(self, broken: Mapping[str, pl.Expr], asked: Sequence[object]) -> dict[str, int]:
        """Count those for which expressions are true (see `Rows`)."""

        def look(path: Path) -> pa.Table:
            # Beside the columns first: what does not look at a row is of one value.
            found = pl.scan_ipc(path, glob=False).with_columns(**broken).select(*broken)
            return found.select(pl.all().fill_null(value=False)).collect().to_arrow()

        findings = Findings(self._folder / fingerprint(asked), self._cache, look, asked)

        def of_partition(path: Path) -> NDArray[np.int64]:
            found, counted = findings.of(path), self._counted(path)
            columns = (column.to_numpy() for column in found.columns)
            return np.array([np.count_nonzero(one & counted) for one in columns], np.int64)

        totals = np.zeros(len(broken), np.int64)
        for some in map_in_order(of_partition, self._partitions):
            totals += some
        findings.save()
        return dict(zip(broken, totals.tolist(), strict=True))

    def _height(self, path: Path) -> int:
        if self._kept is None:
            return int(read_ipc(path).num_rows)
        return int(np.count_nonzero(self._counted(path)))

    def _counted(self, path: Path) -> NDArray[np.bool_] | np.bool_:
        return np.True_ if self._kept is None else self._kept.splits_in(path) != NOT_KEPT
