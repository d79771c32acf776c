"""The verdict: every rule's outcome, and the gate's own checks that nothing was passed over.

It fails closed. An expectation that errs, an exception of Great Expectations, a figure that is null
or NaN, an empty table, a suite without rules, and any difference between the rules compiled and the
rules evaluated are failed critical checks, whatever severity the rule itself has.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import polars as pl

from data_contracts.contract_rules import CustomCheck, Rule, Severity
from data_contracts.contracts import Contracts
from data_contracts.progress import Progress, silent
from data_contracts.results import CheckOutcome
from data_contracts.shipped_contracts import shipped_tables
from pipeline.validate.expectations import Finding, Suite, run_suite
from pipeline.validate.measures import ALL_STREAMED, Figure, Tables, measure, rows_of
from pipeline.validate.rows import Rows

GATE = "gate"
"""Where the ids of the gate's own checks begin."""

NULLS_MATTER = "expect_column_values_to_not_be_null"
"""The one expectation that judges nulls; all others pass over them."""


class Judgement(NamedTuple):
    """What came of checking rules."""

    checks: tuple[CheckOutcome, ...]
    """The gate's own checks, then an outcome for every rule in order."""
    suites: tuple[Suite, ...]
    """What Great Expectations said, for its Data Docs."""


def judge(
    contracts: Contracts,
    rules: Sequence[Rule],
    tables: Tables,
    progress: Progress = silent,
    absent: Mapping[str, str] | None = None,
    rows: Mapping[str, Rows] = ALL_STREAMED,
) -> Judgement:
    """Check every rule.

    Args:
        contracts: Give the promised columns.
        rules: The rules to check: the contracts', and those that a recipe adds.
        tables: By name.
        progress: Told of tables done.
        absent: Tables that cannot be there, and why in words: their rules do not apply.
        rows: As of `measure`.
    """
    absent = absent or {}
    applying = [rule for rule in rules if rule.table not in absent]
    names = list(dict.fromkeys(rule.table for rule in applying))
    by_table = {name: [rule for rule in applying if rule.table == name] for name in names}
    figures: dict[str, Figure] = {}
    sizes = dict.fromkeys(names, 0)
    verdicts: dict[str, tuple[list[Finding], list[Suite]]] = {}
    with ThreadPoolExecutor(1) as beside:
        # The last tables are the small ones: they are judged while the others are measured.
        measured = {
            name: beside.submit(_measured, by_table[name], name, tables, contracts, rows)
            for name in reversed(names)
        }
        for number, (name, future) in enumerate(measured.items()):
            progress(number, len(names), "tables", f"checking {name}")
            found, sizes[name] = future.result()
            figures |= found
            verdicts[name] = _table_verdict(contracts, by_table[name], found, tables[name])
    findings = [one for name in names for one in verdicts[name][0]]
    suites = [one for name in names for one in verdicts[name][1]]
    progress(len(names), len(names), "tables", "checking")
    judged = {one.rule: one for one in outcomes(applying, figures, findings)}
    judged |= {
        rule.id: _not_applicable(rule, absent[rule.table]) for rule in rules if rule.table in absent
    }
    return Judgement(
        checks=(*gate_checks(applying, sizes, findings), *(judged[rule.id] for rule in rules)),
        suites=tuple(suites),
    )


def _not_applicable(rule: Rule, why: str) -> CheckOutcome:
    return CheckOutcome(
        rule=rule.id,
        description=rule.description,
        severity=str(rule.severity),
        passed=True,
        observed=f"not applicable: {why}",
        applies=False,
    )


def gate_checks(
    rules: Sequence[Rule], sizes: Mapping[str, int], findings: Sequence[Finding]
) -> tuple[CheckOutcome, ...]:
    """Check that there was something to judge, by something, and that all of it was judged."""
    compiled, evaluated = Counter(rule.id for rule in rules), Counter(one.rule for one in findings)
    unlike = sorted(set((compiled - evaluated) + (evaluated - compiled)))
    checks = [
        _gate_check(
            "has_rules", "The contract has rules", f"{len(rules):,} rules", passed=bool(rules)
        ),
        _gate_check(
            "all_rules_evaluated",
            "Exactly the rules of the contract were evaluated, each once",
            f"{len(rules):,} compiled, {len(findings):,} evaluated",
            passed=not unlike,
            error=f"not evaluated once: {', '.join(unlike[:10])}" if unlike else None,
        ),
    ]
    checks += [
        _gate_check(
            f"{name}_has_rows",
            f"The table {name} has rows to judge",
            f"{rows:,} rows",
            passed=rows > 0,
        )
        for name, rows in sizes.items()
    ]
    return tuple(checks)


def outcomes(
    rules: Sequence[Rule], figures: Mapping[str, Figure], findings: Sequence[Finding]
) -> tuple[CheckOutcome, ...]:
    """Turn findings into one outcome per rule; a rule without a sound finding fails critically."""
    found: dict[str, Finding] = {}
    for one in findings:
        found.setdefault(one.rule, one)
    return tuple(_outcome(rule, figures.get(rule.id), found.get(rule.id)) for rule in rules)


def _outcome(rule: Rule, figure: Figure | None, finding: Finding | None) -> CheckOutcome:
    error = finding.error if finding else "Great Expectations did not evaluate it"
    observed = finding.observed if finding else "nothing"
    if figure is not None and not (finding and finding.error):
        observed = _figure_in_words(figure)
    return CheckOutcome(
        rule=rule.id,
        description=rule.description,
        severity=str(Severity.CRITICAL if error else rule.severity),
        passed=bool(finding and finding.success and not error),
        observed=observed,
        error=error,
    )


def _figure_in_words(figure: Figure) -> str:
    if figure.value is None or isinstance(figure.value, str):
        return figure.note or str(figure.value)
    number = f"{_number(figure.value)} {figure.unit}".strip()
    if not figure.note or figure.note.startswith(f"{number} "):
        return figure.note or number
    return f"{number} {figure.note}" if figure.note == "rows" else f"{number} ({figure.note})"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _gate_check(
    name: str, description: str, observed: str, *, passed: bool, error: str | None = None
) -> CheckOutcome:
    return CheckOutcome(
        rule=f"{GATE}.{name}",
        description=description,
        severity=str(Severity.CRITICAL),
        passed=passed and error is None,
        observed=observed,
        error=error,
    )


def _measured(
    rules: Sequence[Rule],
    name: str,
    tables: Tables,
    contracts: Contracts,
    rows: Mapping[str, Rows],
) -> tuple[dict[str, Figure], int]:
    """Measure what the rules of one table ask for; also count its rows."""
    return measure(rules, tables, contracts, rows), rows_of(name, tables, rows).height()


def _table_verdict(
    contracts: Contracts, rules: Sequence[Rule], figures: Mapping[str, Figure], table: pl.LazyFrame
) -> tuple[list[Finding], list[Suite]]:
    """Judge one table: its figures in one suite, its rows by custom rules in another."""
    findings: list[Finding] = []
    suites: list[Suite] = []
    measured = []
    for rule in rules:
        figure = figures.get(rule.id)
        if figure is not None and (problem := _unusable(figure)):
            findings.append(Finding(rule.id, success=False, observed="nothing", error=problem))
        elif figure is not None:
            measured.append(rule)
    if measured:
        row = {rule.id: [figures[rule.id].value] for rule in measured}
        name = f"{rules[0].table} figures"
        findings += _judged(name, measured, pl.DataFrame(row, strict=False), None, suites)
    custom = [rule for rule in rules if isinstance(rule.check, CustomCheck)]
    if custom:
        findings += _custom_findings(contracts, custom, table, suites)
    return findings, suites


def _unusable(figure: Figure) -> str | None:
    if figure.error is not None:
        return figure.error
    if figure.value is None:
        return "the figure is null"
    if isinstance(figure.value, float) and math.isnan(figure.value):
        return "the figure is NaN"
    return None


def _custom_findings(
    contracts: Contracts, rules: Sequence[Rule], table: pl.LazyFrame, suites: list[Suite]
) -> list[Finding]:
    name = rules[0].table
    nullable = {
        rule.id: {field.name for field in contracts.promised(rule) if field.nullable}
        for rule in rules
    }
    key = shipped_tables()[name].key
    schema = table.collect_schema()
    wanted = dict.fromkeys([key, *(column for rule in rules for column in rule.columns)])
    columns = [one for one in wanted if one in schema] or schema.names()[:1]
    frame = table.select(columns).collect(engine="streaming")
    findings, sound = [], []
    for rule in rules:
        problem = _unjudgeable(rule, frame, nullable[rule.id])
        if problem:
            findings.append(Finding(rule.id, success=False, observed="nothing", error=problem))
        else:
            sound.append(rule)
    if sound:
        by_id = {rule.id: rule for rule in sound}
        judged = _judged(name, sound, frame, key if key in frame.columns else None, suites)
        findings += [_with_range(one, by_id.get(one.rule), frame) for one in judged]
    return findings


def _with_range(finding: Finding, rule: Rule | None, frame: pl.DataFrame) -> Finding:
    """Say between what the numbers of a met expectation lie: how near they are to breaking it."""
    if not finding.success or rule is None or len(rule.columns) != 1:
        return finding
    column = frame[rule.columns[0]]
    if not column.dtype.is_numeric() or column.null_count() == len(column):
        return finding
    ends = [_number(one) for one in (column.min(), column.max()) if isinstance(one, int | float)]
    return finding._replace(observed=" to ".join(dict.fromkeys(ends)))


def _unjudgeable(rule: Rule, frame: pl.DataFrame, nullable: set[str]) -> str | None:
    """Say what Great Expectations would pass over in the columns that a rule looks at."""
    for name in rule.columns:
        if name not in frame.columns:
            continue  # it errs, and says so
        column = frame[name]
        if column.dtype.is_nested():
            return f"`{name}` holds {column.dtype}: only single values can be judged"
        if column.dtype.is_float() and column.is_nan().any():
            return f"`{name}` holds NaN"
        if isinstance(rule.check, CustomCheck) and rule.check.expectation == NULLS_MATTER:
            continue
        if column.null_count() and name not in nullable:
            return f"`{name}` holds nulls, which the contract does not allow"
    return None


def _judged(
    name: str, rules: Sequence[Rule], frame: pl.DataFrame, key: str | None, suites: list[Suite]
) -> list[Finding]:
    """Run a suite; when Great Expectations raises, run it rule by rule to find out for which."""
    try:
        suite = run_suite(name, rules, frame, key)
    except Exception as error:  # noqa: BLE001 - whatever it is, these rules were not checked
        if len(rules) > 1:
            return [one for rule in rules for one in _judged(name, [rule], frame, key, suites)]
        problem = f"Great Expectations failed: {type(error).__name__}: {error}"[:500]
        return [Finding(rules[0].id, success=False, observed="nothing", error=problem)]
    suites.append(suite)
    return list(suite.findings)
