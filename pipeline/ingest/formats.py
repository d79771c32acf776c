"""Which format and compression a file has: by its name, and by content where the name lies."""

import re
import zlib
from pathlib import PurePosixPath
from typing import Final, Literal

from pipeline.ingest.recipe import Format

Compression = Literal["none", "gzip", "zstd"]

_BY_SUFFIX: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",  # published corpora (C4 …) name JSON Lines so
    ".parquet": "parquet",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".warc": "warc",
}
_COMPRESSION_SUFFIXES: Final = frozenset({".gz", ".gzip", ".zst", ".zstd"})
_BEFORE_HTML: Final = re.compile(rb"<!--.*?-->|<\?xml[^>]*>", re.DOTALL)
_HTML_START: Final = re.compile(rb"\s*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)

SNIFFED_BYTES: Final = 4096
"""First bytes of a file, unpacked, that its format is read from."""


def format_by_name(name: str) -> Format | None:
    """Tell the format that a file's name promises, whatever compression suffix follows it."""
    path = PurePosixPath(name.lower())
    if path.suffix in _COMPRESSION_SUFFIXES:
        path = path.with_suffix("")
    return _BY_SUFFIX.get(path.suffix)


def compression_of(head: bytes) -> Compression:
    """Tell the compression from a file's first bytes (RFC 1952, RFC 8878); names are not asked."""
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    # A zstd file may start with a skippable frame: 0x184D2A50 to 0x184D2A5F, little-endian.
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return "zstd"
    return "none"


def format_by_content(head: bytes) -> Format | None:
    """Tell the format from a file's first unpacked bytes, where they leave no doubt.

    Args:
        head: Up to `SNIFFED_BYTES`.
    """
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:5] == b"WARC/":
        return "warc"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"{" and start[1:].lstrip()[:1] in (b'"', b"}"):
        return "jsonl"
    if start[:1] == b"<" and _HTML_START.match(_BEFORE_HTML.sub(b"", start)):
        return "html"
    return None


def unpacked_head(head: bytes) -> bytes:
    """Unpack as much as possible of a file's first bytes; broken streams give what they give."""
    compression = compression_of(head)
    if compression == "gzip":
        try:
            return zlib.decompressobj(wbits=31).decompress(head, SNIFFED_BYTES)
        except zlib.error:
            return b""
    if compression == "zstd":
        import zstandard  # noqa: PLC0415 - keeps planning light where nothing is zstd

        try:
            reader = zstandard.ZstdDecompressor().stream_reader(head, read_across_frames=True)
            return bytes(reader.read(SNIFFED_BYTES))
        except zstandard.ZstdError:
            return b""
    return head[:SNIFFED_BYTES]


def resolve_format(name: str, head: bytes, declared: str) -> Format | None:
    """Decide how to read a file.

    Binary formats are known by content whatever the name says; otherwise the name counts, and
    content where the name says nothing.

    Args:
        name: The file's name or path.
        head: Its first bytes, as they lie on disk.
        declared: `Source.format`; anything but "auto" is taken at its word.

    Returns:
        The format, or None: neither name nor content tells one.
    """
    if declared != "auto":
        return declared  # type: ignore[return-value]
    by_content = format_by_content(unpacked_head(head))
    if by_content in ("parquet", "warc"):
        return by_content
    return format_by_name(name) or by_content
