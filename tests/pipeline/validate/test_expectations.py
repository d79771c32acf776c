"""Every expectation that a contract may name does judge: it passes good rows and fails bad ones."""

import polars as pl
import pytest

from data_contracts.contract_expectations import EXPECTATIONS, expectation_columns
from data_contracts.contract_rules import (
    CustomCheck,
    LibraryCheck,
    Metric,
    Operator,
    Rule,
    Severity,
    SqlCheck,
)
from pipeline.validate.expectations import run_suite

GOOD = pl.DataFrame({"k": ["r1", "r2", "r3"], "s": ["a", "b", "c"], "n": [1, 2, 3], "m": [4, 5, 6]})
BAD = pl.DataFrame({"k": ["r1", "r2", "r3"], "s": ["a", "a", None], "n": [1, 1, 9], "m": [4, 5, 2]})
CASES = {
    "expect_table_row_count_to_be_between": ({"min_value": 3}, {"min_value": 4}),
    "expect_column_values_to_not_be_null": {"column": "s"},
    "expect_column_values_to_be_unique": {"column": "n"},
    "expect_column_values_to_be_in_set": {"column": "n", "value_set": [1, 2, 3]},
    "expect_column_values_to_not_be_in_set": {"column": "n", "value_set": [9]},
    "expect_column_values_to_be_between": {"column": "n", "min_value": 1, "max_value": 3},
    "expect_column_value_lengths_to_be_between": (
        {"column": "s", "max_value": 1},
        {"column": "s", "min_value": 2},
    ),
    "expect_column_values_to_match_regex": (
        {"column": "s", "regex": "^[abc]$"},
        {"column": "s", "regex": "^b$"},
    ),
    "expect_column_values_to_not_match_regex": (
        {"column": "s", "regex": "z"},
        {"column": "s", "regex": "a"},
    ),
    "expect_column_min_to_be_between": {"column": "m", "min_value": 4},
    "expect_column_max_to_be_between": {"column": "n", "max_value": 3},
    "expect_column_mean_to_be_between": {"column": "n", "max_value": 2},
    "expect_column_median_to_be_between": {"column": "n", "min_value": 1.5},
    "expect_column_stdev_to_be_between": {"column": "n", "max_value": 1},
    "expect_column_sum_to_be_between": {"column": "n", "min_value": 6, "max_value": 6},
    "expect_column_unique_value_count_to_be_between": {"column": "n", "min_value": 3},
    "expect_column_proportion_of_unique_values_to_be_between": {"column": "n", "min_value": 1},
    "expect_column_quantile_values_to_be_between": {
        "column": "n",
        "quantile_ranges": {"quantiles": [0.5, 1.0], "value_ranges": [[1, 2], [None, 3]]},
    },
    "expect_column_pair_values_a_to_be_greater_than_b": {"column_A": "m", "column_B": "n"},
    "expect_column_pair_values_to_be_equal": (
        {"column_A": "n", "column_B": "n"},
        {"column_A": "m", "column_B": "n"},
    ),
    "expect_compound_columns_to_be_unique": (
        {"column_list": ["n", "s"]},
        {"column_list": ["n", "s"]},
    ),
}
# In BAD no two rows are alike in both columns.
REPEATED = BAD.with_columns(s=pl.lit("a"), n=pl.lit(1))


def rule(check, name="table.column.rule"):
    return Rule(
        id=name,
        table="sources",
        columns=(),
        severity=Severity.WARNING,
        description="",
        check=check,
    )


def custom(expectation, kwargs, name="table.column.rule"):
    return rule(CustomCheck(expectation=expectation, kwargs=kwargs), name)


def compared(operator, expected, name="a.b"):
    check = LibraryCheck(metric=Metric.ROW_COUNT, operator=operator, expected=expected)
    return rule(check, name)


def test_there_is_a_case_for_every_expectation():
    assert set(CASES) == set(EXPECTATIONS)


@pytest.fixture(scope="module")
def judged():
    """All cases on good and on bad rows: two suites instead of fifty."""
    cases = {
        name: case if isinstance(case, tuple) else (case, case) for name, case in CASES.items()
    }
    good = run_suite(
        "good", [custom(n, case[0], n) for n, case in cases.items()], GOOD, "k"
    ).findings
    alone = "expect_compound_columns_to_be_unique"
    bad = [custom(n, case[1], n) for n, case in cases.items() if n != alone]
    found = list(run_suite("bad", bad, BAD, "k").findings)
    found += run_suite("alone", [custom(alone, cases[alone][1], alone)], REPEATED, "k").findings
    return {one.rule: one for one in good}, {one.rule: one for one in found}


@pytest.mark.parametrize("expectation", CASES)
def test_an_expectation_passes_good_rows_and_fails_bad_ones(judged, expectation):
    good, bad = (found[expectation] for found in judged)
    assert (good.error, good.success) == (None, True)
    assert (bad.error, bad.success) == (None, False)
    assert bad.observed


def test_the_columns_of_an_expectation_are_found_in_its_arguments():
    kwargs = {"column": "a", "column_A": "b", "column_B": "c", "column_list": ["d", "e"]}
    assert expectation_columns(kwargs) == ("a", "b", "c", "d", "e")


def test_rows_that_break_an_expectation_are_named_by_their_key(judged):
    assert judged[1]["expect_column_values_to_be_between"].observed == "r3: 9"
    assert judged[1]["expect_column_mean_to_be_between"].observed == "3.667"


@pytest.mark.parametrize(
    ("operator", "expected", "met", "missed"),
    [
        (Operator.EQUAL, 0, [0, 0.0], [1, -1]),
        (Operator.EQUAL, "zh", ["zh"], ["en"]),
        (Operator.NOT_EQUAL, 3, [2], [3]),
        (Operator.GREATER, 1, [1.5], [1, 0]),
        (Operator.AT_LEAST, 1, [1, 2], [0.5]),
        (Operator.LESS, 1, [0.5], [1, 2]),
        (Operator.AT_MOST, 1, [1, 0], [1.5]),
        (Operator.BETWEEN, (1, 2), [1, 1.5, 2], [0.5, 2.5]),
    ],
)
def test_every_comparison_tells_met_from_missed(operator, expected, met, missed):
    for values, success in ((met, True), (missed, False)):
        rules = [compared(operator, expected, f"{number}.a") for number in range(len(values))]
        row = pl.DataFrame({one.id: [value] for one, value in zip(rules, values, strict=True)})
        found = run_suite("figures", rules, row, None).findings
        assert [one.success for one in found] == [success] * len(values), found
        assert [one.error for one in found] == [None] * len(values)


def test_a_missing_column_and_a_type_that_cannot_be_compared_are_errors():
    rules = [
        custom("expect_column_values_to_be_between", {"column": "z", "min_value": 1}, "a"),
        rule(SqlCheck(query="", operator=Operator.AT_LEAST, expected=1), "b"),
        custom("expect_column_values_to_match_regex", {"column": "s", "regex": "("}, "c"),
        custom("expect_column_mean_to_be_between", {"column": "s", "min_value": 1}, "d"),
    ]
    frame = pl.DataFrame({"s": ["x"], "b": ["text"]})
    found = {one.rule: one for one in run_suite("s", rules, frame, None).findings}
    assert set(found) == {"a", "b", "c", "d"}
    assert not any(one.success for one in found.values())
    assert all(one.error for one in found.values())
    assert '"z"' in found["a"].error


def test_nothing_observed_is_an_error_where_great_expectations_is_content():
    nulls = pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64})
    kwargs = {"column": "x", "max_value": 1}
    aggregates = ["min", "max", "mean", "median", "stdev"]
    rules = [custom(f"expect_column_{one}_to_be_between", kwargs, one) for one in aggregates]
    found = run_suite("nulls", rules, nulls, None).findings
    assert [one.rule for one in found if one.error] == [one.rule for one in found]
    values = custom("expect_column_values_to_be_between", kwargs)
    assert run_suite("nulls", [values], nulls, None).findings[0].observed == "only nulls in 2 rows"
    (empty,) = run_suite("empty", [values], nulls.clear(), None).findings
    assert empty.error == "there are no rows"


def test_two_rules_of_the_same_content_are_both_judged():
    rules = [compared(Operator.EQUAL, 0, "a.b"), compared(Operator.EQUAL, 0, "a.c")]
    twins = [
        custom("expect_column_max_to_be_between", {"column": "a.b", "max_value": 1}, n)
        for n in "xy"
    ]
    frame = pl.DataFrame({"a.b": [0], "a.c": [0]})
    found = run_suite("figures", [*rules, *twins], frame, None).findings
    assert sorted(one.rule for one in found) == ["a.b", "a.c", "x", "y"]


def test_great_expectations_prints_nothing(capfd):
    run_suite("quiet", [compared(Operator.EQUAL, 0)], pl.DataFrame({"a.b": [1]}), None)
    assert capfd.readouterr() == ("", "")
