"""Arrow IPC: files and streams, one record a row, as Hugging Face dataset folders hold them."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import pyarrow as pa

from data_contracts.reasons import Reason
from pipeline.ingest.readers.columns import columns_to_read, one_fault, rows_of
from pipeline.ingest.recipe import IngestRecipe, Source

_MAGIC: Final = b"ARROW1"
_MAX_BATCH_ROWS: Final = 1024
_ROW_BYTES: Final = 16
_BROKEN: Final = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What pyarrow raises for damaged files; its own classes derive from built-in ones."""


def read_arrow(
    file: BinaryIO, size: int, source: Source, recipe: IngestRecipe
) -> Iterator[pa.Table]:
    """Read the rows of a file; which of the two layouts it has is told by its first bytes.

    Args:
        file: Can be sought; unpacked.
        size: Its length in bytes.
        source: Names the fields.
        recipe: Limits the size of a text, and how far the file expands.

    Yields:
        Batches of ROWS; a position is a row number. Where the file is damaged or breaks off, one row
        stands for what is left of it.
    """
    position = unpacked = 0
    try:
        for batch in _batches(file, source):
            unpacked += batch.nbytes + _ROW_BYTES * batch.num_rows
            ratio = unpacked / max(size, 1)
            if unpacked > recipe.max_file_bytes or (
                unpacked > recipe.max_record_bytes and ratio > recipe.max_expansion_ratio
            ):
                limit = recipe.max_expansion_ratio
                yield one_fault(position, Reason.DECOMPRESSION_BOMB, ratio, limit)
                return
            for start in range(0, batch.num_rows, _MAX_BATCH_ROWS):
                part = batch.slice(start, _MAX_BATCH_ROWS)
                yield from rows_of(part, position, source, recipe)
                position += part.num_rows
        if _goes_on(file):
            yield one_fault(position, Reason.BAD_FORMAT)
    except _BROKEN:
        yield one_fault(position, Reason.BAD_FORMAT)


def _goes_on(file: BinaryIO) -> bool:
    """Tell whether a stream has more behind its end.

    The reader stops at the first mark of an end and says nothing of what follows: rows behind four
    zeroed bytes, or a second stream, would be gone without a word.
    """
    behind = file.tell()
    file.seek(0)
    if file.read(len(_MAGIC)) == _MAGIC:
        return False  # a file names its batches in a footer
    file.seek(behind)
    return bool(file.read(1))


def fields_of_arrow(file: BinaryIO) -> list[str]:
    """Name a file's columns; none where it is damaged."""
    try:
        return [str(name) for name in _open(file).schema.names]
    except _BROKEN:
        return []


def _open(file: BinaryIO) -> pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader:
    is_file = file.read(len(_MAGIC)) == _MAGIC
    file.seek(0)
    opened = pa.PythonFile(file, "r")
    return pa.ipc.open_file(opened) if is_file else pa.ipc.open_stream(opened)


def _batches(file: BinaryIO, source: Source) -> Iterator[pa.RecordBatch]:
    """Yield the wanted columns of each batch, their buffers checked: files promise, nothing holds."""
    reader = _open(file)
    numbers = range(getattr(reader, "num_record_batches", 0))
    batches = (reader.get_batch(n) for n in numbers) if numbers else iter(reader)
    if isinstance(reader, pa.ipc.RecordBatchFileReader) and not numbers:
        return
    names = columns_to_read(list(reader.schema.names), source)
    for batch in batches:
        wanted = batch.select(names)
        for column in wanted.columns:
            column.validate()
            _check_offsets(column)
        yield wanted


def _check_offsets(column: pa.Array) -> None:
    """Refuse offsets that lead outside their buffer.

    A full check also refuses text that is not UTF-8, which here costs one row and not the file: such
    text is checked as bytes.
    """
    if pa.types.is_string(column.type):
        column.view(pa.binary()).validate(full=True)
    elif pa.types.is_large_string(column.type):
        column.view(pa.large_binary()).validate(full=True)
    else:
        column.validate(full=True)
