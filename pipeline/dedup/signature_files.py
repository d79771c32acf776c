"""Signatures of a whole corpus on disk, so that they are read in the order of record_id in memory of one file.

They come in the order of the documents, and the index wants them by record_id, which is a hash: read
from one file, every signature would be a page of its own. So each goes to the file of its id's first
bits. Those that an earlier run left in the cache are not written again where the system can keep the
cache at hand.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

ROWS_PER_FILE: Final = 65_536
"""Aimed at: 33 MB of 128 values each."""
MOST_FILES: Final = 256
"""Open at once: beyond 16 x 10^6 documents files get larger."""


class SignatureFiles:
    """A context manager while signatures are added; read afterwards."""

    def __init__(
        self,
        folder: Path,
        heads: NDArray[np.uint64],
        width: int,
        cached: Callable[[NDArray[np.int64]], NDArray[np.uint32]] | None = None,
    ) -> None:
        """Lay out the files.

        Args:
            folder: Existing; receives them.
            heads: uint64 (rows,), the first 64 bits of each document's record_id.
            width: Values per signature.
            cached: Reads signatures by their places in the cache; None: all are written here.
        """
        files = min(MOST_FILES, 1 << max(0, len(heads) // ROWS_PER_FILE).bit_length())
        bits = files.bit_length() - 1
        self._width = width
        self._paths = [folder / f"signatures-{number:03d}" for number in range(files)]
        shifted = heads >> np.uint64(64 - bits) if bits else np.zeros(len(heads), np.uint64)
        self._file_of = shifted.astype(np.uint8)
        self._cached = cached
        self._places = np.full(len(heads) if cached else 0, -1, np.int64)
        self._read: tuple[int, NDArray[np.int64], NDArray[np.uint32]] | None = None

    def __enter__(self) -> Self:
        """Open the files."""
        self._row = 0
        self._open = ExitStack()
        self._files = [self._open.enter_context(path.open("wb")) for path in self._paths]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close them."""
        self._open.close()

    def add(self, signatures: NDArray[np.uint32], places: NDArray[np.int64]) -> None:
        """Keep the signatures of the next documents.

        Args:
            signatures: uint32 (documents, width).
            places: int64 (documents,), where each is in the cache, -1 where it is not.
        """
        rows = slice(self._row, self._row + len(signatures))
        self._row = rows.stop
        file_of = self._file_of[rows]
        if self._cached is not None:
            self._places[rows] = places
            signatures, file_of = signatures[places < 0], file_of[places < 0]
        order = np.argsort(file_of, kind="stable")
        ordered = signatures[order]
        ends = np.cumsum(np.bincount(file_of, minlength=len(self._files))).tolist()
        for file, start, end in zip(self._files, [0, *ends], ends, strict=False):
            file.write(ordered[start:end].data)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Read signatures: uint32 (rows given, width).

        Args:
            rows: int64, documents in the order of record_id.
        """
        found = np.empty((len(rows), self._width), np.uint32)
        is_written = self._is_written(rows)
        if self._cached is not None:
            found[~is_written] = self._cached(self._places[rows[~is_written]])
        written = np.flatnonzero(is_written)
        file_of = self._file_of[rows[written]]
        for number in range(int(file_of[0]), int(file_of[-1]) + 1) if len(written) else ():
            of_file = written[slice(*np.searchsorted(file_of, [number, number + 1]))]
            members, signatures = self._whole(number)
            found[of_file] = signatures[np.searchsorted(members, rows[of_file])]
        return found

    def _whole(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Read one file, and which rows are in it; the last one read is kept."""
        if self._read is None or self._read[0] != number:
            self._read = None
            members = np.flatnonzero(self._file_of == number)
            members = members[self._is_written(members)]
            signatures = np.fromfile(self._paths[number], np.uint32).reshape(-1, self._width)
            self._read = number, members, signatures
        return self._read[1:]

    def _is_written(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return self._places[rows] < 0 if self._cached is not None else np.ones(len(rows), np.bool_)
