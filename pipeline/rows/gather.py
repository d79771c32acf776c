"""Rows picked from several tables, in any order; each long value is copied once.

Arrow's own `take` first joins the tables, then picks: twice the memory, and the time of writing it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.buffers import one_chunk, text_buffers
from pipeline.rows import kernels

LONG: Final = (pa.large_string(), pa.large_binary())
"""Types of long values."""


def gather(
    tables: Sequence[pa.Table], table_of: NDArray[np.integer], row_of: NDArray[np.integer]
) -> pa.Table:
    """Pick rows.

    Args:
        tables: At least one; all of one schema. A column of long values (large_string,
            large_binary) is copied first where it lies in several chunks.
        table_of: (rows,), index into `tables` of each row wanted.
        row_of: (rows,), its row there.

    Returns:
        As many rows, in that order, each column in one chunk.
    """
    order = np.argsort(table_of, kind="stable")
    ends = np.cumsum(np.bincount(table_of, minlength=len(tables)))
    places = [order[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    picked = [
        (table, row_of[of_table].astype(np.int64, copy=False), of_table)
        for table, of_table in zip(tables, places, strict=True)
        if len(of_table)
    ]
    columns = [_column(picked, order, field, len(order)) for field in tables[0].schema]
    return pa.Table.from_arrays(columns, schema=tables[0].schema)


_Picked = tuple[pa.Table, NDArray[np.int64], NDArray[np.int64]]
"""A table, rows of it, and the place of each in the outcome."""


def _column(
    picked: list[_Picked], order: NDArray[np.int64], field: pa.Field, count: int
) -> pa.Array:
    if not any(table[field.name].null_count for table, _, _ in picked):
        if field.type in LONG:
            return _long_values(picked, field, count)
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            return _numbers(picked, field, count)
        if pa.types.is_fixed_size_binary(field.type):
            return _of_one_size(picked, field, count)
    parts = [table[field.name].take(pa.array(rows)) for table, rows, _ in picked]
    together = pa.chunked_array([one for part in parts for one in part.chunks], field.type)
    if (np.diff(order) == 1).all():
        return together.combine_chunks()
    back = np.empty(count, np.int64)
    back[order] = np.arange(count)
    return together.combine_chunks().take(pa.array(back))


def _numbers(picked: list[_Picked], field: pa.Field, count: int) -> pa.Array:
    values = np.empty(count, field.type.to_pandas_dtype())
    for table, rows, places in picked:
        values[places] = one_chunk(table[field.name]).to_numpy()[rows]
    return pa.Array.from_buffers(field.type, count, [None, pa.py_buffer(values)])


def _of_one_size(picked: list[_Picked], field: pa.Field, count: int) -> pa.Array:
    """Pick values that are all of as many bytes."""
    size = field.type.byte_width
    values = np.empty(count, f"V{size}")
    for table, rows, places in picked:
        column = one_chunk(table[field.name])
        there = np.frombuffer(column.buffers()[1], values.dtype, len(column), column.offset * size)
        values[places] = there[rows]
    return pa.Array.from_buffers(field.type, count, [None, pa.py_buffer(values)])


def _long_values(picked: list[_Picked], field: pa.Field, count: int) -> pa.Array:
    sources = [text_buffers(table[field.name]) for table, _, _ in picked]
    starts = np.zeros(count + 1, np.int64)
    for (_, rows, places), (_, begins) in zip(picked, sources, strict=True):
        starts[places + 1] = begins[rows + 1] - begins[rows]
    np.cumsum(starts, out=starts)
    values = np.empty(int(starts[-1]), np.uint8)
    for (_, rows, places), (data, begins) in zip(picked, sources, strict=True):
        kernels.copy_values(data, begins, rows, places, values, starts)
    buffers = [None, pa.py_buffer(starts), pa.py_buffer(values)]
    return pa.Array.from_buffers(field.type, count, buffers)
