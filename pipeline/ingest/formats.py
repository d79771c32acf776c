"""Which format and compression a file has: by its name, and by content where the name lies."""

import re
from pathlib import PurePosixPath
from typing import Final, Literal

from pipeline.ingest.recipe import Format

Compression = Literal["none", "gzip", "zstd", "bzip2", "xz", "lz4"]
Container = Literal["tar", "zip"]
"""What holds other files, each of a format of its own."""

_BY_SUFFIX: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",  # published corpora (C4 …) name JSON Lines so; content tells arrays
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".warc": "warc",
    ".wet": "warc",
}
_COMPRESSION_SUFFIXES: Final = frozenset(
    {".gz", ".gzip", ".zst", ".zstd", ".bz2", ".bzip2", ".xz", ".lz4"}
)
_CONTAINER_SUFFIXES: Final = frozenset({".tar", ".tgz", ".tbz2", ".tbz", ".txz", ".tzst", ".zip"})
_MAGIC: Final[tuple[tuple[bytes, Compression], ...]] = (
    (b"\x1f\x8b", "gzip"),  # RFC 1952
    (b"\x28\xb5\x2f\xfd", "zstd"),  # RFC 8878
    (b"\xfd7zXZ\0", "xz"),  # The .xz File Format, 2.1.1.1
    (b"\x04\x22\x4d\x18", "lz4"),  # LZ4 Frame Format, 1.6
)
_BZIP2: Final = re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)")
_ARROW_STREAM: Final = re.compile(rb"\xff\xff\xff\xff[\s\S]{3}\0[\x08-\x40]\0\0\0")
"""A continuation mark, the length of the schema's message (under 16 MiB), the offset of its root."""
_STARTS: Final[tuple[tuple[re.Pattern[bytes], Format], ...]] = (
    (re.compile(rb"PAR1"), "parquet"),
    (re.compile(rb"ARROW1"), "arrow"),
    (_ARROW_STREAM, "arrow"),
    (re.compile(rb"WARC/"), "warc"),
)
_TAR: Final = re.compile(
    rb"[^\0][\s\S]{256}ustar[\0 ]"
)  # POSIX.1-2017, pax, "ustar Interchange Format"
_BEFORE_HTML: Final = re.compile(rb"<!--.*?-->|<\?xml[^>]*>", re.DOTALL)
_HTML_START: Final = re.compile(rb"\s*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)

_TEXT_FORMATS: Final = frozenset({"text", "markdown"})  # read alike
_JSON_FORMATS: Final = frozenset({"json", "jsonl"})  # share a suffix

SNIFFED_BYTES: Final = 4096
"""First bytes of a file, unpacked, that its format is read from."""


def format_by_name(name: str) -> Format | None:
    """Tell the format that a file's name promises, whatever compression suffix follows it."""
    path = PurePosixPath(name.lower())
    if path.suffix in _COMPRESSION_SUFFIXES:
        path = path.with_suffix("")
    return _BY_SUFFIX.get(path.suffix)


def is_container_name(name: str) -> bool:
    """Tell whether a file's name promises an archive of files."""
    path = PurePosixPath(name.lower())
    if path.suffix in _COMPRESSION_SUFFIXES:
        path = path.with_suffix("")
    return path.suffix in _CONTAINER_SUFFIXES


def compression_of(head: bytes) -> Compression:
    """Tell the compression from a file's first bytes; names are not asked."""
    for magic, compression in _MAGIC:
        if head.startswith(magic):
            return compression
    # A zstd file may start with a skippable frame: 0x184D2A50 to 0x184D2A5F, little-endian.
    if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
        return "zstd"
    return "bzip2" if _BZIP2.match(head) else "none"


def container_of(head: bytes) -> Container | None:
    """Tell an archive of files from its first unpacked bytes."""
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):  # APPNOTE.TXT, 4.3
        return "zip"
    return "tar" if _TAR.match(head) else None


def format_by_content(head: bytes) -> Format | None:
    """Tell the format from a file's first unpacked bytes, where they leave no doubt.

    Args:
        head: Up to `SNIFFED_BYTES`.
    """
    for start_of, kind in _STARTS:
        if start_of.match(head):
            return kind
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"[":
        return "json" if start[1:].lstrip()[:1] in (b"{", b"]", b"[") else None
    if start[:1] == b"{" and start[1:].lstrip()[:1] in (b'"', b"}"):
        return "jsonl" if _is_json_line(start) else "json"
    if start[:1] == b"<" and _HTML_START.match(_BEFORE_HTML.sub(b"", start)):
        return "html"
    return None


def _is_json_line(start: bytes) -> bool:
    """Tell an object on one line from one that is spread over several: a value follows the brace."""
    line, newline, _ = start.partition(b"\n")
    return not newline or line.rstrip().endswith(b"}")


def resolve_format(name: str, head: bytes, declared: str) -> Format | None:
    """Decide how to read a file.

    Binary formats are known by content whatever the name says; otherwise the name counts, and
    content where the name says nothing.

    Args:
        name: The file's name or path.
        head: Its first bytes, unpacked (`pipeline.ingest.streams.unpacked_head`).
        declared: `Source.format`; anything but "auto" is taken at its word.

    Returns:
        The format, or None: neither name nor content tells one.
    """
    if declared != "auto":
        return declared  # type: ignore[return-value]
    by_content = format_by_content(head)
    by_name = format_by_name(name)
    if by_content in ("parquet", "arrow", "warc") or (by_content == "json" and by_name == "jsonl"):
        return by_content
    return by_name or by_content


def container_in(name: str, head: bytes) -> Container | None:
    """Tell whether a file is an archive to look into.

    Documents of other programs (.docx, .jar, .epub …) are zip archives, too: a zip archive counts
    only under a name that promises one, or a format that is read, or nothing.

    Args:
        name: The file's name or path.
        head: Its first bytes, unpacked.
    """
    found = container_of(head)
    known = is_container_name(name) or format_by_name(name) or not PurePosixPath(name).suffix
    return found if found == "tar" or known else None


def belongs(name: str, head: bytes | None, declared: str, *, chosen: bool) -> bool:
    """Tell whether a file is one of a source's: what the user chose and declared always is.

    Args:
        name: The file's name or path.
        head: Its first bytes, unpacked; None: they may not be read.
        declared: `Source.format`.
        chosen: Named by the user (a file or a glob), not met in a folder or an archive.
    """
    if not chosen and any(part.startswith((".", "__MACOSX")) for part in name.split("/")):
        return False
    by_name = format_by_name(name)
    if is_container_name(name) or (head is not None and container_in(name, head)):
        return True
    if declared != "auto":
        # In a folder of JSONL, a README.md is not a record that cannot be read.
        alike = {by_name, declared} <= _TEXT_FORMATS or {by_name, declared} <= _JSON_FORMATS
        return chosen or by_name in (None, declared) or alike
    if by_name is not None:
        return True
    return chosen if head is None else resolve_format(name, head, declared) is not None
