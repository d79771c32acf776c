"""Two contracts compared: a rule that accepts more is looser, whatever form it has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.contract import Contract
from data_contracts.contract_diff import Way, diff_contracts
from data_contracts.contract_rules import LibraryCheck, Metric, Operator
from data_contracts.contracts import Contracts

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: {id}\nversion: 1.0.0\nstatus: active\nschema:\n"


@pytest.fixture
def changes(tmp_path):
    """Compares two contracts of one rule each, on a column."""

    def compared(before, after, table="sources", kind="number"):
        sides = []
        for number, quality in enumerate((before, after)):
            path = tmp_path / f"{number}.yaml"
            column = f"name: kept_ratio, logicalType: {kind}, quality: [{quality}]"
            rules = f"- name: {table}\n  properties:\n  - {{{column}}}\n"
            path.write_text(HEAD.format(id=f"side{number}") + rules, encoding="utf-8")
            sides.append(Contracts([Contract.load(path)]))
        return {change.rule: change for change in diff_contracts(*sides)}

    return compared


LIBRARY = "{{id: r, metric: invalidValues, arguments: {{{}}}, {}}}"
CUSTOM = (
    "{{id: r, type: custom, engine: greatExpectations, severity: {}, implementation: "
    "{{type: {}, kwargs: {{{}}}}}}}"
)
BETWEEN = "expect_column_values_to_be_between"
IN_SET, NOT_IN_SET = "expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set"


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [
        (LIBRARY.format("maximum: 1", "mustBe: 0"), LIBRARY.format("maximum: 2", "mustBe: 0"), "looser"),
        (
            LIBRARY.format("maximum: 1", "mustBe: 0"),
            LIBRARY.format("maximum: 1", "mustBeLessThan: 3"),
            "looser",
        ),
        (
            LIBRARY.format("maximum: 1", "mustBeLessOrEqualTo: 3"),
            LIBRARY.format("maximum: 1", "mustBeLessThan: 3"),
            "stricter",
        ),
        (
            LIBRARY.format("maximum: 1", "mustBe: 0"),
            LIBRARY.format("maximum: 1, minimum: 0", "mustBe: 0"),
            "stricter",
        ),
        (
            LIBRARY.format("maximum: 1", "mustBe: 0"),
            LIBRARY.format("maximum: 2, minimum: 0", "mustBe: 0"),
            "changed",
        ),
        (
            LIBRARY.format("validValues: [1, 2]", "mustBe: 0"),
            LIBRARY.format("validValues: [1, 2, 3]", "mustBe: 0"),
            "looser",
        ),
        (CUSTOM.format("critical", BETWEEN, "min_value: 1"), CUSTOM.format("warning", BETWEEN, "min_value: 1"), "looser"),
        (CUSTOM.format("info", BETWEEN, "min_value: 1"), CUSTOM.format("info", BETWEEN, "min_value: 2"), "stricter"),
        (CUSTOM.format("info", BETWEEN, "min_value: 1"), CUSTOM.format("warning", BETWEEN, "min_value: 0"), "changed"),
        (
            CUSTOM.format("info", BETWEEN, "min_value: 1"),
            CUSTOM.format("info", BETWEEN, "min_value: 1, mostly: 0.9"),
            "looser",
        ),
        (CUSTOM.format("info", IN_SET, "value_set: [1]"), CUSTOM.format("info", IN_SET, "value_set: [1, 2]"), "looser"),
        (
            CUSTOM.format("info", NOT_IN_SET, "value_set: [1]"),
            CUSTOM.format("info", NOT_IN_SET, "value_set: [1, 2]"),
            "stricter",
        ),
        (CUSTOM.format("info", IN_SET, "value_set: [1]"), CUSTOM.format("info", NOT_IN_SET, "value_set: [1]"), "changed"),
        (
            "{id: r, type: sql, query: SELECT 1, mustBeGreaterThan: 2}",
            "{id: r, type: sql, query: SELECT 1, mustBeBetween: [1, 3]}",
            "changed",
        ),
        (
            "{id: r, type: sql, query: SELECT 1, mustBe: 2}",
            "{id: r, type: sql, query: SELECT 1, mustBeBetween: [1, 3]}",
            "looser",
        ),
        (
            "{id: r, type: sql, query: SELECT 1, mustBe: 2}",
            "{id: r, type: sql, query: SELECT 2, mustBe: 2}",
            "changed",
        ),
    ],
)  # fmt: skip
def test_a_rule_says_which_way_it_moved(changes, before, after, way):
    found = changes(before, after)
    assert {rule: str(one.way) for rule, one in found.items()} == {"sources.kept_ratio.r": way}
    assert not changes(before, before)


def test_a_rule_that_is_gone_is_looser_and_comes_first(changes):
    rule = "{{id: {}, metric: nullValues, mustBe: 0}}"
    found = list(changes(rule.format("old"), rule.format("new")).values())
    assert [(one.rule, one.way) for one in found] == [
        ("sources.kept_ratio.old", Way.LOOSER),
        ("sources.kept_ratio.new", Way.STRICTER),
    ]
    assert (found[0].before, found[0].after) == ("critical: nullValues = 0 of kept_ratio", None)


def test_the_bundled_contracts_do_not_differ_from_themselves():
    assert diff_contracts(Contracts.load(), Contracts.load()) == ()


def test_a_column_that_is_no_longer_required_is_looser(changes, tmp_path):
    sides = []
    for number, required in enumerate(("true", "false")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(
            HEAD.format(id="same") + "- name: ledger\n  properties:\n"
            "  - {name: key, logicalType: string, required: true}\n"
            f"  - {{name: language, logicalType: string, required: {required}}}\n",
            encoding="utf-8",
        )
        sides.append(Contracts([Contract.load(path)]))
    (change,) = diff_contracts(*sides)
    assert (change.rule, change.way) == ("ledger.required", Way.LOOSER)


NUMBERS = st.integers(-3, 3)


@st.composite
def comparisons(draw):
    operator = draw(st.sampled_from(list(Operator)))
    low = draw(NUMBERS)
    expected = (low, low + draw(st.integers(0, 3))) if operator is Operator.BETWEEN else low
    return LibraryCheck(metric=Metric.NULL_VALUES, operator=operator, expected=expected)


def accepts(check, value):
    wanted = check.expected
    return {
        Operator.EQUAL: lambda: value == wanted,
        Operator.NOT_EQUAL: lambda: value != wanted,
        Operator.GREATER: lambda: value > wanted,
        Operator.AT_LEAST: lambda: value >= wanted,
        Operator.LESS: lambda: value < wanted,
        Operator.AT_MOST: lambda: value <= wanted,
        Operator.BETWEEN: lambda: wanted[0] <= value <= wanted[1],
    }[check.operator]()


@given(comparisons(), comparisons())
def test_what_is_called_stricter_accepts_nothing_new(before, after):
    from data_contracts.contract_diff import _interval_way

    values = [number / 2 for number in range(-16, 17)]
    ours = {value for value in values if accepts(before, value)}
    theirs = {value for value in values if accepts(after, value)}
    way = _interval_way(before, after)
    if way is Way.STRICTER:
        assert theirs < ours
    elif way is Way.LOOSER:
        assert ours < theirs
    elif way is None:
        assert ours == theirs
