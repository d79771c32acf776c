"""A reader of one's own: a function that the recipe names gives records, and is not trusted."""

import io
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from data_contracts.own_parts import PartKind, load_part
from data_contracts.reasons import Reason
from pipeline.ingest.domains import DomainList
from pipeline.ingest.fields import FieldMap
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import RowCollector
from pipeline.ingest.streams import Unpacked

_RECORD = dict[str, Any]
READER: Final = PartKind(
    "reader",
    (BinaryIO,),
    (Iterator[_RECORD], Iterable[_RECORD], Generator[_RECORD, None, None], list[_RECORD]),
)
"""What `reader` of a source may name."""


def check_reader(source: Source) -> None:
    """Load the source's own reader, if it has one, to see that it is one.

    Raises:
        RecipeInvalid: There is no such function, or it is no reader.
    """
    if source.reader is not None:
        load_part(source.reader, READER, f"sources.{source.name}.reader")


def read_with(pieces: Iterator[bytes], source: Source, recipe: IngestRecipe) -> Iterator[pa.Table]:
    """Read a file with the source's own function.

    Args:
        pieces: The file's unpacked bytes.
        source: Names the function, and the fields of what it yields.
        recipe: Limits the size of a text.

    Yields:
        Batches of ROWS; a position is the number of a record. Where the function fails, or the file
        breaks off, one row stands for what is left of it.

    Raises:
        RecipeInvalid: There is no such function, or it is no reader.
    """
    assert source.reader is not None, "the caller looked"  # noqa: S101
    read = load_part(source.reader, READER, f"sources.{source.name}.reader")
    rows, fields = RowCollector(DomainList(recipe.blocked_domains)), FieldMap(source, recipe)
    stream = Unpacked(pieces)
    position = 0
    try:
        for position, record in enumerate(read(cast(BinaryIO, io.BufferedReader(stream))), 1):
            if isinstance(record, Mapping):
                fields.add(rows, position, record)
            else:
                rows.fail(position, Reason.BAD_FORMAT)
            yield from rows.batches()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the user's code may raise anything
        rows.fail(position + 1, Reason.BAD_FORMAT)
        position += 1
    if stream.fault is not None:
        rows.fail_with(position + 1, stream.fault)
    yield from rows.rest()
