"""What is found in the rows of whole partitions, found again while a partition is what it was.

What the gate asks of single rows does not depend on the other rows: a refresh looks only through
partitions that it has never seen (by checksum).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts.arrow_files import read_ipc, write_ipc
from data_contracts.checksums import checksum
from pipeline.partition_memo import PartitionMemo


class Findings:
    """Findings of one kind."""

    def __init__(
        self,
        folder: Path,
        cache: Path | None,
        look: Callable[[Path], pa.Table],
        decides: object,
    ) -> None:
        """Start with what is known.

        Args:
            folder: Receives what this run finds, a file per partition.
            cache: Folder of notes on what was found before, for this kind alone; None: there are none.
            look: Looks through a partition: gives a row for each of its rows, in their order.
            decides: All that decides what it finds, beside the partition and what the cache stands for.
        """
        self._folder, self._look = folder, look
        self._memo = PartitionMemo(cache, decides)

    def of(self, partition: Path) -> pa.Table:
        """Tell what is in a partition."""
        target = self._folder / partition.name
        if target.exists():  # found in this run: two rules may ask the same
            return read_ipc(target)

        def look() -> dict[str, Any]:
            write_ipc(target, self._look(partition))
            return {}

        self._memo.fetch(checksum(partition), {"found": target}, look)
        return read_ipc(target)

    def save(self) -> None:
        """Note what was found, for the next run."""
        self._memo.save()
