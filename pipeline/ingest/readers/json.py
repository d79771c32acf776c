"""JSON that is not JSON Lines: an array of objects, or objects over several lines."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from data_contracts.reasons import Reason
from pipeline.ingest.decompress import BrokenStream
from pipeline.ingest.domains import DomainList
from pipeline.ingest.elements.kernels import element_ends
from pipeline.ingest.fields import FieldMap
from pipeline.ingest.readers.jsonl import add_json, parse_json
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import RowCollector

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BETWEEN = b" \t\r\n,"


def read_json(pieces: Iterator[bytes], source: Source, recipe: IngestRecipe) -> Iterator[pa.Table]:
    """Read the elements of an array, or values one after another.

    Args:
        pieces: The file's unpacked bytes.
        source: Names the fields.
        recipe: Limits the length of an element.

    Yields:
        Batches of ROWS; a position is the number of an element.
    """
    rows = RowCollector(DomainList(recipe.blocked_domains))
    fields = FieldMap(source, recipe)
    position = 0
    try:
        for position, element in enumerate(_elements(pieces, recipe.max_record_bytes), 1):
            if isinstance(element, int):
                rows.fail(position, Reason.TOO_LARGE, element, recipe.max_record_bytes)
            elif element is None:
                rows.fail(position, Reason.BAD_JSON)
            else:
                add_json(rows, fields, position, element)
            yield from rows.batches()
    except BrokenStream as fault:
        rows.fail_with(position + 1, fault)
    yield from rows.rest()


def fields_of_json(pieces: Iterator[bytes], recipe: IngestRecipe) -> list[str]:
    """Name the fields of a file's first object; none where there is none."""
    try:
        for element in _elements(pieces, recipe.max_record_bytes):
            record = parse_json(element) if isinstance(element, bytes) else None
            if type(record) is dict:
                return [str(name) for name in record]
    except BrokenStream:
        pass
    return []


def _elements(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes | int | None]:
    """Cut a text into elements.

    Yields:
        An element; of one over the limit its length; None for one that the text ends in, or for an
        array that is never closed.
    """
    collected = _Collected(max_bytes)
    base = depth = 0
    in_string = is_escaped = False
    for data in _begun(pieces):
        if not collected.has_any and data[:1] == b"[":
            data, base, depth = data[1:], 1, 1  # noqa: PLW2901 - its bracket is no part of an element
        ends, depth, in_string, is_escaped = element_ends(
            np.frombuffer(data, np.uint8), depth, in_string, is_escaped, base
        )
        begin = 0
        for end in ends.tolist():
            yield from collected.end(data[begin:end])
            begin = end
        collected.go_on(data[begin:])
    yield from collected.rest()
    if base and depth and not collected.was_cut:
        yield None


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Leave out what may stand before the first value."""
    for piece in pieces:
        data = piece.removeprefix(_BYTE_ORDER_MARK).lstrip(_BETWEEN)
        if data:
            yield data
            break
    yield from pieces


class _Collected:
    """An element that comes in pieces."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._length = 0
        self.has_any = False
        self.was_cut = False
        """The text ended within an element."""

    def go_on(self, part: bytes) -> None:
        """Add a part that does not end the element."""
        self.has_any = True
        self._length += len(part)
        if self._length <= self._max_bytes:
            self._parts.append(part)
        else:
            self._parts.clear()

    def end(self, part: bytes) -> Iterator[bytes | int]:
        """Add the last part, and give the element, or its length over the limit."""
        self.go_on(part)
        if self._length > self._max_bytes:
            yield self._length
        elif element := _trimmed(b"".join(self._parts)):
            yield element
        self._parts, self._length = [], 0

    def rest(self) -> Iterator[int | None]:
        """Give what the text ends in, if it is more than white space."""
        left = b"".join(self._parts).strip(_BETWEEN)
        self.was_cut = bool(left) or self._length > self._max_bytes
        if self.was_cut:
            yield self._length if self._length > self._max_bytes else None


def _trimmed(element: bytes) -> bytes:
    """Take off what stands between elements, and the bracket that ends the array."""
    text = element.strip(_BETWEEN)
    if text.endswith(b"]") and not text.startswith(b"["):
        text = text[:-1].rstrip(_BETWEEN)
    return b"" if text == b"]" else text
