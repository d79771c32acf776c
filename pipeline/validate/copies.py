"""Counting what is there twice among more values than fit into memory: by hashes, bucket by bucket.

Two independent 64-bit hashes stand for a value. Equal values have equal hashes, so that no copy is
missed; two different ones are taken for copies, among 10^9, with a probability of 10^-20.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

HELD_ROWS: Final = 4_000_000
"""Values whose hashes are held in memory (17 bytes each); more are spilled to disk."""
_BUCKETS: Final = 64
_SEEDS: Final = (1, 2)
_ROW: Final = np.dtype([("head", "<u8"), ("tail", "<u8"), ("marked", "?")])

Rows = NDArray[np.void]
"""Of `_ROW`."""


def hashes(value: pl.Expr) -> dict[str, pl.Expr]:
    """Give the two hashes of a value, by their names in a `Copies`."""
    return {"head": value.hash(_SEEDS[0]), "tail": value.hash(_SEEDS[1])}


class Copies:
    """A set of values that knows how many it was given twice. Leave it to remove what it spilled."""

    def __init__(self, held_rows: int = HELD_ROWS) -> None:
        """Start with nothing.

        Args:
            held_rows: Values that are held in memory.
        """
        self._held_rows = held_rows
        self._held: list[Rows] = []
        self._count = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was spilled."""
        if self._folder is not None:
            self._folder.cleanup()

    def add(
        self,
        head: NDArray[np.uint64],
        tail: NDArray[np.uint64],
        marked: NDArray[np.bool_] | None = None,
    ) -> None:
        """Take values.

        Args:
            head: uint64 (values,), from `hashes`.
            tail: uint64 (values,).
            marked: bool (values,), what `copies_of_marked` tells apart; None: no value is.
        """
        rows = np.empty(len(head), _ROW)
        rows["head"], rows["tail"] = head, tail
        rows["marked"] = False if marked is None else marked
        self._held.append(rows)
        self._count += len(rows)
        if self._count > self._held_rows:
            self._spill()

    def repeated(self) -> int:
        """Count the values that another one before them equals."""
        return sum(len(rows) - int(_starts(rows).sum()) for rows in self._buckets())

    def copies_of_marked(self) -> int:
        """Count the values without a mark that one with a mark equals."""
        return sum(_unmarked_beside_marked(rows) for rows in self._buckets())

    def _buckets(self) -> Iterator[Rows]:
        """Give all rows that share a hash with another one; equal ones stand together."""
        if self._folder is None:
            yield _suspects(np.concatenate([np.empty(0, _ROW), *self._held]))
            return
        self._spill()
        for path in sorted(Path(self._folder.name).iterdir()):
            yield _suspects(np.fromfile(path, _ROW))

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mill-copies-")
        rows = np.concatenate([np.empty(0, _ROW), *self._held])
        self._held, self._count = [], 0
        bucket = (rows["head"] % _BUCKETS).astype(np.uint8)
        order = np.argsort(bucket, kind="stable")
        ends = np.cumsum(np.bincount(bucket, minlength=_BUCKETS))
        for number, some in enumerate(np.split(rows[order], ends[:-1])):
            with (Path(self._folder.name) / f"{number:02d}").open("ab") as file:
                some.tofile(file)


def _suspects(rows: Rows) -> Rows:
    """Pick the rows whose head is there twice, sorted: of most tables none."""
    heads = np.sort(rows["head"])
    twice = np.unique(heads[1:][heads[1:] == heads[:-1]])
    if not len(twice):
        return rows[:0]
    place = np.minimum(np.searchsorted(twice, rows["head"]), len(twice) - 1)
    found: Rows = rows[twice[place] == rows["head"]]
    ordered: Rows = found[np.lexsort((found["tail"], found["head"]))]
    return ordered


def _starts(rows: Rows) -> NDArray[np.bool_]:
    """Tell which rows differ from the one before."""
    starts = np.ones(len(rows), np.bool_)
    starts[1:] = (rows["head"][1:] != rows["head"][:-1]) | (rows["tail"][1:] != rows["tail"][:-1])
    return starts


def _unmarked_beside_marked(rows: Rows) -> int:
    group = np.cumsum(_starts(rows)) - 1
    groups = int(group[-1]) + 1 if len(rows) else 0
    with_mark = np.bincount(group, rows["marked"], groups) > 0
    return int((with_mark[group] & ~rows["marked"]).sum())
