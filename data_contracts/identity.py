"""Who a record is: ids that never depend on a position, an order or a path of the machine.

All ids are 128-bit xxh3 hashes written as 32 lower-case hex digits.
"""

import xxhash

_SEPARATOR = b"\x1f"  # cannot occur in a source name (`Source.name` has a pattern)


def content_id(text: bytes | memoryview) -> str:
    """Identify a record's raw text (UTF-8 bytes): a changed record gets another id."""
    return xxhash.xxh3_128_hexdigest(text)


def record_id(source: str, key: str) -> str:
    """Identify a record by its source's name and its key."""
    return xxhash.xxh3_128_hexdigest(source.encode() + _SEPARATOR + key.encode())
