"""Common lines of a text column: what stands for a line, and texts without those that are common.

After Llama 3 (2024, arXiv 2407.21783, 3.1.1) and CCNet (Wenzek et al. 2019, arXiv 1911.00359). A line
of too many documents goes from all of them: no copy is the first, so that order does not matter.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from pipeline.buffers import TextBuffers, text_array, text_buffers
from pipeline.clean.common_lines import kernels
from pipeline.text.unicode_tables import unicode_tables


class Lines(NamedTuple):
    """The lines of several documents, blank ones left out."""

    keys: NDArray[np.uint64]
    """uint64 (lines,): the same for the same line of the same source, outer blanks left out."""
    texts: NDArray[np.uint64]
    """uint64 (lines,): the same for lines of the same text of the same source."""


class TakenOut(NamedTuple):
    """Texts without their common lines."""

    texts: pa.Array
    """large_string; blank lines stay."""
    lines: NDArray[np.int64]
    """int64 (texts,): lines taken out."""
    word_ratio: NDArray[np.float64]
    """float64 (texts,): the part of the words that they held."""


def lines_of(texts: pa.ChunkedArray, sources: pa.ChunkedArray) -> Lines:
    """Hash the lines of every text.

    Args:
        texts: Edited texts, without nulls.
        sources: The name of each one's source.

    Raises:
        SchemaMismatch: As `text_buffers`.
    """
    seeds = _seeds(sources)
    return Lines(*kernels.line_keys(*text_buffers(texts), seeds, unicode_tables().classes))


def take_out(
    texts: pa.ChunkedArray, sources: pa.ChunkedArray, table: NDArray[np.uint64]
) -> TakenOut:
    """Take common lines out of every text.

    Args:
        texts: As for `lines_of`.
        sources: The same.
        table: uint64, from `table_of`.

    Raises:
        SchemaMismatch: As `text_buffers`.
    """
    seeds = _seeds(sources)
    text_bytes, starts, counts = kernels.take_out(
        *text_buffers(texts), seeds, unicode_tables().classes, table
    )
    ratio = counts[:, 1] / np.maximum(counts[:, 2], 1)
    return TakenOut(text_array(TextBuffers(text_bytes, starts)), counts[:, 0], ratio)


def table_of(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Make the table of common lines that texts are asked about."""
    table: NDArray[np.uint64] = kernels.key_table(keys)
    table.flags.writeable = False
    return table


def _seeds(sources: pa.ChunkedArray) -> NDArray[np.uint64]:
    """Give each document the number of its source."""
    encoded = sources.combine_chunks().dictionary_encode()
    numbers = [xxhash.xxh3_64_intdigest(name.encode()) for name in encoded.dictionary.to_pylist()]
    seeds: NDArray[np.uint64] = np.array(numbers, np.uint64)[encoded.indices.to_numpy()]
    return seeds
