"""Columns to rows: what Parquet and Arrow files have in common."""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.reasons import Reason
from pipeline.ingest.domains import DomainList
from pipeline.ingest.fields import FieldMap, is_plain, top_fields
from pipeline.ingest.readers.text import is_utf8
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import ROWS, RowCollector, as_text, content_ids

_BATCH_ROWS: Final = 256
"""Rows that are written as Python objects at once."""


def columns_to_read(there: list[str], source: Source) -> list[str]:
    """Choose what to read; where nothing wanted is there, any column tells how many rows are."""
    return [name for name in top_fields(source) if name in there] or there[:1]


def one_fault(
    before: int, reason: Reason, value: float | None = None, threshold: float | None = None
) -> pa.Table:
    """Make the row that stands for what is left of a file or a row group."""
    rows = RowCollector()
    rows.fail(before + 1, reason, value, threshold)
    return next(rows.rest())


def rows_of(
    batch: pa.RecordBatch, before: int, source: Source, recipe: IngestRecipe
) -> Iterator[pa.Table]:
    """Take the rows of a batch of columns.

    Args:
        batch: Columns of any types; its buffers are sound.
        before: Rows of the file before it.
        source: Names the fields.
        recipe: Limits the size of a text.

    Yields:
        ROWS, one for each of the batch.
    """
    if is_plain(source, batch.schema.names):
        yield _taken(batch, before, source, recipe)
        return
    rows, fields = RowCollector(DomainList(recipe.blocked_domains)), FieldMap(source, recipe)
    for start in range(0, batch.num_rows, _BATCH_ROWS):
        part = batch.slice(start, _BATCH_ROWS)
        for number, record in enumerate(_records(part, source), before + start + 1):
            if record is None:
                rows.fail(number, Reason.BAD_ENCODING)
                continue
            fields.add(rows, number, record)
        yield from rows.batches()
    yield from rows.rest()


def _records(batch: pa.RecordBatch, source: Source) -> Iterator[dict[str, Any] | None]:
    """Write rows as records; None where a string is not valid UTF-8."""
    wanted = [name for name in top_fields(source) if name in batch.schema.names]
    batch = batch.select(wanted)
    try:
        yield from batch.to_pylist()
    except (UnicodeDecodeError, pa.ArrowException):
        for row in range(batch.num_rows):
            try:
                yield batch.slice(row, 1).to_pylist()[0]
            except (UnicodeDecodeError, pa.ArrowException):
                yield None


def _taken(batch: pa.RecordBatch, before: int, source: Source, recipe: IngestRecipe) -> pa.Table:
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
            pa.nulls(count, pa.string()),
            pc.if_else(is_too_large, values, nothing),
            pc.if_else(is_too_large, pa.scalar(float(recipe.max_record_bytes)), nothing),
            pa.nulls(count, pa.string()),
            pa.nulls(count, pa.string()),
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
