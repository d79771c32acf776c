"""The rules of a contract: what is promised of a table, and how bad it is when it does not hold.

Three forms of ODCS quality rules can be checked, and none other is accepted:

- *library*: a metric of ODCS (`rowCount`, `nullValues`, ...) compared with a number;
- *sql*: one number or string that a query gives, compared likewise;
- *custom* with `engine: greatExpectations`: one expectation of a closed list.

A promise of the schema (`required`, `unique`, `pattern`, ...) becomes a critical library rule.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from data_contracts.frozen import Frozen


class Severity(StrEnum):
    """What a broken rule means."""

    CRITICAL = "critical"
    """The data must not reach training."""
    WARNING = "warning"
    """The run is marked."""
    INFO = "info"
    """It is shown."""


SEVERITIES: Final[dict[str | None, Severity]] = {
    None: Severity.CRITICAL,  # an author who does not say is taken seriously
    "critical": Severity.CRITICAL,
    "error": Severity.CRITICAL,
    "warning": Severity.WARNING,
    "info": Severity.INFO,
}
"""Severity by the word in the contract."""


class Metric(StrEnum):
    """What a library rule counts."""

    ROW_COUNT = "rowCount"
    """Rows of the table."""
    NULL_VALUES = "nullValues"
    """Rows where a column is null (or NaN)."""
    MISSING_VALUES = "missingValues"
    """Rows where a column is null or one of the values that stand for "nothing"."""
    INVALID_VALUES = "invalidValues"
    """Rows where a column is not null and breaks one of the arguments."""
    DUPLICATE_VALUES = "duplicateValues"
    """Rows that repeat the value of an earlier one."""
    WRONG_COLUMNS = "wrongColumns"
    """Promised columns that are missing or of another type (from the schema, never written)."""


class Operator(StrEnum):
    """How a figure is compared with what the contract expects."""

    EQUAL = "mustBe"
    NOT_EQUAL = "mustNotBe"
    GREATER = "mustBeGreaterThan"
    AT_LEAST = "mustBeGreaterOrEqualTo"
    LESS = "mustBeLessThan"
    AT_MOST = "mustBeLessOrEqualTo"
    BETWEEN = "mustBeBetween"


class Arguments(Frozen):
    """Arguments of a library metric, named as in ODCS. Strict: YAML's `no` is not Norwegian."""

    model_config = ConfigDict(strict=True)

    properties: tuple[str, ...] = ()
    """`duplicateValues` of a table: the columns that must not repeat together."""
    missingValues: tuple[str | int | float | None, ...] = ()  # noqa: N815 - ODCS's name
    """`missingValues`: what stands for "nothing"."""
    validValues: tuple[str | int | float, ...] | None = None  # noqa: N815
    """`invalidValues`: the accepted values."""
    pattern: str | None = None
    """`invalidValues`: a regular expression that a valid string holds a match of."""
    minimum: float | None = None
    """`invalidValues`: the least valid number."""
    maximum: float | None = None
    """`invalidValues`: the greatest valid number."""
    exclusiveMinimum: float | None = None  # noqa: N815
    """`invalidValues`: what a valid number is greater than."""
    exclusiveMaximum: float | None = None  # noqa: N815
    """`invalidValues`: what a valid number is less than."""
    minLength: int | None = Field(default=None, ge=0)  # noqa: N815
    """`invalidValues`: fewest characters of a valid string."""
    maxLength: int | None = Field(default=None, ge=0)  # noqa: N815
    """`invalidValues`: most characters of a valid string."""

    def given(self) -> dict[str, object]:
        """List the arguments that were set."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


ARGUMENTS: Final[dict[Metric, frozenset[str]]] = {
    Metric.ROW_COUNT: frozenset(),
    Metric.NULL_VALUES: frozenset(),
    Metric.MISSING_VALUES: frozenset({"missingValues"}),
    Metric.INVALID_VALUES: frozenset(
        set(Arguments.model_fields) - {"properties", "missingValues"},
    ),
    Metric.DUPLICATE_VALUES: frozenset({"properties"}),
}
"""Which arguments a metric takes."""


def _listed(arguments: Mapping[str, object]) -> str:
    shown = {
        name: f"{len(value)} values"
        if isinstance(value, list | tuple) and len(value) > 5
        else value
        for name, value in arguments.items()
    }
    return ", ".join(f"{name}={value}" for name, value in shown.items())


class _Compared(Frozen):
    operator: Operator
    """How the figure is compared."""
    expected: float | str | tuple[float, float]
    """With what: a pair for `mustBeBetween`."""

    @property
    def comparison(self) -> str:
        """The comparison in a few signs."""
        if isinstance(self.expected, tuple):
            return f"between {self.expected[0]:g} and {self.expected[1]:g}"
        wanted = self.expected if isinstance(self.expected, str) else f"{self.expected:g}"
        signs = {
            Operator.EQUAL: "=",
            Operator.NOT_EQUAL: "≠",
            Operator.GREATER: ">",
            Operator.AT_LEAST: "≥",
            Operator.LESS: "<",
            Operator.AT_MOST: "≤",
        }
        return f"{signs[self.operator]} {wanted}"

    @model_validator(mode="after")
    def _compares_like_with_like(self) -> "_Compared":
        if isinstance(self.expected, tuple) != (self.operator is Operator.BETWEEN):
            msg = f"{self.operator} cannot be compared with {self.expected!r}"
            raise ValueError(msg)
        ordered = self.operator not in {Operator.EQUAL, Operator.NOT_EQUAL}
        if ordered and isinstance(self.expected, str):
            msg = f"{self.operator} needs a number, not {self.expected!r}"
            raise ValueError(msg)
        return self


class LibraryCheck(_Compared):
    """A metric of ODCS, counted exactly over all rows."""

    kind: Literal["library"] = "library"
    """Which form of rule this is."""
    metric: Metric
    """What is counted."""
    arguments: Arguments = Arguments()
    """The metric's arguments."""
    unit: Literal["rows", "percent"] = "rows"
    """The count itself, or 100 times its share of the rows."""

    @model_validator(mode="after")
    def _has_the_arguments_it_needs(self) -> "LibraryCheck":
        allowed = ARGUMENTS.get(self.metric, frozenset())
        unknown = self.arguments.model_fields_set - allowed
        if unknown:
            msg = f"{self.metric} takes no argument {sorted(unknown)}"
            raise ValueError(msg)
        if self.metric is Metric.INVALID_VALUES and not self.arguments.model_fields_set:
            msg = f"{self.metric} needs an argument: one of {sorted(allowed)}"
            raise ValueError(msg)
        return self

    @property
    def formula(self) -> str:
        """The rule in one line."""
        given = _listed(self.arguments.given())
        unit = " %" if self.unit == "percent" else ""
        return f"{self.metric}{f'({given})' if given else ''} {self.comparison}{unit}"


class SqlCheck(_Compared):
    """A query over the contract's tables whose result is one number or string."""

    kind: Literal["sql"] = "sql"
    """Which form of rule this is."""
    query: str
    """The query, placeholders filled in."""

    @property
    def formula(self) -> str:
        """The rule in one line."""
        return f"{' '.join(self.query.split())} {self.comparison}"


class CustomCheck(Frozen):
    """An expectation of Great Expectations."""

    kind: Literal["custom"] = "custom"
    """Which form of rule this is."""
    expectation: str
    """Its type, as in `expect_column_values_to_be_between`."""
    kwargs: dict[str, object]
    """Its arguments, columns included."""

    @property
    def formula(self) -> str:
        """The rule in one line."""
        given = _listed(self.kwargs)
        return f"{self.expectation}({given})"


Check = Annotated[LibraryCheck | SqlCheck | CustomCheck, Field(discriminator="kind")]


class Rule(Frozen):
    """One rule of a contract."""

    id: str
    """Stable: `table.column.rule`, or `table.rule` for a rule on a whole table; of a contract that is
    not the mill's, with that contract's id and a slash before it."""
    contract: str = ""
    """Id of the contract that it stands in; empty: it is the recipe's."""
    table: str
    """The table that it speaks of."""
    columns: tuple[str, ...]
    """The columns that it looks at; none for `rowCount` and for queries."""
    severity: Severity
    """What it means when it is broken."""
    dimension: str | None = None
    """Dimension of quality in ODCS's words."""
    description: str
    """What is expected, in words."""
    check: Check
    """How it is checked."""
