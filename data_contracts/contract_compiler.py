"""From the words of an ODCS file to rules, or to an error that names the place."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from open_data_contract_standard.model import DataQuality, SchemaObject, SchemaProperty
from pydantic import ValidationError

from data_contracts.contract_expectations import expectation_columns, expectation_problem
from data_contracts.contract_rules import (
    SEVERITIES,
    Arguments,
    Check,
    CustomCheck,
    LibraryCheck,
    Metric,
    Operator,
    Rule,
    Severity,
    SqlCheck,
)
from data_contracts.errors import ContractInvalid

Built = TypeVar("Built")

_ENGINES: Final = frozenset({"greatExpectations", "great-expectations", "great_expectations"})


def rules_of(path: Path, tables: Sequence[SchemaObject]) -> Iterator[Rule]:
    """Compile every promise of a contract, table by table.

    Raises:
        ContractInvalid: A promise cannot be checked, or two rules have the same id.
    """
    seen: Counter[str] = Counter()
    for table in tables:
        for place, rule in _table_rules(path, table):
            seen[rule.id] += 1
            if seen[rule.id] > 1:
                raise ContractInvalid(path, place, f"two rules are `{rule.id}`: give each an `id`")
            yield rule


def _table_rules(path: Path, table: SchemaObject) -> Iterator[tuple[str, Rule]]:
    name, place = str(table.name), f"schema[{table.name}]"
    columns = table.properties or []
    _refuse(path, place, table, "relationships")
    if columns:
        yield place, _columns_rule(name, columns)
    required = [str(one.name) for one in columns if one.required or one.primaryKey]
    if required:
        yield place, _required_rule(name, required)
    for column in columns:
        here = f"{place}.properties[{column.name}]"
        _refuse(path, here, column, "relationships")
        for nested in [*(column.properties or []), *([column.items] if column.items else [])]:
            _refuse_promises(path, here, nested)
        yield from ((here, rule) for rule in _promises(path, here, name, column))
        for number, quality in enumerate(column.quality or []):
            where = f"{here}.quality[{quality.id or number}]"
            yield where, _written_rule(path, where, name, str(column.name), quality)
    for number, quality in enumerate(table.quality or []):
        where = f"{place}.quality[{quality.id or number}]"
        yield where, _written_rule(path, where, name, None, quality)


def _columns_rule(table: str, columns: Sequence[SchemaProperty]) -> Rule:
    return Rule(
        id=f"{table}.columns",
        table=table,
        columns=tuple(str(one.name) for one in columns),
        severity=Severity.CRITICAL,
        dimension="conformity",
        description="The promised columns are there and of the promised types",
        check=LibraryCheck(metric=Metric.WRONG_COLUMNS, operator=Operator.EQUAL, expected=0),
    )


def _required_rule(table: str, columns: Sequence[str]) -> Rule:
    return Rule(
        id=f"{table}.required",
        table=table,
        columns=tuple(columns),
        severity=Severity.CRITICAL,
        dimension="completeness",
        description=f"Never null: {', '.join(columns)}",
        check=LibraryCheck(metric=Metric.NULL_VALUES, operator=Operator.EQUAL, expected=0),
    )


def _promises(path: Path, place: str, table: str, column: SchemaProperty) -> Iterator[Rule]:
    """Compile what the schema says of a column besides its type and `required`."""
    name = str(column.name)
    if column.unique or column.primaryKey:
        yield Rule(
            id=f"{table}.{name}.unique",
            table=table,
            columns=(name,),
            severity=Severity.CRITICAL,
            dimension="uniqueness",
            description=f"No two rows have the same `{name}`",
            check=LibraryCheck(metric=Metric.DUPLICATE_VALUES, operator=Operator.EQUAL, expected=0),
        )
    options = dict(column.logicalTypeOptions or {})
    if column.logicalType in {"integer", "number"}:
        options.pop("format", None)  # says what the physical type says
    if column.enum is not None:
        options["validValues"] = [one.value for one in column.enum]
    if options:
        check = _library(path, f"{place}.logicalTypeOptions", Metric.INVALID_VALUES, options)
        given = ", ".join(f"{option} {value}" for option, value in check.arguments.given().items())
        yield Rule(
            id=f"{table}.{name}.valid",
            table=table,
            columns=(name,),
            severity=Severity.CRITICAL,
            dimension="conformity",
            description=f"Every `{name}` is valid: {given}",
            check=check,
        )


def _library(path: Path, place: str, metric: Metric, arguments: dict[str, Any]) -> LibraryCheck:
    """Build the check that nothing breaks the arguments."""
    return _built(
        path,
        place,
        lambda: LibraryCheck(
            metric=metric,
            arguments=_arguments(arguments),
            operator=Operator.EQUAL,
            expected=0,
        ),
    )


def _arguments(given: dict[str, Any]) -> Arguments:
    plain = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return Arguments.model_validate(plain)


def _built(path: Path, place: str, build: Callable[[], Built]) -> Built:
    try:
        return build()
    except ValidationError as error:
        first = error.errors()[0]
        inner = ".".join(str(step) for step in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise ContractInvalid(path, f"{place}.{inner}" if inner else place, problem) from error


def _refuse(path: Path, place: str, where: Any, *names: str) -> None:
    for name in names:
        if getattr(where, name, None):
            problem = f"`{name}` is a promise that is not checked here: write a sql rule"
            raise ContractInvalid(path, f"{place}.{name}", problem)


def _refuse_promises(path: Path, place: str, nested: SchemaProperty) -> None:
    """Nothing inside a list or a struct is checked but its type."""
    _refuse(path, place, nested, "relationships", "quality", "logicalTypeOptions", "unique", "enum")
    for one in [*(nested.properties or []), *([nested.items] if nested.items else [])]:
        _refuse_promises(path, place, one)


def _written_rule(
    path: Path, place: str, table: str, column: str | None, quality: DataQuality
) -> Rule:
    """Compile one item of a `quality` list."""
    if quality.severity not in SEVERITIES:
        known = ", ".join(str(word) for word in SEVERITIES if word)
        problem = f"the severity `{quality.severity}` is none of {known}"
        raise ContractInvalid(path, place, problem)
    check, columns = _check(path, place, table, column, quality)
    name = quality.id or quality.metric or quality.type or "library"
    if isinstance(check, CustomCheck) and not quality.id:
        name = check.expectation
    return Rule(
        id=".".join(part for part in (table, column, name) if part),
        table=table,
        columns=columns,
        severity=SEVERITIES[quality.severity],
        dimension=quality.dimension,
        description=_one_line(quality.description or quality.name or check.formula),
        check=check,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split()).removesuffix(".")


def _check(
    path: Path, place: str, table: str, column: str | None, quality: DataQuality
) -> tuple[Check, tuple[str, ...]]:
    kind = quality.type or "library"
    if kind == "custom":
        return _custom(path, place, table, column, quality)
    if kind == "sql":
        operator, expected = _operator(path, place, quality)
        query = _filled_in(str(quality.query), table, column)
        return (
            _built(
                path,
                place,
                lambda: SqlCheck(query=query, operator=operator, expected=expected),
            ),
            (),
        )
    if kind != "library" or quality.metric is None:
        problem = f"a rule of type `{kind}` cannot be checked: write library, sql or custom"
        raise ContractInvalid(path, place, problem)
    return _written_library(path, place, column, quality)


def _written_library(
    path: Path, place: str, column: str | None, quality: DataQuality
) -> tuple[LibraryCheck, tuple[str, ...]]:
    operator, expected = _operator(path, place, quality)
    metric = Metric(str(quality.metric))
    check: LibraryCheck = _built(
        path,
        place,
        lambda: LibraryCheck(
            metric=metric,
            arguments=_arguments(quality.arguments or {}),
            unit=quality.unit or "rows",  # Pydantic refuses other words
            operator=operator,
            expected=expected,
        ),
    )
    named = (column,) if column else check.arguments.properties
    if metric is Metric.ROW_COUNT:
        if column or check.unit != "rows":
            raise ContractInvalid(path, place, "`rowCount` counts rows of a table: move it there")
        return check, ()
    if not named:
        raise ContractInvalid(path, place, f"`{metric}` needs a column: move it to a property")
    if column and check.arguments.properties:
        raise ContractInvalid(path, place, "`properties` is for rules of the table, not a column")
    return check, named


def _operator(path: Path, place: str, quality: DataQuality) -> tuple[Operator, Any]:
    if quality.mustNotBeBetween is not None:
        problem = "`mustNotBeBetween` cannot be checked: write two rules"
        raise ContractInvalid(path, place, problem)
    for operator in Operator:
        expected = getattr(quality, operator.value)
        if isinstance(expected, bool):
            raise ContractInvalid(path, place, f"`{operator}` needs a number or a string")
        if expected is not None:
            return operator, tuple(expected) if isinstance(expected, list) else expected
    raise ContractInvalid(path, place, f"one of {', '.join(Operator)} is missing")


def _filled_in(query: str, table: str, column: str | None) -> str:
    for placeholder in ("${table}", "${object}"):
        query = query.replace(placeholder, table)
    for placeholder in ("${column}", "${property}"):
        query = query.replace(placeholder, column or placeholder)
    return query


def _custom(
    path: Path, place: str, table: str, column: str | None, quality: DataQuality
) -> tuple[CustomCheck, tuple[str, ...]]:
    if quality.engine not in _ENGINES:
        found = f"the engine `{quality.engine}` is not greatExpectations"
        raise ContractInvalid(path, f"{place}.engine", found)
    place = f"{place}.implementation"
    written: Any = quality.implementation
    try:
        written = yaml.safe_load(written) if isinstance(written, str) else written
    except yaml.YAMLError as error:
        raise ContractInvalid(path, place, f"not YAML: {error}") from error
    if not isinstance(written, dict) or set(written) - {"type", "kwargs"}:
        raise ContractInvalid(path, place, "not a mapping of `type` and `kwargs`")
    kwargs = dict(written.get("kwargs") or {})
    if column is not None:
        kwargs.setdefault("column", column)
    check = CustomCheck(expectation=str(written.get("type")), kwargs=kwargs)
    columns = expectation_columns(kwargs)
    problem = expectation_problem(check.expectation, kwargs)
    if not problem and column is not None and column not in columns:
        problem = f"it stands at the column `{column}` and looks at another one"
    if not problem and table == "documents" and "text" in columns:
        problem = "text is never handed to Great Expectations: write a library or sql rule"
    if problem:
        raise ContractInvalid(path, place, problem)
    return check, columns
