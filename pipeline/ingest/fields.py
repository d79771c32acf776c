"""Where a record has its text, key and address: fields by name, nested ones, lists of turns."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from data_contracts.reasons import Reason
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.rows import RowCollector

_JSON_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


class FieldMap:
    """Takes rows out of records as a source's fields say."""

    def __init__(self, source: Source, recipe: IngestRecipe) -> None:
        """Prepare for the records of one source."""
        self._max_bytes = recipe.max_record_bytes
        self._text = _finder(source.text_field)
        self._key = _finder(source.key_field) if source.key_field is not None else None
        self._url = _finder(source.url_field) if source.url_field is not None else None
        self._kept = [(name, _finder(name)) for name in source.metadata_fields]
        self._separator = source.turn_separator
        self._template: list[str] | None = None
        if source.turn_template is not None:
            self._template = _BRACES.split(source.turn_template)
            self._places = [_finder(name) for name in self._template[1::2]]

    def add(
        self,
        rows: RowCollector,
        position: int,
        record: Mapping[str, Any],
        line: bytes | None = None,
    ) -> None:
        """Add a record's row: its text, or why there is none.

        Args:
            rows: Gets the row.
            position: 1-based number within the file.
            record: What was parsed.
            line: The JSON that it was parsed from, where it was.
        """
        text = self._text(record)
        if type(text) is list and self._template is not None:
            text = self._joined(text)
        if type(text) is not str:
            rows.fail(position, Reason.NO_TEXT_FIELD if text is None else Reason.TEXT_NOT_STRING)
            return
        key = None
        if self._key is not None:
            key = self._key(record)
            if type(key) is float and line is not None:  # orjson reads integers over 64 bits so
                key = self._key(json.loads(line))
            if type(key) is int:
                key = str(key)
            if type(key) is not str:
                rows.fail(position, Reason.NO_KEY_FIELD)
                return
        url = self._url(record) if self._url is not None else None
        kept = self._metadata_of(record) if self._kept else None
        try:
            key, data = key and key.encode().decode(), text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, written as an escape
            rows.fail(position, Reason.BAD_ENCODING)
            return
        size = max(len(data), len(kept or ""))
        if size > self._max_bytes:
            rows.fail(position, Reason.TOO_LARGE, size, self._max_bytes)
        else:
            rows.add(position, data, key, url if type(url) is str else None, kept)

    def _metadata_of(self, record: Mapping[str, Any]) -> str | None:
        """Write the fields to keep as a JSON object; None where the record has none of them."""
        found = {name: value for name, find in self._kept if (value := find(record)) is not None}
        return as_json(found) if found else None

    def _joined(self, turns: list[Any]) -> Any:
        """Write a list of turns as one text; None where a turn lacks a field, or there is none."""
        assert self._template is not None  # noqa: S101
        written: list[str] = []
        for turn in turns:
            if not isinstance(turn, Mapping):
                return turns
            parts = [find(turn) for find in self._places]
            if any(type(part) is not str for part in parts):
                return None if any(part is None for part in parts) else turns
            fixed = self._template[::2]
            written.append("".join(map("".join, zip(fixed, [*parts, ""], strict=True))))
        return self._separator.join(written) if written else None


def as_json(found: Mapping[str, Any]) -> str:
    """Write an object as JSON: dates as ISO 8601, what JSON has no form for as Python shows it."""
    try:
        return orjson.dumps(found, default=str, option=_JSON_OPTIONS).decode()
    except TypeError:  # integers over 64 bits, halves of surrogate pairs
        return json.dumps(found, default=str, sort_keys=True, separators=(",", ":"))


_Finder = Callable[[Mapping[str, Any]], Any]


def _finder(name: str) -> _Finder:
    """Make what looks a field up by its whole name, or through nested ones; None: not there, or null."""
    if "." not in name:
        return lambda record: record.get(name)
    parts = name.split(".")

    def find(record: Mapping[str, Any]) -> Any:
        if name in record:
            return record[name]
        found: Any = record
        for part in parts:
            if isinstance(found, Mapping):
                found = found.get(part)
            elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            else:
                return None
        return found

    return find


def top_fields(source: Source) -> list[str]:
    """Name the fields that a source looks for, and the outermost of nested ones."""
    names = [source.text_field, source.key_field, source.url_field, *source.metadata_fields]
    both = [(name, name.partition(".")[0]) for name in names if name is not None]
    return list(dict.fromkeys(one for pair in both for one in pair))


def is_plain(source: Source, there: list[str]) -> bool:
    """Tell whether columns can be taken as they are: text and key alone, nothing nested, no turns."""
    wanted = [name for name in (source.text_field, source.key_field) if name is not None]
    nested = any("." in name and name not in there for name in wanted)
    more = source.turn_template is not None or source.url_field is not None
    return not (nested or more or source.metadata_fields)
