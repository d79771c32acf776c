"""Parquet: one record a row, taken column by column."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts.reasons import Reason
from pipeline.ingest.readers.text import is_utf8
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import ROWS, RowCollector, as_text, content_ids

_BATCH_BYTES: Final = 4 * 1024 * 1024
_MAX_BATCH_ROWS: Final = 1024
_MAX_GROUP_ROWS: Final = 1 << 40
"""A damaged footer may claim any number."""
_ROW_BYTES: Final = 16
"""What a row counts for beside its text: a file may claim any number of empty rows."""
_BROKEN: Final = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What pyarrow raises for damaged files; its own classes derive from built-in ones."""


def read_parquet(
    file: BinaryIO, size: int, source: Source, recipe: IngestRecipe
) -> Iterator[pa.Table]:
    """Read the rows of a file.

    Args:
        file: Can be sought; unpacked.
        size: Its length in bytes.
        source: Names the text and key columns.
        recipe: Limits the size of a text, and how far the file expands.

    Yields:
        Batches of ROWS; a position is a row number. A row group that is damaged ends in one row
        that stands for what is left of it.
    """
    try:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        columns = _columns(parquet, source)
        groups = [parquet.metadata.row_group(n) for n in range(parquet.metadata.num_row_groups)]
    except _BROKEN:
        yield _one_fault(0, Reason.BAD_FORMAT)
        return
    first = unpacked = 0
    for number, group in enumerate(groups):
        position = first
        try:
            for batch in parquet.iter_batches(_batch_rows(group), [number], columns):
                unpacked += batch.nbytes + _ROW_BYTES * batch.num_rows
                ratio = unpacked / max(size, 1)
                if unpacked > recipe.max_file_bytes or (
                    unpacked > recipe.max_record_bytes and ratio > recipe.max_expansion_ratio
                ):
                    limit = recipe.max_expansion_ratio
                    yield _one_fault(position, Reason.DECOMPRESSION_BOMB, ratio, limit)
                    return
                yield _rows_of(batch, position, source, recipe)
                position += batch.num_rows
        except _BROKEN:
            yield _one_fault(position, Reason.BAD_FORMAT)
            position = max(position + 1, first + min(group.num_rows, _MAX_GROUP_ROWS))
        first = position


def _columns(parquet: pq.ParquetFile, source: Source) -> list[str]:
    """Choose what to read; where nothing wanted is there, any column tells how many rows are."""
    wanted = [source.text_field, *([source.key_field] if source.key_field else [])]
    there = parquet.schema_arrow.names
    return [name for name in dict.fromkeys(wanted) if name in there] or list(there[:1])


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


def _one_fault(
    before: int, reason: Reason, value: float | None = None, threshold: float | None = None
) -> pa.Table:
    """Make the row that stands for what is left of a file or a row group."""
    rows = RowCollector()
    rows.fail(before + 1, reason, value, threshold)
    return next(rows.rest())


def _rows_of(batch: pa.RecordBatch, before: int, source: Source, recipe: IngestRecipe) -> pa.Table:
    count = batch.num_rows
    reasons = pa.nulls(count, pa.string())
    keys = pa.nulls(count, pa.string())
    texts = _column(batch, source.text_field)
    if not _is_text(texts.type):
        known = pc.if_else(pc.is_null(texts), Reason.NO_TEXT_FIELD, Reason.TEXT_NOT_STRING)
        return _table(before, keys, known, pa.nulls(count, pa.large_binary()), recipe)
    reasons = pc.if_else(pc.is_null(texts), pa.scalar(Reason.NO_TEXT_FIELD.value), reasons)
    if source.key_field is not None:
        keys = _keys(_column(batch, source.key_field))
        reasons = _first(reasons, pc.is_null(keys), Reason.NO_KEY_FIELD)
    raw = texts.cast(pa.large_string(), safe=False).view(pa.large_binary())
    too_large = pc.greater(pc.binary_length(raw), recipe.max_record_bytes)
    reasons = _first(reasons, pc.fill_null(too_large, False), Reason.TOO_LARGE)
    reasons = _first(reasons, _invalid(raw), Reason.BAD_ENCODING)
    return _table(before, keys, reasons, raw, recipe)


def _table(
    before: int, keys: pa.Array, reasons: pa.Array, raw: pa.Array, recipe: IngestRecipe
) -> pa.Table:
    count = len(raw)
    readable = pc.is_null(reasons)
    values = pc.cast(pc.binary_length(raw), pa.float64())
    is_too_large = pc.fill_null(pc.equal(reasons, Reason.TOO_LARGE.value), False)
    nothing = pa.nulls(count, pa.float64())
    texts = pc.if_else(readable, raw, pa.scalar(None, pa.large_binary()))
    return pa.table(
        [
            pa.array(range(before + 1, before + count + 1), pa.int64()),
            pc.if_else(readable, keys, pa.scalar(None, pa.string())),
            content_ids(texts),
            reasons.cast(pa.string()),
            pc.if_else(is_too_large, values, nothing),
            pc.if_else(is_too_large, pa.scalar(float(recipe.max_record_bytes)), nothing),
            as_text(texts),
        ],
        schema=ROWS,
    )


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Take a column; one that is missing is all null, a dictionary is written out."""
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, pa.string())
    column = batch.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _keys(column: pa.Array) -> pa.Array:
    """Write keys as text; null where a key is missing, not valid UTF-8, or of another kind."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if not _is_text(column.type):
        return pa.nulls(len(column), pa.string())
    raw = column.cast(pa.large_string(), safe=False).view(pa.large_binary())
    valid = pc.if_else(_invalid(raw), pa.scalar(None, pa.large_binary()), raw)
    return as_text(valid).cast(pa.string())


def _invalid(raw: pa.Array) -> pa.Array:
    """Tell which values are not valid UTF-8: files promise it, and nothing checks it on reading."""
    try:
        as_text(raw).validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([not is_utf8(one) for one in raw.fill_null(b"").to_pylist()], pa.bool_())
    return pa.repeat(False, len(raw))


def _first(reasons: pa.Array, applies: pa.Array, reason: Reason) -> pa.Array:
    """Give a reason where none was given yet."""
    return pc.if_else(pc.and_(pc.is_null(reasons), applies), pa.scalar(reason.value), reasons)
