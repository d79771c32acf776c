"""The page of contracts: every table, column and rule, as the files say it."""

from typing import Any

import pyarrow as pa

from data_contracts.contract import Contract
from data_contracts.contract_rules import Rule, Severity
from data_contracts.contracts import Contracts
from data_contracts.shipped_contracts import Judged, shipped_tables
from flows.reports.formats import count, counted
from flows.reports.page import render_page

_MOMENTS = {
    Judged.BORDER: "Its columns are checked whenever a stage reads it; it has no rules.",
    Judged.GATE: "Its rules are checked after deduplication, before anything is written for training.",
    Judged.RELEASE: "Its rules are checked after tokens are written, before a version appears.",
    Judged.MODEL: "Its rules are checked after a model was measured, before it may be promoted.",
}


def render_contracts(contracts: Contracts) -> str:
    """Lay out the page of contracts: one HTML file that loads nothing.

    Equal contracts give equal bytes.
    """
    rules = contracts.rules()
    severities = [
        (str(one), count(sum(rule.severity is one for rule in rules))) for one in Severity
    ]
    return render_page(
        "contracts.html",
        {},
        tables=True,
        lead=f"{counted(len(rules), 'rule')} in {counted(len(contracts.members), 'contract')}: what "
        "tables must be, what happens when they are not, and when it is checked.",
        headline=[("contracts", count(len(contracts.members))), *severities],
        sections=[(one.id.replace(".", "-"), one.id) for one in contracts.members],
        contracts=[_contract(one, rules) for one in contracts.members],
    )


def _contract(contract: Contract, rules: tuple[Rule, ...]) -> dict[str, Any]:
    document = contract.document
    description = document.description
    return {
        "anchor": contract.id.replace(".", "-"),
        "title": document.name or contract.id,
        "id": contract.id,
        "version": contract.version,
        "sha256": contract.sha256,
        "texts": [
            (title, " ".join(text.split()))
            for title in ("purpose", "usage", "limitations")
            if description and (text := getattr(description, title, None))
        ],
        "promises": [
            f"{one.description or one.property} ({one.property}: {one.value} {one.unit or ''})"
            for one in document.slaProperties or []
        ],
        "tables": [_table(contract, str(one.name), one, rules) for one in document.schema_ or []],
    }


def _table(contract: Contract, name: str, table: Any, rules: tuple[Rule, ...]) -> dict[str, Any]:
    fields = contract.arrow_schema(name)
    written = {str(one.name): one for one in table.properties or []}
    return {
        "name": name,
        "description": " ".join((table.description or "").split()),
        "moment": _MOMENTS[shipped_tables()[name].judged],
        "columns": [
            (
                field.name,
                _type(field.type),
                "never null" if not field.nullable else "may be null",
                " ".join((written[field.name].description or "").split()),
            )
            for field in fields
        ],
        "rules": [one for one in rules if one.contract == contract.id and one.table == name],
    }


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "struct of " + ", ".join(field.name for field in kind)
    return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))
