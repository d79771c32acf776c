"""Parquet: one record a row, taken column by column."""

from collections.abc import Generator
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.reasons import Reason
from pipeline.ingest.readers.columns import columns_to_read, one_fault, rows_of
from pipeline.ingest.recipe import IngestRecipe, Source

_BATCH_BYTES: Final = 4 * 1024 * 1024
_MAX_BATCH_ROWS: Final = 1024
_MAX_GROUP_ROWS: Final = 1 << 40
"""A damaged footer may claim any number."""
_ROW_BYTES: Final = 16
"""What a row counts for beside its text: a file may claim any number of empty rows."""
_BROKEN: Final = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What pyarrow raises for damaged files; its own classes derive from built-in ones."""


def read_parquet(
    file: BinaryIO,
    size: int,
    source: Source,
    recipe: IngestRecipe,
    wanted: range | None = None,
) -> Generator[pa.Table, None, int]:
    """Read the rows of a file, or of some of its row groups.

    Args:
        file: Can be sought; unpacked.
        size: Length in bytes of what is read.
        source: Names the text and key columns.
        recipe: Limits the size of a text, and how far the file expands.
        wanted: Numbers of row groups; None: all.

    Yields:
        Batches of ROWS; a position is a row number. A row group that is damaged ends in one row
        that stands for what is left of it.

    Returns:
        How many rows there are.
    """
    try:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        columns = columns_to_read(list(parquet.schema_arrow.names), source)
        numbers = wanted or range(parquet.metadata.num_row_groups)
        groups = [(number, parquet.metadata.row_group(number)) for number in numbers]
    except _BROKEN:
        yield one_fault(0, Reason.BAD_FORMAT)
        return 1
    first = unpacked = 0
    for number, group in groups:
        position = first
        try:
            for batch in parquet.iter_batches(_batch_rows(group), [number], columns):
                unpacked += batch.nbytes + _ROW_BYTES * batch.num_rows
                ratio = unpacked / max(size, 1)
                if unpacked > recipe.max_file_bytes or (
                    unpacked > recipe.max_record_bytes and ratio > recipe.max_expansion_ratio
                ):
                    limit = recipe.max_expansion_ratio
                    yield one_fault(position, Reason.DECOMPRESSION_BOMB, ratio, limit)
                    return position + 1
                yield from rows_of(batch, position, source, recipe)
                position += batch.num_rows
        except _BROKEN:
            yield one_fault(position, Reason.BAD_FORMAT)
            position = max(position + 1, first + min(group.num_rows, _MAX_GROUP_ROWS))
        first = position
    return first


def fields_of_parquet(file: BinaryIO) -> list[str]:
    """Name a file's columns; none where it is damaged."""
    try:
        return [str(name) for name in pq.ParquetFile(file).schema_arrow.names]
    except _BROKEN:
        return []


def _batch_rows(group: pq.RowGroupMetaData) -> int:
    """Rows of a group that make up about `_BATCH_BYTES`, by what the footer says."""
    mean = max(int(group.total_byte_size) // max(int(group.num_rows), 1), 1)
    return min(max(_BATCH_BYTES // mean, 16), _MAX_BATCH_ROWS)
