"""Which documents share n-grams with evaluation sets, and with which of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.errors import SchemaMismatch
from pipeline.buffers import text_buffers
from pipeline.dedup.corpus import SLICE_BYTES, Corpus, cuts
from pipeline.dedup.distinct import distinct
from pipeline.dedup.held_out import kernels
from pipeline.dedup.held_out.ngrams import Rows, over_texts
from pipeline.partition_pool import map_in_order
from pipeline.text.tokens import token_hashes

MOST_SETS: Final = 64
"""One bit each."""
_IPC_FILE: Final = b"ARROW1"


class EvaluationNgrams:
    """The n-grams of evaluation sets: 32 to 64 bytes of memory each, and 8 while they are read."""

    def __init__(
        self, table: NDArray[np.uint64], members: NDArray[np.uint64], sets: int, width: int
    ) -> None:
        """Take a table of hashes, and for each slot the sets that hold it as bits (see `of`)."""
        self._table, self._members, self._sets, self._width = table, members, sets, width

    @classmethod
    def of(cls, sets: Sequence[Sequence[Path]], width: int) -> Self:
        """Collect the n-grams of evaluation sets.

        Args:
            sets: Arrow files (IPC files or streams) with a column `text`, of each set.
            width: Tokens of an n-gram. A text with fewer has none, and is not looked for.

        Raises:
            SchemaMismatch: A file has no column `text` of strings.
        """
        found = [_ngrams_of(files, width) for files in sets]
        count = sum(len(ngrams) for ngrams in found)
        table = np.zeros(1 << (2 * count).bit_length(), np.uint64)
        for ngrams in found:
            kernels.fill(table, ngrams)
        members = np.zeros(len(table), np.uint64)
        for number, ngrams in enumerate(found):
            members[kernels.slots_of(table, ngrams)] |= np.uint64(1 << number)
        return cls(table, members, len(sets), width)

    def shared(self, corpus: Corpus, rows: Rows) -> NDArray[np.int64]:
        """Count the different n-grams that each document shares.

        Args:
            corpus: All documents.
            rows: The documents to look at, ascending.

        Returns:
            int64 (rows given, 1 + sets): with any set, then with each.
        """
        counts = np.zeros((len(rows), 1 + self._sets), np.int64)
        for first, (slots, starts) in over_texts(corpus, rows, self._slots):
            stop = first + len(starts) - 1
            counts[first:stop, 0] = np.diff(starts)
            held = self._members[slots]
            for number in range(self._sets):
                of_set = held >> np.uint64(number) & np.uint64(1)
                counted = np.concatenate([[0], np.cumsum(of_set.astype(np.int64))])
                counts[first:stop, 1 + number] = np.diff(counted[starts])
        return counts

    def _slots(self, texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        slots, starts = kernels.shared_slots(*token_hashes(texts), self._width, self._table)
        return slots, starts


def _ngrams_of(files: Sequence[Path], width: int) -> NDArray[np.uint64]:
    """List the different n-grams of all texts of a set: uint64, none of them 0."""

    def work(texts: pa.Array) -> NDArray[np.uint64]:
        ngrams: NDArray[np.uint64] = kernels.all_ngrams(*token_hashes(texts), width)
        return ngrams

    parts = [part for path in files for part in map_in_order(work, texts_in(path))]
    return distinct(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)


def texts_in(path: Path) -> Iterator[pa.Array]:
    """Map a file's texts, about `SLICE_BYTES` at a time."""
    with pa.memory_map(str(path)) as source:
        is_file = source.read(len(_IPC_FILE)) == _IPC_FILE
        source.seek(0)
        table = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source).read_all()
    if "text" not in table.column_names or table["text"].null_count:
        raise SchemaMismatch(str(path), "an evaluation set has a column `text` without nulls")
    for texts in table["text"].chunks:
        lengths = np.diff(text_buffers(texts).starts)
        for start, stop in cuts(lengths, SLICE_BYTES):
            yield texts.slice(start, stop - start)
