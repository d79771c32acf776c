"""WARC archives (ISO 28500): the pages and texts that servers answered with.

A record of the corpus is a successful HTTP response, a stored resource or a conversion (WET) whose
payload is HTML or plain text. Requests, metadata, redirects, errors, images and the like are no
records of a text corpus; they have no rows.

The frames are read here rather than by a library: one whose header or payload is broken must cost
that record alone, and a file that breaks off must say where.
"""

import io
import re
from collections.abc import Generator, Iterator
from typing import BinaryIO, Final, NamedTuple

import pyarrow as pa
from fastwarc.warc import WarcRecord

from data_contracts.reasons import Reason
from pipeline.ingest.domains import DomainList
from pipeline.ingest.fields import as_json
from pipeline.ingest.readers.html import BadPage, text_of_page
from pipeline.ingest.readers.text import text_in_utf8
from pipeline.ingest.recipe import IngestRecipe
from pipeline.ingest.rows import RowCollector
from pipeline.ingest.streams import Unpacked

_MAX_HEADER_BYTES: Final = 64 * 1024
_MAX_LINE_BYTES: Final = 16 * 1024
_HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_TEXT_TYPES: Final = frozenset({"text/plain", "text/markdown"})
_HTML_STARTS: Final = re.compile(  # MIME Sniffing Standard, 7.1
    rb"\s*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)"
    rb"[\s>]",
    re.IGNORECASE,
)
_WEB: Final = re.compile(r"^(?:https?|ftp|file)://", re.IGNORECASE)


class Frame(NamedTuple):
    """One WARC record as it lies in the file."""

    headers: dict[str, str]
    """By lower-case name; empty: what should be a header is not one."""
    block: bytes
    """What follows the header; empty where it is over the limit."""
    length: int
    """Bytes that the block has or claims."""
    is_whole: bool
    """Whether the file goes on to the block's end."""


class _About(NamedTuple):
    """What a record has beside its text."""

    key: str | None
    uri: str
    metadata: str | None


class _Text(NamedTuple):
    """A payload that belongs to the corpus."""

    data: bytes
    is_html: bool
    charset: str | None


def read_warc(
    pieces: Iterator[bytes], recipe: IngestRecipe, kept: tuple[str, ...] = ()
) -> Generator[pa.Table, None, int]:
    """Read an archive, or a part of it.

    A record's key is its URL and date, as in a crawl's index: a URL alone repeats within a crawl,
    and record ids change when an archive is written anew.

    Args:
        pieces: Its unpacked bytes.
        recipe: Limits the size of records and the nesting of pages.
        kept: Names of WARC headers to keep as metadata.

    Yields:
        Batches of ROWS; a position is a record's number among all WARC records.

    Returns:
        How many of these there are.
    """
    rows = RowCollector(DomainList(recipe.blocked_domains))
    stream = Unpacked(pieces)
    position = 0
    for frame in frames(stream, recipe.max_record_bytes):
        if not frame.is_whole and stream.fault is not None:
            break  # the row below stands for it
        position += 1
        _read_frame(rows, position, frame, recipe, kept)
        yield from rows.batches()
    if stream.fault is not None:
        position += 1
        rows.fail_with(position, stream.fault)
    yield from rows.rest()
    return position


def frames(stream: io.RawIOBase, max_bytes: int) -> Iterator[Frame]:
    """Walk over an archive's records; after a broken header it goes on at the next good one.

    Args:
        stream: The unpacked archive.
        max_bytes: Blocks over this are passed over.
    """
    reader: BinaryIO = io.BufferedReader(stream, 1 << 20)
    is_lost = False
    while line := reader.readline(_MAX_LINE_BYTES):
        if not line.strip():
            continue
        headers = _headers(reader) if line.startswith(b"WARC/") else {}
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 18):
            if not is_lost:
                yield Frame({}, b"", 0, is_whole=True)
            is_lost = True
            continue
        is_lost = False
        yield _frame(reader, headers, int(length), max_bytes)


def _frame(reader: BinaryIO, headers: dict[str, str], length: int, limit: int) -> Frame:
    if length <= limit:
        block = reader.read(length)
        return Frame(headers, block, length, is_whole=len(block) == length)
    left = length
    while left and (passed := reader.read(min(left, 1 << 20))):
        left -= len(passed)
    return Frame(headers, b"", length, is_whole=not left)


def _headers(reader: BinaryIO) -> dict[str, str]:
    """Read header lines up to the blank one; none where they are not header lines."""
    headers: dict[str, str] = {}
    name, size = "", 0
    while line := reader.readline(_MAX_LINE_BYTES):
        size += len(line)
        text = line.decode("utf-8", "replace")
        if not text.strip():
            return headers
        if text[0] in " \t" and name:
            headers[name] += " " + text.strip()
            continue
        name, colon, value = text.partition(":")
        name = name.strip().lower()
        if not colon or size > _MAX_HEADER_BYTES:
            return {}
        headers[name] = value.strip()
    return {}


def _read_frame(
    rows: RowCollector, position: int, frame: Frame, recipe: IngestRecipe, kept: tuple[str, ...]
) -> None:
    if not frame.headers or not frame.is_whole:
        rows.fail(position, Reason.BAD_FORMAT)
        return
    uri = frame.headers.get("warc-target-uri", "").strip("<>")
    if not _may_hold_text(frame.headers, uri):
        return
    if frame.length > recipe.max_record_bytes:
        rows.fail(position, Reason.TOO_LARGE, frame.length, recipe.max_record_bytes)
        return
    text = _payload(frame, recipe.max_record_bytes)
    if text is None:
        return
    if isinstance(text, Reason):
        rows.fail(position, text)
        return
    if len(text.data) > recipe.max_record_bytes:
        rows.fail(position, Reason.TOO_LARGE, len(text.data), recipe.max_record_bytes)
        return
    key = f"{uri} {frame.headers.get('warc-date', '')}".strip()
    said = {name: frame.headers[name.lower()] for name in kept if name.lower() in frame.headers}
    about = _About(key or None, uri, as_json(said) if said else None)
    _add_text(rows, position, text, about, recipe)


def _add_text(
    rows: RowCollector, position: int, text: _Text, about: _About, recipe: IngestRecipe
) -> None:
    if text.is_html:
        extracted = text_of_page(text.data, text.charset, recipe)
        if isinstance(extracted, BadPage):
            rows.fail(position, Reason.BAD_HTML, extracted.value, extracted.threshold)
        else:
            rows.add(position, extracted, *about)
        return
    plain = text_in_utf8(text.data, text.charset)
    if plain is None:
        rows.fail(position, Reason.BAD_ENCODING)
    else:
        rows.add(position, plain, *about)


def _may_hold_text(headers: dict[str, str], uri: str) -> bool:
    kind = headers.get("warc-type", "").lower()
    if kind == "response":
        return "http" in headers.get("content-type", "application/http").lower()
    # Crawlers store their own logs as resources, under URIs of their own.
    return kind == "conversion" or (kind == "resource" and _WEB.match(uri) is not None)


def _payload(frame: Frame, max_bytes: int) -> _Text | Reason | None:
    """Take a record's text out of its block; None where it holds none."""
    if frame.headers["warc-type"].lower() == "response":
        return _http_payload(frame, max_bytes)
    kind, charset = _media_type(frame.headers.get("content-type", ""))
    return _as_text(frame.block, kind, charset)


def _http_payload(frame: Frame, max_bytes: int) -> _Text | Reason | None:
    """Parse an HTTP response, and undo its transfer and content encodings."""
    head = b"WARC/1.1\r\nWARC-Type: response\r\nContent-Type: application/http\r\n"
    raw = head + b"Content-Length: %d\r\n\r\n" % len(frame.block) + frame.block
    # Archivers often store a body already decoded under headers that still say it is not.
    for decoding in ("all", "transfer", "none"):
        record = WarcRecord.from_reader(io.BytesIO(raw), quirks_mode=False)
        try:
            record.parse_http(auto_decode=decoding, strict_mode=False)
            body = record.reader.read(max_bytes + 1)
        except (OSError, ValueError):
            continue
        status = record.http_headers.status_code
        if status is not None and not 200 <= status < 300:
            return None
        return _as_text(body, (record.http_content_type or "").lower(), record.http_charset)
    return Reason.BAD_FORMAT


def _as_text(data: bytes, kind: str, charset: str | None) -> _Text | None:
    if kind in _HTML_TYPES or (not kind and _HTML_STARTS.match(data)):
        return _Text(data, is_html=True, charset=charset)
    return _Text(data, is_html=False, charset=charset) if kind in _TEXT_TYPES else None


def _media_type(header: str) -> tuple[str, str | None]:
    """Split a Content-Type: (type in lower case, charset)."""
    kind, _, parameters = header.partition(";")
    found = re.search(r"charset\s*=\s*[\"']?([^\s\"';]+)", parameters, re.IGNORECASE)
    return kind.strip().lower(), found[1] if found else None
