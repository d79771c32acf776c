"""The README of contracts says what the code does."""

import re

import pytest

from data_contracts.contract_expectations import EXPECTATIONS
from data_contracts.contract_rules import ARGUMENTS, SEVERITIES, Operator
from data_contracts.contracts import Contracts
from data_contracts.shipped_contracts import shipped_tables
from tests.conftest import REPOSITORY

README = (REPOSITORY / "data_contracts" / "README.md").read_text(encoding="utf-8")


def rules_table():
    lines = ["| rule | severity | what is expected |", "|---|---|---|"]
    lines += [f"| `{one.id}` | {one.severity} | {_cell(one)} |" for one in Contracts.load().rules()]
    return "\n".join(lines)


def _cell(rule):
    return rule.description.replace("|", "\\|")


def expectations_table():
    lines = ["| expectation | arguments |", "|---|---|"]
    for name, arguments in EXPECTATIONS.items():
        shown = ", ".join(f"`{one}`" for one in sorted(arguments - {"column"})) or "–"
        lines.append(f"| `{name}` | {shown} |")
    return "\n".join(lines)


def tables_table():
    lines = ["| table | file | judged | columns |", "|---|---|---|---|"]
    for name, table in shipped_tables().items():
        columns = ", ".join(f"`{one}`" for one in table.schema.names)
        lines.append(f"| `{name}` | {table.contract} | {table.judged} | {columns} |")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("section", "table"),
    [("tables", tables_table), ("rules", rules_table), ("expectations", expectations_table)],
)
def test_the_readme_lists_every_table_rule_and_expectation(section, table):
    found = re.search(f"<!-- {section} -->\n(.*?)\n?<!-- /{section} -->", README, re.DOTALL)
    assert found, f"the README has no section {section}"
    assert found.group(1) == table(), f"replace the section {section} by:\n{table()}"


def test_the_readme_names_every_word_that_a_rule_may_use():
    arguments = {name for allowed in ARGUMENTS.values() for name in allowed}
    metrics = {str(metric) for metric in ARGUMENTS}
    for word in {*metrics, *arguments, *map(str, Operator), *filter(None, SEVERITIES)}:
        assert f"`{word}`" in README, word
