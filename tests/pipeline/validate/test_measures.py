"""Measures: the metrics of ODCS, exact over all rows."""

import math
import re

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.arrow_files import write_ipc
from data_contracts.contract_rules import (
    Arguments,
    LibraryCheck,
    Metric,
    Operator,
    Rule,
    Severity,
    SqlCheck,
)
from data_contracts.contracts import Contracts
from pipeline.validate.measures import measure
from pipeline.validate.rows import PartitionedRows

CONTRACTS = Contracts.load()


def rule(metric, *columns, table="documents", unit="rows", **arguments):
    return Rule(
        id=f"{table}.{metric}.{len(arguments)}",
        table=table,
        columns=columns,
        severity=Severity.CRITICAL,
        description="",
        check=LibraryCheck(
            metric=metric,
            arguments=Arguments(**arguments),
            unit=unit,
            operator=Operator.EQUAL,
            expected=0,
        ),
    )


def query(text):
    return Rule(
        id="q",
        table="documents",
        columns=(),
        severity=Severity.CRITICAL,
        description="",
        check=SqlCheck(query=text, operator=Operator.EQUAL, expected=0),
    )


def figure(one, frame, **tables):
    found = measure([one], {one.table: frame.lazy(), **tables}, CONTRACTS)
    assert list(found) == [one.id]
    return found[one.id]


STRINGS = st.lists(st.none() | st.text("abé字", max_size=3), max_size=20)
FLOATS = st.lists(st.none() | st.sampled_from([0.0, 1.0, 2.5, -3.0, math.nan]), max_size=20)


@given(values=STRINGS)
def test_metrics_of_strings_are_what_counting_one_by_one_gives(values):
    frame = pl.DataFrame({"a": values}, schema={"a": pl.String})
    there = [value for value in values if value is not None]
    assert figure(rule(Metric.ROW_COUNT), frame).value == len(values)
    assert figure(rule(Metric.NULL_VALUES, "a"), frame).value == values.count(None)
    missing = rule(Metric.MISSING_VALUES, "a", missingValues=("", "a", None))
    assert figure(missing, frame).value == sum(value in {None, "", "a"} for value in values)
    assert figure(rule(Metric.DUPLICATE_VALUES, "a"), frame).value == len(there) - len(set(there))
    for arguments, valid in (
        ({"validValues": ("a", "字")}, lambda value: value in {"a", "字"}),
        ({"pattern": "^[ab]*$"}, lambda value: re.fullmatch("[ab]*", value)),
        ({"pattern": "^[^字]*$"}, lambda value: "字" not in value),
        ({"pattern": "^[^\\x{E9}]*$"}, lambda value: "é" not in value),
        ({"minLength": 2}, lambda value: len(value) >= 2),
        ({"maxLength": 1}, lambda value: len(value) <= 1),
        ({"minLength": 1, "pattern": "é"}, lambda value: "é" in value),
    ):
        found = figure(rule(Metric.INVALID_VALUES, "a", **arguments), frame)
        assert found.value == sum(not valid(value) for value in there)


@given(values=FLOATS)
def test_metrics_of_numbers_count_nan_as_null_and_as_invalid(values):
    frame = pl.DataFrame({"a": values}, schema={"a": pl.Float64})
    there = [value for value in values if value is not None]
    numbers = [value for value in there if not math.isnan(value)]
    nulls = len(values) - len(numbers)
    assert figure(rule(Metric.NULL_VALUES, "a"), frame).value == nulls
    found = figure(rule(Metric.DUPLICATE_VALUES, "a"), frame)
    assert found.value == len(numbers) - len(set(numbers))
    for arguments, valid in (
        ({"minimum": 0}, lambda value: value >= 0),
        ({"maximum": 1}, lambda value: value <= 1),
        ({"exclusiveMinimum": 0}, lambda value: value > 0),
        ({"exclusiveMaximum": 1}, lambda value: value < 1),
        ({"minimum": 0, "maximum": 1}, lambda value: 0 <= value <= 1),
        ({"validValues": (0.0, 2.5)}, lambda value: value in {0.0, 2.5}),
    ):
        found = figure(rule(Metric.INVALID_VALUES, "a", **arguments), frame)
        assert found.value == sum(math.isnan(value) or not valid(value) for value in there)


def test_columns_may_repeat_one_by_one_but_not_together():
    frame = pl.DataFrame({"a": [1, 1, 2, 2, None, None], "b": ["x", "y", "x", "x", "x", "x"]})
    assert figure(rule(Metric.DUPLICATE_VALUES, "a", "b"), frame).value == 1


def test_a_share_is_in_percent_and_of_nothing_is_no_figure():
    frame = pl.DataFrame({"a": [None, "b", "c", "d"]})
    found = figure(rule(Metric.NULL_VALUES, "a", unit="percent"), frame)
    assert (found.value, found.unit, found.note) == (25.0, "%", "1 of 4 rows")
    assert figure(rule(Metric.NULL_VALUES, "a", unit="percent"), frame.clear()).value is None


def test_a_figure_over_several_columns_says_which():
    frame = pl.DataFrame({"a": [None, "b"], "b": [1, 2]})
    assert figure(rule(Metric.NULL_VALUES, "a", "b"), frame).note == "1 of 2 rows (a: 1)"


def test_columns_are_compared_with_the_promised_types():
    names = ["record_id", "source", "language", "text"]
    one = rule(Metric.WRONG_COLUMNS, *names).model_copy(update={"contract": "corpusmill.documents"})
    good = pl.DataFrame(schema=dict.fromkeys([*names, "more"], pl.String))
    assert figure(one, good).value == 0
    found = figure(one, good.drop("text").cast({"source": pl.Int64}))
    assert found.value == 2
    assert found.note == "source is Int64, not String, text is missing"


def test_a_rule_that_cannot_be_measured_says_so_and_leaves_the_others_alone():
    rules = [
        rule(Metric.ROW_COUNT),
        rule(Metric.NULL_VALUES, "b"),
        rule(Metric.INVALID_VALUES, "a", pattern="(?<=look)behind"),
        rule(Metric.INVALID_VALUES, "n", minLength=1, maxLength=2),
    ]
    frame = pl.DataFrame({"a": ["x"], "n": [1]})
    found = measure(rules, {"documents": frame.lazy()}, CONTRACTS)
    count, missing, pattern, length = (found[one.id] for one in rules)
    assert count.value == 1
    assert missing.error == "there is no column b"
    assert pattern.value is None
    assert "look-around" in pattern.error
    assert length.value is None
    assert length.error


def test_rules_that_ask_the_same_are_measured_beside_one_that_cannot_be(tmp_path):
    texts = pa.table([["a", "b", "a"]], ["text"])
    write_ipc(tmp_path / "table" / "part-00000.arrow", texts)
    asked = ["^a$", "^a$", "^(?!x)"]
    rules = [
        rule(Metric.INVALID_VALUES, "text", pattern=pattern).model_copy(update={"id": str(number)})
        for number, pattern in enumerate(asked)
    ]
    for name in ("first", "again"):
        rows = PartitionedRows(tmp_path / "table", None, tmp_path / name, tmp_path / "cache")
        found = measure(
            rules, {"documents": pl.DataFrame(texts).lazy()}, CONTRACTS, {"documents": rows}
        )
        assert [found[number].value for number in "012"] == [1, 1, None]
        assert "look-around" in found["2"].error


@pytest.mark.parametrize(
    ("text", "value", "error"),
    [
        ("SELECT COUNT(*) FROM documents WHERE a = 'x'", 2, None),
        ("SELECT MAX(a) FROM documents", "y", None),
        ("SELECT SUM(n) FROM sources JOIN documents ON sources.s = documents.a", 10, None),
        ("SELECT SUM(n) FROM sources WHERE s = 'none'", None, None),
        ("SELECT MAX(n) FROM sources WHERE s = 'none'", None, None),
        ("SELECT a FROM documents", None, "the query gave 3 rows of 1 columns"),
        ("SELECT COUNT(*) FROM nowhere", None, "the query failed"),
        ("SELECT FROM WHERE", None, "the query failed"),
        ("SELECT CAST('2020-01-01' AS DATE)", None, "not a number or a string"),
    ],
)
def test_a_query_gives_one_value_or_says_why_not(text, value, error):
    frame = pl.DataFrame({"a": ["x", "x", "y"]})
    found = figure(query(text), frame, sources=pl.LazyFrame({"s": ["x"], "n": [5]}))
    assert found.value == value
    assert (found.error or "").startswith(error or "") or error in found.error
