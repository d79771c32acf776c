"""Plain text and Markdown: one file, one record."""

from collections.abc import Iterator

import pyarrow as pa

from data_contracts.reasons import Reason
from pipeline.ingest.charset import decoded
from pipeline.ingest.decompress import BrokenStream
from pipeline.ingest.recipe import IngestRecipe
from pipeline.ingest.rows import RowCollector

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_text(pieces: Iterator[bytes], key: str, recipe: IngestRecipe) -> Iterator[pa.Table]:
    """Read a file as one record; a byte order mark is left out, another encoding than UTF-8 told.

    Args:
        pieces: The file's unpacked bytes.
        key: What the record is called: the file's path within its source.
        recipe: Limits the size.

    Yields:
        One batch of ROWS with one row.
    """
    rows = RowCollector()
    data = read_whole(pieces, rows, recipe.max_record_bytes)
    if data is not None:
        text = text_in_utf8(data.removeprefix(_BYTE_ORDER_MARK), None)
        if text is None:
            rows.fail(1, Reason.BAD_ENCODING)
        else:
            rows.add(1, text, key)
    yield from rows.rest()


def text_in_utf8(data: bytes, declared: str | None) -> bytes | None:
    """Write a text in UTF-8: as it is, else as who sent it declares, else as its bytes look.

    Args:
        data: The text as it came.
        declared: The encoding that its server named, if any.

    Returns:
        The text; None: it cannot be told which encoding it is in.
    """
    if is_utf8(data):
        return data
    try:
        if declared is not None:
            return data.decode(declared).encode()
    except (UnicodeError, LookupError):
        pass
    return decoded(data)


def read_whole(pieces: Iterator[bytes], rows: RowCollector, max_bytes: int) -> bytes | None:
    """Read all bytes of a one-record file.

    Returns:
        The bytes, or None: they are too many or break off, and `rows` has the row that says so.
    """
    held: list[bytes] = []
    length = 0
    try:
        for piece in pieces:
            length += len(piece)
            if length > max_bytes:
                rows.fail(1, Reason.TOO_LARGE, length, max_bytes)
                return None
            held.append(piece)
    except BrokenStream as fault:
        rows.fail_with(1, fault)
        return None
    return b"".join(held)


def is_utf8(data: bytes) -> bool:
    """Tell whether bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
