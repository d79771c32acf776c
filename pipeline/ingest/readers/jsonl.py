"""JSON Lines: one object a line; blank lines are no records."""

import json
from collections.abc import Generator, Iterator
from typing import Any

import orjson
import pyarrow as pa

from data_contracts.reasons import Reason
from pipeline.ingest.decompress import BrokenStream
from pipeline.ingest.domains import DomainList
from pipeline.ingest.fields import FieldMap
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import RowCollector

_BLANK = b" \t\r"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_jsonl(
    pieces: Iterator[bytes], source: Source, recipe: IngestRecipe, *, is_start: bool = True
) -> Generator[pa.Table, None, int]:
    """Read the lines of a file, or of a part of it.

    Args:
        pieces: Its unpacked bytes (`pipeline.ingest.streams.unpack`).
        source: Names the text and key fields.
        recipe: Limits the length of a line.
        is_start: Whether nothing of the file comes before: a byte order mark may.

    Yields:
        Batches of ROWS; a position is a line number, blank lines counted.

    Returns:
        How many lines there are.
    """
    rows, fields = RowCollector(DomainList(recipe.blocked_domains)), FieldMap(source, recipe)
    position = 0
    try:
        for position, line in enumerate(lines_of(pieces, recipe.max_record_bytes), 1):
            if isinstance(line, int):
                rows.fail(position, Reason.TOO_LARGE, line, recipe.max_record_bytes)
                continue
            is_first = is_start and position == 1
            data = line.removeprefix(_BYTE_ORDER_MARK) if is_first else line
            if data.strip(_BLANK):
                add_json(rows, fields, position, data)
            if rows.is_full:  # asked for each line: a generator for each would take longer
                yield from rows.rest()
    except BrokenStream as fault:
        position += 1
        rows.fail_with(position, fault)
    yield from rows.rest()
    return position


def add_json(rows: RowCollector, fields: FieldMap, position: int, data: bytes) -> None:
    """Add the row of one JSON value."""
    record = parse_json(data)
    if type(record) is dict:
        fields.add(rows, position, record, data)
    else:
        rows.fail(position, record if isinstance(record, Reason) else Reason.BAD_JSON)


def parse_json(line: bytes) -> Any:
    """Read a JSON value; what orjson refuses and Python's json writes is read too: NaN, lone surrogates.

    Returns:
        The value, or the reason why there is none.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        # Python's own limit of nesting differs between versions: orjson's decides.
        if "depth limit" in str(error):
            return Reason.BAD_JSON
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError:
        return Reason.BAD_ENCODING
    except (ValueError, RecursionError):
        return Reason.BAD_JSON


def lines_of(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes | int]:
    """Split into lines; of a line over the limit only its length is given.

    A last line without its line feed counts unless the stream broke off in it.
    """
    started: list[bytes] = []
    length = 0
    for piece in pieces:
        first, *others = piece.split(b"\n")
        length += len(first)
        if length <= max_bytes:
            started.append(first)
        else:
            started.clear()
        if not others:
            continue
        yield length if length > max_bytes else b"".join(started)
        *whole, last = others
        for line in whole:
            yield len(line) if len(line) > max_bytes else line
        started, length = [last], len(last)
    if length:
        yield length if length > max_bytes else b"".join(started)


def fields_of_jsonl(pieces: Iterator[bytes], recipe: IngestRecipe) -> list[str]:
    """Name the fields of a file's first object; none where no line is one."""
    try:
        for line in lines_of(pieces, recipe.max_record_bytes):
            record = (
                None if isinstance(line, int) else parse_json(line.removeprefix(_BYTE_ORDER_MARK))
            )
            if type(record) is dict:
                return [str(name) for name in record]
    except BrokenStream:
        pass
    return []
