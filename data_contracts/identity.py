"""Who a record is: ids that never depend on a position, an order or a path of the machine.

All ids are 128-bit xxh3 hashes written as 32 lower-case hex digits.
"""

import xxhash

HALF = 16
"""Hex digits of half an id."""

_SEPARATOR = b"\x1f"  # cannot occur in a source name (`Source.name` has a pattern)


def content_id(text: bytes | memoryview) -> str:
    """Identify a record's raw text (UTF-8 bytes): a changed record gets another id."""
    return xxhash.xxh3_128_hexdigest(text)


def shortened_id(content: str, text: bytes | memoryview) -> str:
    """Identify what is left of a record's text when lines went because of other records.

    Args:
        content: The record's content_id.
        text: What is left.

    Returns:
        An id of its own, whose second half is the record's: by that (`half`) results on either are
        forgotten.
    """
    return xxhash.xxh3_64_hexdigest(content.encode() + _SEPARATOR + text) + half(content)


def half(content: str) -> str:
    """Give the half of a content_id that all texts made of the record have in common."""
    return content[HALF:]


def record_id(source: str, key: str) -> str:
    """Identify a record by its source's name and its key."""
    return xxhash.xxh3_128_hexdigest(source.encode() + _SEPARATOR + key.encode())
