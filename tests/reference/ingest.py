"""Slow, obvious twins of what ingest does fast."""

import json
from collections.abc import Sequence

from data_contracts.identity import content_id

Line = tuple[int, str | None, str | None, str | None]
"""Position, key, text (None: unreadable), reason (None: read)."""


def read_lines(data: bytes, text_field: str, key_field: str | None, max_bytes: int) -> list[Line]:
    """Read JSON Lines with Python's own json, one line at a time."""
    rows: list[Line] = []
    for position, raw in enumerate(data.split(b"\n"), 1):
        if len(raw) > max_bytes:
            rows.append((position, None, None, "too_large"))
            continue
        line = raw.removeprefix(b"\xef\xbb\xbf") if position == 1 else raw
        if line.strip(b" \t\r"):
            try:
                key, text = _read_line(line, text_field, key_field)
            except _UnreadableError as error:
                rows.append((position, None, None, str(error)))
            else:
                rows.append((position, key, text, None))
    return rows


class _UnreadableError(Exception):
    pass


def _read_line(line: bytes, text_field: str, key_field: str | None) -> tuple[str | None, str]:
    try:
        record = json.loads(line.decode())
    except UnicodeDecodeError:
        raise _UnreadableError("bad_encoding") from None
    except (ValueError, RecursionError):
        raise _UnreadableError("bad_json") from None
    if not isinstance(record, dict):
        raise _UnreadableError("bad_json")
    text = record.get(text_field)
    if not isinstance(text, str):
        raise _UnreadableError("no_text_field" if text is None else "text_not_string")
    key = None
    if key_field is not None:
        key = record.get(key_field)
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise _UnreadableError("no_key_field")
        key = str(key)
    try:
        (text + (key or "")).encode()
    except UnicodeEncodeError:
        raise _UnreadableError("bad_encoding") from None
    return key, text


def name_rows(rows: Sequence[tuple[str, int, str | None, str | None]]) -> list[tuple[str, bool]]:
    """Tell each record's key and whether it lost it, by looking at all others.

    Args:
        rows: path, position, key, text (None: unreadable), sorted by path and position.
    """
    claims: list[tuple[str, bool, str]] = []
    for number, (path, position, key, text) in enumerate(rows):
        if text is None:
            claims.append((f"{path}:{position}", True, ""))
        elif key is None:
            content = content_id(text.encode())
            nth = sum(row[2] is None and row[3] == text for row in rows[: number + 1])
            claims.append((f"{content}-{nth}", False, content))
        else:
            claims.append((key, False, content_id(text.encode())))
    named = []
    for number, (key, *_) in enumerate(claims):
        others = [(other[1:], n) for n, other in enumerate(claims) if other[0] == key]
        named.append((key, min(others)[1] != number))
    return named
