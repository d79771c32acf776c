"""Which expectations of Great Expectations a contract may name, with which arguments.

The list is closed. Great Expectations counts some statements about nothing as success (a range
without ends, an empty set), so each entry says what it cannot do without, and the expectations on
distinct values are left out: they say of nulls alone that all is well. A misspelt argument is found
when the contract is read, not after the run.
"""

from collections.abc import Mapping
from typing import Any, Final

_COLUMN = frozenset({"column"})
_RANGE = frozenset({"min_value", "max_value"})
_STRICT = frozenset({"strict_min", "strict_max"})
_MOSTLY = frozenset({"mostly"})
_SET = frozenset({"value_set"})

EXPECTATIONS: Final[dict[str, frozenset[str]]] = {
    "expect_table_row_count_to_be_between": _RANGE,
    "expect_column_values_to_not_be_null": _COLUMN | _MOSTLY,
    "expect_column_values_to_be_unique": _COLUMN | _MOSTLY,
    "expect_column_values_to_be_in_set": _COLUMN | _SET | _MOSTLY,
    "expect_column_values_to_not_be_in_set": _COLUMN | _SET | _MOSTLY,
    "expect_column_values_to_be_between": _COLUMN | _RANGE | _STRICT | _MOSTLY,
    "expect_column_value_lengths_to_be_between": _COLUMN | _RANGE | _STRICT | _MOSTLY,
    "expect_column_values_to_match_regex": _COLUMN | _MOSTLY | {"regex"},
    "expect_column_values_to_not_match_regex": _COLUMN | _MOSTLY | {"regex"},
    "expect_column_min_to_be_between": _COLUMN | _RANGE | _STRICT,
    "expect_column_max_to_be_between": _COLUMN | _RANGE | _STRICT,
    "expect_column_mean_to_be_between": _COLUMN | _RANGE | _STRICT,
    "expect_column_median_to_be_between": _COLUMN | _RANGE | _STRICT,
    "expect_column_stdev_to_be_between": _COLUMN | _RANGE | _STRICT,
    "expect_column_sum_to_be_between": _COLUMN | _RANGE | _STRICT,
    "expect_column_unique_value_count_to_be_between": _COLUMN | _RANGE | _STRICT,
    "expect_column_proportion_of_unique_values_to_be_between": _COLUMN | _RANGE | _STRICT,
    "expect_column_quantile_values_to_be_between": _COLUMN | {"quantile_ranges"},
    "expect_column_pair_values_a_to_be_greater_than_b": (
        _MOSTLY | {"column_A", "column_B", "or_equal"}
    ),
    "expect_column_pair_values_to_be_equal": _MOSTLY | {"column_A", "column_B"},
    "expect_compound_columns_to_be_unique": _MOSTLY | {"column_list"},
}
"""Arguments that each expectation takes."""

_NEEDED: Final = frozenset(
    {"column", "column_A", "column_B", "column_list", "regex", "value_set", "quantile_ranges"}
)


def expectation_problem(expectation: str, kwargs: Mapping[str, Any]) -> str | None:
    """Say why an expectation cannot be checked, or would hold of anything; None: it is fine."""
    takes = EXPECTATIONS.get(expectation)
    if takes is None:
        return f"`{expectation}` is none of {', '.join(EXPECTATIONS)}"
    unknown = sorted(set(kwargs) - takes)
    if unknown:
        return f"`{expectation}` takes no {', '.join(unknown)}, only {', '.join(sorted(takes))}"
    missing = [name for name in sorted(takes & _NEEDED) if not kwargs.get(name)]
    if missing:
        return f"`{expectation}` needs {', '.join(missing)}"
    if takes >= _RANGE and all(kwargs.get(end) is None for end in _RANGE):
        return f"`{expectation}` without min_value and max_value holds of anything"
    mostly = kwargs.get("mostly", 1)
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 < mostly <= 1:
        return f"mostly is {mostly!r}, not a share over 0 and at most 1"
    return None


def expectation_columns(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """List the columns that an expectation's arguments name."""
    named = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    return tuple(str(name) for name in [*named, *(kwargs.get("column_list") or [])])
