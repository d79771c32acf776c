"""Keys and ids of a source's records: decided over the whole set, whatever order it comes in."""

from typing import Final

import polars as pl

from data_contracts.identity import record_id

_AT_ONCE: Final = 65_536
_DERIVED: Final = "\x1e"
"""Marks ids of records that lost their key; it cannot occur in a source's name."""


def name_records(source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Give every input record of a source its key and a unique id.

    A readable record's key is what its file calls it; without that, its content_id and which
    occurrence of that content it is. An unreadable one is known by its place only. Of readable
    records with one key, that with the smallest content_id has it; the others are named by key,
    content and occurrence.

    Args:
        source: The source's name.
        rows: `path` string, `position` int64, `key` string, `content_id` string (null:
            unreadable); one row per input record, sorted by path and position.

    Returns:
        One row per input record, in the same order: `record_id` string, `key` string,
        `lost_key` bool (another record of the source has this key).
    """
    is_readable = pl.col("content_id").is_not_null()
    named = rows.select("content_id", key=pl.when(is_readable).then("key")).with_row_index("row")
    nameless = named["key"].is_null()
    if nameless.any():
        # In one chunk: Polars 2.1 panics at `format` where a filter leaves a chunk without rows.
        keys = _keys(rows.filter(nameless).rechunk())
        keys = named["key"].scatter(nameless.arg_true(), keys)
        named = named.with_columns(key=keys)
    lost = _lost_keys(named)
    derived = [
        record_id(source + _DERIVED, f"{key}\x1f{content or ''}\x1f{nth}")
        for key, content, nth in lost.select("key", "content_id", "nth").iter_rows()
    ]
    ids = _ids(source, named["key"])
    if derived:
        ids = ids.scatter(lost["row"], pl.Series(derived))
    is_lost = named.select(pl.col("row").is_in(lost["row"].implode()))["row"]
    return pl.DataFrame({"record_id": ids, "key": named["key"], "lost_key": is_lost})


def _keys(nameless: pl.DataFrame) -> pl.Series:
    """Name records by their content, or by their place where they could not be read."""
    occurrence = pl.int_range(1, pl.len() + 1).over("content_id")
    by_content = pl.format("{}-{}", "content_id", occurrence)
    place = pl.format("{}:{}", "path", "position")
    is_readable = pl.col("content_id").is_not_null()
    return nameless.select(key=pl.when(is_readable).then(by_content).otherwise(place))["key"]


def _ids(source: str, keys: pl.Series) -> pl.Series:
    """Hash keys, some at a time: as Python objects all of them would take most of a run's memory."""
    parts = (
        pl.Series([record_id(source, key) for key in keys[start : start + _AT_ONCE]])
        for start in range(0, len(keys), _AT_ONCE)
    )
    return pl.concat([pl.Series([], dtype=pl.String), *parts]).rechunk()


def _lost_keys(named: pl.DataFrame) -> pl.DataFrame:
    """Find the rows whose key another has: `row`, `key`, `content_id`, `nth` of that content."""
    return (
        named.lazy()
        .filter(pl.col("key").is_duplicated())
        .sort("key", "content_id", "row", nulls_last=True)
        .with_columns(
            rank=pl.int_range(pl.len()).over("key"),
            nth=pl.int_range(pl.len()).over("key", "content_id"),
        )
        .filter(pl.col("rank") > 0)
        .select("row", "key", "content_id", "nth")
        .collect()
    )
