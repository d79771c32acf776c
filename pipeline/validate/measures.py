"""The figures that library and sql rules compare: exact, over all rows, by Polars.

Great Expectations then judges a one-row table of figures. It never sees the rows, so that a table
of any length, and text, can be judged in bounded memory.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import polars as pl
from polars.exceptions import PolarsError

from data_contracts.contract_rules import LibraryCheck, Metric, Rule, SqlCheck
from data_contracts.contracts import Contracts
from pipeline.validate.copies import Copies, hashes
from pipeline.validate.rows import Rows, StreamedRows

_LISTED = 5
_WITHOUT: Final = re.compile(
    r"\^\[\^(?:\\x\{(?P<code>(?!D[89A-F])[0-9A-F]{1,4})\}|(?P<letter>\w))\]\*\$"
)
"""The pattern of a string in which one character is nowhere, such as `^[^\\x{FFFD}]*$`."""


class Figure(NamedTuple):
    """What was measured for one rule."""

    value: float | str | None
    """The figure; None: it could not be measured."""
    note: str = ""
    """Where it comes from, in a few words."""
    unit: str = ""
    """What the figure is in, when it is not rows."""
    error: str | None = None
    """Why it could not be measured."""


Tables = Mapping[str, pl.LazyFrame]
ALL_STREAMED: Final[Mapping[str, Rows]] = {}


def measure(
    rules: Sequence[Rule],
    tables: Tables,
    contracts: Contracts,
    rows: Mapping[str, Rows] = ALL_STREAMED,
) -> dict[str, Figure]:
    """Measure every library and sql rule; custom rules are left to Great Expectations.

    Nothing is raised for a rule that cannot be measured: its figure says why.

    Args:
        rules: The rules; those of other kinds are passed over.
        tables: By name.
        contracts: Give the promised columns.
        rows: Of tables whose rows are counted in a way of their own; others are streamed.

    Returns:
        Figures by rule id.
    """
    figures: dict[str, Figure] = {}
    for name in dict.fromkeys(rule.table for rule in rules):
        library = [
            rule for rule in rules if rule.table == name and isinstance(rule.check, LibraryCheck)
        ]
        if library:
            figures |= _measure_table(library, tables[name], rows_of(name, tables, rows), contracts)
    for rule in rules:
        if isinstance(rule.check, SqlCheck):
            figures[rule.id] = _query(rule.check, tables)
    return figures


def rows_of(name: str, tables: Tables, rows: Mapping[str, Rows]) -> Rows:
    """Give the rows of a table."""
    return rows.get(name) or StreamedRows(tables[name])


def _measure_table(
    rules: Sequence[Rule], table: pl.LazyFrame, rows: Rows, contracts: Contracts
) -> dict[str, Figure]:
    schema = table.collect_schema()
    figures, counted = {}, []
    for rule in rules:
        missing = [name for name in rule.columns if name not in schema]
        if rule.check.kind == "library" and rule.check.metric is Metric.WRONG_COLUMNS:
            figures[rule.id] = _wrong_columns(rule, schema, contracts)
        elif missing:
            figures[rule.id] = Figure(None, error=f"there is no column {', '.join(missing)}")
        elif rule.check.kind == "library" and rule.check.metric is Metric.DUPLICATE_VALUES:
            figures[rule.id] = _duplicates(rule, table, schema)
        else:
            counted.append(rule)
    try:
        return figures | _counts(counted, rows, schema)
    except PolarsError:
        if len(counted) <= 1:
            raise
    # One of them cannot be evaluated: find out which.
    for rule in counted:
        try:
            figures |= _counts([rule], rows, schema)
        except PolarsError as error:
            figures[rule.id] = Figure(None, error=str(error))
    return figures


def _counts(rules: Sequence[Rule], rows: Rows, schema: pl.Schema) -> dict[str, Figure]:
    """Count in one pass over the table."""
    if not rules:
        return {}
    parts_of = [_broken(rule, schema) for rule in rules]
    broken = {
        f"{number} {part}": expression
        for number, parts in enumerate(parts_of)
        for part, expression in parts.items()
    }
    asked = [_asked(rule, schema) for rule in rules]
    height, counts = rows.height(), rows.count(broken, asked) if broken else {}
    return {
        rule.id: _figure(
            rule, {part: counts[f"{number} {part}"] for part in parts_of[number]}, height
        )
        for number, rule in enumerate(rules)
    }


def _asked(rule: Rule, schema: pl.Schema) -> list[object]:
    """Give what `_broken` goes by."""
    assert isinstance(rule.check, LibraryCheck), "only library rules are counted"  # noqa: S101
    columns = [[name, str(schema[name])] for name in rule.columns]
    return [rule.check.metric, rule.check.arguments, columns]


def _figure(rule: Rule, parts: Mapping[str, int], rows: int) -> Figure:
    assert isinstance(rule.check, LibraryCheck), "only library rules are counted"  # noqa: S101
    if rule.check.metric is Metric.ROW_COUNT:
        return Figure(rows, "rows")
    total = sum(parts.values())
    broken = [f"{name}: {count:,}" for name, count in parts.items() if count]
    listed = f" ({', '.join(broken[:_LISTED])})" if len(parts) > 1 and broken else ""
    note = f"{total:,} of {rows:,} rows{listed}"
    if rule.check.unit == "percent":
        return Figure(100 * total / rows if rows else None, note, "%")
    return Figure(total, note)


def _broken(rule: Rule, schema: pl.Schema) -> dict[str, pl.Expr]:
    """Say which rows to count, by column: the figure is the sum."""
    assert isinstance(rule.check, LibraryCheck), "only library rules are counted"  # noqa: S101
    match rule.check.metric:
        case Metric.ROW_COUNT:
            return {}
        case Metric.NULL_VALUES:
            return {name: _is_null(name, schema) for name in rule.columns}
        case Metric.MISSING_VALUES:
            nothing = rule.check.arguments.missingValues
            return {
                name: _is_null(name, schema) | _is_one_of(name, nothing) for name in rule.columns
            }
        case _:
            return {name: _is_invalid(name, rule.check, schema) for name in rule.columns}


def _duplicates(rule: Rule, table: pl.LazyFrame, schema: pl.Schema) -> Figure:
    """Count the rows that repeat another one: in memory that does not grow with the table."""
    values = pl.struct(rule.columns) if len(rule.columns) > 1 else pl.col(rule.columns[0])
    there = pl.all_horizontal(~_is_null(name, schema) for name in rule.columns)
    rows = 0
    try:
        with Copies() as copies:
            for some in table.select(there=there, **hashes(values)).collect_batches(
                engine="streaming", maintain_order=False
            ):
                rows += some.height
                known = some.filter("there")
                copies.add(known["head"].to_numpy(), known["tail"].to_numpy())
            return _figure(rule, {", ".join(rule.columns): copies.repeated()}, rows)
    except PolarsError as error:
        return Figure(None, error=str(error))


def _is_null(name: str, schema: pl.Schema) -> pl.Expr:
    null = pl.col(name).is_null()
    return null | pl.col(name).is_nan().fill_null(value=False) if schema[name].is_float() else null


def _is_one_of(name: str, values: Sequence[str | float | None]) -> pl.Expr:
    return pl.col(name).is_in([value for value in values if value is not None])


def _is_invalid(name: str, check: LibraryCheck, schema: pl.Schema) -> pl.Expr:
    """Say which rows break an argument. A null is not invalid; NaN is, whatever the argument."""
    value, given = pl.col(name), check.arguments
    invalid = [value.is_nan()] if schema[name].is_float() else []
    if given.validValues is not None:
        invalid.append(~value.is_in(list(given.validValues)))
    if given.pattern is not None:
        invalid.append(_breaks(value, given.pattern))
    if given.minLength is not None:
        invalid.append(value.str.len_chars() < given.minLength)
    if given.maxLength is not None:
        invalid.append(value.str.len_chars() > given.maxLength)
    if given.minimum is not None:
        invalid.append(value < given.minimum)
    if given.maximum is not None:
        invalid.append(value > given.maximum)
    if given.exclusiveMinimum is not None:
        invalid.append(value <= given.exclusiveMinimum)
    if given.exclusiveMaximum is not None:
        invalid.append(value >= given.exclusiveMaximum)
    return pl.any_horizontal(invalid)


def _breaks(value: pl.Expr, pattern: str) -> pl.Expr:
    """Say which strings hold no match; one character that may not be there is looked for as such."""
    refused = _WITHOUT.fullmatch(pattern)
    if refused is None:
        return ~value.str.contains(pattern)
    character = chr(int(refused["code"], 16)) if refused["code"] else refused["letter"]
    return value.str.contains(character, literal=True)  # three times as fast as the expression


def _wrong_columns(rule: Rule, schema: pl.Schema, contracts: Contracts) -> Figure:
    """Count promised columns that are missing or of another type."""
    promised = pl.DataFrame(contracts.promised(rule).empty_table()).schema
    wrong = [
        f"{name} is missing" if name not in schema else f"{name} is {schema[name]}, not {kind}"
        for name, kind in promised.items()
        if schema.get(name) != kind
    ]
    listed = ", ".join(wrong[:_LISTED])
    return Figure(len(wrong), listed or f"{len(promised)} columns as promised")


def _query(check: SqlCheck, tables: Tables) -> Figure:
    """Ask a query that must give one row of one column."""
    try:
        answer = pl.SQLContext(frames=dict(tables)).execute(check.query).collect(engine="streaming")
    except (PolarsError, ValueError) as error:
        return Figure(None, error=f"the query failed: {error}")
    if answer.shape != (1, 1):
        rows, columns = answer.shape
        return Figure(None, error=f"the query gave {rows} rows of {columns} columns, not one value")
    value = answer.item()
    if value is not None and not isinstance(value, str | int | float):
        return Figure(None, error=f"the query gave {value!r}, not a number or a string")
    return Figure(value)
