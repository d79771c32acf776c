"""Great Expectations, kept at arm's length: frames and suites in, plain findings out.

Great Expectations passes what it cannot judge (an empty table, an empty suite, nulls and NaN) and
reports its own exceptions like bad data. So nothing here decides: `verdict.py` does, from findings
that say what was found, or what went wrong.

The import costs 4 s and 300 MB: it happens on the first call of `run_suite`, never at import.
"""

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Final, NamedTuple

import polars as pl

from data_contracts.contract_rules import CustomCheck, LibraryCheck, Operator, Rule, SqlCheck

UNEXPECTED_LISTED: Final = 5
"""Unexpected values that a finding lists."""
_RULE: Final = "rule"


class Finding(NamedTuple):
    """What Great Expectations says of one rule."""

    rule: str
    """The rule's id."""
    success: bool
    """Whether the expectation was met."""
    observed: str
    """What was found."""
    error: str | None = None
    """What went wrong in finding out."""


class Suite(NamedTuple):
    """What Great Expectations says of one frame."""

    name: str
    """Of the suite."""
    findings: tuple[Finding, ...]
    """One for each expectation that it evaluated, in its order."""
    result: dict[str, Any]
    """Its own result, as JSON: what Data Docs are made of."""


def run_suite(name: str, rules: Sequence[Rule], frame: pl.DataFrame, key: str | None) -> Suite:
    """Judge one frame by the expectations that rules compile into.

    Args:
        name: Of the suite.
        rules: Library and sql rules look at the column of their id, custom ones at their columns.
        frame: Strings, numbers and booleans.
        key: The column that names a row in findings.

    Raises:
        Exception: Whatever Great Expectations raises.
    """
    with warnings.catch_warnings():
        # Its import and its use of pandas warn of what others will drop: nothing to do about it.
        warnings.simplefilter("ignore")
        gx = _great_expectations()
        expectations = [compile_rule(gx, rule) for rule in rules]
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        batch = (
            context.data_sources.add_pandas(name)
            .add_dataframe_asset(name)
            .add_batch_definition_whole_dataframe(name)
        )
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        result = context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": _pandas_frame(frame)},
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": UNEXPECTED_LISTED,
                **({"unexpected_index_column_names": [key]} if key else {}),
            },
        )
        told = result.to_json_dict()
        findings = tuple(_finding(one, key) for one in told["results"])
        return Suite(name, findings, told)


def compile_rule(gx: ModuleType, rule: Rule) -> Any:
    """Build the expectation of a rule.

    Raises:
        Exception: Whatever Great Expectations raises at arguments of a wrong type.
    """
    notes: dict[str, Any] = {"meta": {_RULE: rule.id}, "severity": str(rule.severity)}
    if isinstance(rule.check, CustomCheck):
        kind = "".join(part.title() for part in rule.check.expectation.split("_"))
        return getattr(gx.expectations, kind)(**rule.check.kwargs, **notes)
    return _comparison(gx, rule.id, rule.check, notes)


def _comparison(
    gx: ModuleType, column: str, check: LibraryCheck | SqlCheck, notes: Mapping[str, Any]
) -> Any:
    wanted = check.expected
    between, in_set = gx.expectations.ExpectColumnValuesToBeBetween, "ExpectColumnValuesToBeInSet"
    match check.operator:
        case Operator.EQUAL:
            return getattr(gx.expectations, in_set)(column=column, value_set=[wanted], **notes)
        case Operator.NOT_EQUAL:
            refused = gx.expectations.ExpectColumnValuesToNotBeInSet
            return refused(column=column, value_set=[wanted], **notes)
        case Operator.BETWEEN:
            assert isinstance(wanted, tuple), "the rule's model sees to it"  # noqa: S101
            return between(column=column, min_value=wanted[0], max_value=wanted[1], **notes)
        case Operator.GREATER | Operator.AT_LEAST:
            strict = check.operator is Operator.GREATER
            return between(column=column, min_value=wanted, strict_min=strict, **notes)
        case Operator.LESS | Operator.AT_MOST:
            strict = check.operator is Operator.LESS
            return between(column=column, max_value=wanted, strict_max=strict, **notes)


def _great_expectations() -> ModuleType:
    import great_expectations as gx  # noqa: PLC0415 - 4 s and 300 MB
    import great_expectations.expectations  # noqa: PLC0415

    # The second sets a level of its own, and tells of every temporary folder that it makes.
    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return gx


def _pandas_frame(frame: pl.DataFrame) -> Any:
    """Make a frame of NumPy columns: those of Arrow are five times slower to judge."""
    import pandas as pd  # noqa: PLC0415, TID251 - what Great Expectations reads

    columns = {
        one.name: pd.Series(
            one.to_numpy(), dtype=object if one.dtype == pl.String else one.to_numpy().dtype
        )
        for one in frame.get_columns()
    }
    return pd.DataFrame(columns)


def _finding(result: Mapping[str, Any], key: str | None) -> Finding:
    config, details = result["expectation_config"], result.get("result") or {}
    rule = str(config["meta"].get(_RULE))
    raised = _exception(result.get("exception_info") or {})
    if raised is not None:
        return Finding(rule, success=False, observed="nothing", error=raised)
    observed, error = _observed(details, key)
    success = result["success"]
    if not isinstance(success, bool):
        error = error or f"success is {success!r}"
    return Finding(rule, success=success is True, observed=observed, error=error)


def _exception(info: Mapping[str, Any]) -> str | None:
    """Read an exception, which is noted directly or per metric."""
    noted = [info] if "raised_exception" in info else list(info.values())
    for one in noted:
        if isinstance(one, Mapping) and one.get("raised_exception"):
            return str(one.get("exception_message") or "an exception")
    return None


def _observed(details: Mapping[str, Any], key: str | None) -> tuple[str, str | None]:
    """Say what was found; an observed value that is no number, or no value at all, is an error."""
    if "observed_value" in details:
        value = details["observed_value"]
        problem = None if _is_value(value) else f"{value!r} was observed: that is no value"
        return _written(value), problem
    if "unexpected_count" not in details:
        return "nothing", "nothing was observed"
    if not details.get("element_count"):
        return "nothing", "there are no rows"
    if details.get("missing_count") == details["element_count"]:
        return f"only nulls in {details['element_count']:,} rows", None
    if not details["unexpected_count"]:
        return f"all of {details['element_count']:,} rows", None
    places = details.get("partial_unexpected_index_list") or []
    listed = [_written(one) for one in details.get("partial_unexpected_list") or []]
    if key and places:
        listed = [
            ": ".join([str(one[key]), *(_written(one[name]) for name in one if name != key)])
            for one in places[:UNEXPECTED_LISTED]
        ]
    left = details["unexpected_count"] - len(listed)
    return ", ".join(listed) + (f" and {left:,} more" if left > 0 else ""), None


def _is_value(value: Any) -> bool:
    """Tell whether there is something, and no null or NaN in it."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return bool(value) and all(_is_value(one) for one in value)
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
