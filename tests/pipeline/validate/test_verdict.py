"""The gate fails closed: whatever cannot be judged is a failed critical check that says why."""

import math

import polars as pl
import pytest

from data_contracts.contract import Contract
from data_contracts.contracts import Contracts
from data_contracts.results import CheckOutcome
from pipeline.validate.expectations import run_suite
from pipeline.validate.verdict import gate_checks, judge, outcomes

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: mine\nversion: 1.0.0\nschema:\n"
BETWEEN = "type: custom, engine: greatExpectations, implementation: {type: expect_column_values_to_be_between"
SOURCES = {
    "source": ["a", "b"],
    "license": ["MIT", None],
    "records_in": [5, 6],
    "kept": [4, 6],
    "kept_ratio": [0.8, 1.0],
    "unreadable_ratio": [0.0, 0.0],
    "duplicate_ratio": [0.0, 0.0],
    "largest_rule_ratio": [0.2, 0.0],
    "unknown_language_ratio": [0.0, 0.0],
}


@pytest.fixture
def verdict(tmp_path):
    """Judges a table `sources` by the contract whose `schema` is the YAML given."""

    def judged(schema, sources=SOURCES):
        path = tmp_path / "mine.odcs.yaml"
        path.write_text(HEAD + schema, encoding="utf-8")
        contract = Contract.load(path)
        frame = sources if isinstance(sources, pl.DataFrame) else pl.DataFrame(sources)
        judged = judge(Contracts([contract]), contract.rules(), {"sources": frame.lazy()})
        return {check.rule: check for check in judged.checks}

    return judged


def of_column(name, quality, *, required="true", kind="number"):
    column = f"name: {name}, logicalType: {kind}, required: {required}"
    return f"- name: sources\n  properties:\n  - {{{column}, quality: [{{id: r, {quality}}}]}}\n"


def failed(checks):
    return {check.rule for check in checks.values() if not check.passed}


def assert_stopped(check: CheckOutcome, words: str) -> None:
    assert not check.passed
    assert check.severity == "critical"
    assert words in check.error


def test_sound_rows_pass_and_say_what_was_found(verdict):
    checks = verdict(
        of_column("kept_ratio", f"{BETWEEN}, kwargs: {{min_value: 0.05}}}}, severity: warning")
    )
    assert not failed(checks)
    assert checks["gate.all_rules_evaluated"].observed == "3 compiled, 3 evaluated"
    assert checks["gate.sources_has_rows"].observed == "2 rows"
    rule = checks["sources.kept_ratio.r"]
    assert (rule.severity, rule.observed, rule.error) == ("warning", "0.8 to 1", None)


def test_a_broken_rule_keeps_its_severity_and_names_the_rows(verdict):
    rule = f"{BETWEEN}, kwargs: {{min_value: 0.9}}}}, severity: warning"
    check = verdict(of_column("kept_ratio", rule))["sources.kept_ratio.r"]
    assert (check.passed, check.severity, check.error) == (False, "warning", None)
    assert check.observed == "a: 0.8"


def test_a_contract_without_rules_stops(verdict):
    checks = verdict(" []")
    assert failed(checks) == {"gate.has_rules"}
    assert checks["gate.has_rules"].severity == "critical"


def test_a_table_without_rows_stops_whatever_its_rules_say(verdict):
    empty = pl.DataFrame(SOURCES).clear()
    checks = verdict(
        of_column("kept_ratio", f"{BETWEEN}, kwargs: {{min_value: 0}}}}, severity: info"), empty
    )
    assert failed(checks) >= {"gate.sources_has_rows", "sources.kept_ratio.r"}
    assert checks["gate.sources_has_rows"].observed == "0 rows"
    assert_stopped(checks["sources.kept_ratio.r"], "there are no rows")


@pytest.mark.parametrize(
    "quality", [f"{BETWEEN}, kwargs: {{max_value: 1}}}}", "metric: nullValues, mustBe: 0"]
)
def test_nan_stops(verdict, quality):
    bad = {**SOURCES, "kept_ratio": [0.8, math.nan]}
    checks = verdict(of_column("kept_ratio", f"{quality}, severity: info"), bad)
    assert not checks["sources.required"].passed
    assert not checks["sources.kept_ratio.r"].passed
    if "custom" in quality:
        assert_stopped(checks["sources.kept_ratio.r"], "`kept_ratio` holds NaN")


def test_a_null_stops_where_the_contract_allows_none(verdict):
    bad = {**SOURCES, "kept_ratio": [0.8, None]}
    rule = f"{BETWEEN}, kwargs: {{max_value: 1}}}}, severity: info"
    checks = verdict(of_column("kept_ratio", rule), bad)
    assert_stopped(checks["sources.kept_ratio.r"], "holds nulls")
    assert not checks["sources.required"].passed
    allowed = verdict(of_column("kept_ratio", rule, required="false"), bad)
    assert not failed(allowed)


def test_a_figure_that_is_null_stops(verdict):
    query = "SELECT MAX(kept) FROM sources WHERE source = 'c'"
    rule = f'- name: sources\n  quality: [{{id: q, type: sql, query: "{query}", mustBe: 0, severity: info}}]'
    assert_stopped(verdict(rule)["sources.q"], "the figure is null")


def test_a_figure_that_is_nan_stops(verdict):
    query = "SELECT AVG(kept_ratio) FROM sources"
    rule = f"- name: sources\n  quality: [{{id: q, type: sql, query: {query}, mustBeLessThan: 2, severity: info}}]"
    bad = {**SOURCES, "kept_ratio": [0.8, math.nan]}
    assert_stopped(verdict(rule, bad)["sources.q"], "the figure is NaN")


def test_a_query_that_fails_stops(verdict):
    rule = "- name: sources\n  quality: [{id: q, type: sql, query: SELECT x FROM y, mustBe: 0, severity: info}]"
    assert_stopped(verdict(rule)["sources.q"], "the query failed")


def test_a_missing_column_stops(verdict):
    rule = f"{BETWEEN}, kwargs: {{max_value: 1}}}}, severity: info"
    checks = verdict(of_column("kept_ratio", rule), pl.DataFrame(SOURCES).drop("kept_ratio"))
    assert_stopped(checks["sources.kept_ratio.r"], 'The column "kept_ratio" in BatchData does not')
    assert_stopped(checks["sources.required"], "there is no column kept_ratio")
    assert checks["sources.columns"].observed == "1 (kept_ratio is missing)"
    assert checks["gate.all_rules_evaluated"].passed


def test_a_column_of_another_type_stops(verdict):
    wrong = pl.DataFrame(SOURCES).cast({"kept_ratio": pl.String})
    rule = f"{BETWEEN}, kwargs: {{max_value: 1}}}}, severity: info"
    checks = verdict(of_column("kept_ratio", rule), wrong)
    assert not checks["sources.columns"].passed
    assert checks["sources.kept_ratio.r"].severity == "critical"
    assert checks["sources.kept_ratio.r"].error


def test_what_great_expectations_refuses_stops_that_rule_alone(verdict):
    wrong = f"{BETWEEN}, kwargs: {{value_set: 5}}}}, severity: info".replace("between", "in_set")
    right = f"{{id: fine, {BETWEEN}, kwargs: {{max_value: 1}}}}, severity: info}}"
    schema = of_column("kept_ratio", wrong).replace("]}\n", f", {right}]}}\n")
    checks = verdict(schema)
    assert failed(checks) == {"sources.kept_ratio.r"}
    assert_stopped(checks["sources.kept_ratio.r"], "Great Expectations failed: ValidationError")


def test_lists_are_not_judged(verdict):
    nested = pl.DataFrame(SOURCES).with_columns(kept_ratio=pl.concat_list("kept", "kept"))
    rule = f"{BETWEEN}, kwargs: {{max_value: 1}}}}, severity: info"
    check = verdict(of_column("kept_ratio", rule), nested)["sources.kept_ratio.r"]
    assert_stopped(check, "only single values can be judged")


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "two.odcs.yaml"
    path.write_text(
        HEAD + "- name: dataset\n  quality:\n"
        "  - {id: one, metric: rowCount, mustBe: 1, severity: info}\n"
        "  - {id: two, metric: rowCount, mustBe: 1, severity: info}\n",
        encoding="utf-8",
    )
    return Contract.load(path).rules()


FIGURES = pl.DataFrame({"dataset.one": [1], "dataset.two": [1]})


def judged_by(compiled, evaluated):
    findings = run_suite("figures", evaluated, FIGURES, None).findings
    gate = {one.rule: one for one in gate_checks(compiled, {"dataset": 1}, findings)}
    return gate["gate.all_rules_evaluated"], outcomes(compiled, {}, findings)


def test_all_rules_evaluated_once_is_sound(rules):
    gate, found = judged_by(rules, rules)
    assert gate.passed
    assert [one.passed for one in found] == [True, True]


def test_a_rule_that_was_not_evaluated_stops(rules):
    gate, found = judged_by(rules, rules[:1])
    assert_stopped(gate, "not evaluated once: dataset.two")
    assert gate.observed == "2 compiled, 1 evaluated"
    assert_stopped(found[1], "did not evaluate it")


def test_an_empty_suite_which_great_expectations_passes_stops(rules):
    gate, found = judged_by(rules, [])
    assert_stopped(gate, "dataset.one, dataset.two")
    assert not any(one.passed for one in found)


def test_a_rule_evaluated_twice_stops(rules):
    gate, _ = judged_by(rules, [*rules, rules[0]])
    assert_stopped(gate, "not evaluated once: dataset.one")


def test_a_rule_that_nobody_compiled_stops(rules):
    gate, _ = judged_by(rules[:1], rules)
    assert_stopped(gate, "dataset.two")


def test_an_expectation_without_its_rule_stops(rules):
    # As many findings as rules, but one of them answers for nothing that was asked.
    stray = rules[1].model_copy(update={"id": "dataset.stray"})
    frame = FIGURES.with_columns(**{"dataset.stray": 1})
    findings = run_suite("f", [rules[0], stray], frame, None).findings
    gate = gate_checks(rules, {"dataset": 1}, findings)[1]
    assert gate.observed == "2 compiled, 2 evaluated"
    assert_stopped(gate, "dataset.stray, dataset.two")
