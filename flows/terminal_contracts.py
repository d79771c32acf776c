"""Contracts on a terminal."""

from collections.abc import Sequence

from rich.table import Table

from data_contracts.contract_diff import RuleChange, Way
from data_contracts.contract_rules import Rule
from flows.reports.formats import counted
from flows.reports.visible_text import visible
from flows.terminal import console

_COLOURS = {Way.LOOSER: "red", Way.STRICTER: "green", Way.CHANGED: "yellow"}


def print_rules(rules: Sequence[Rule]) -> None:
    """List rules: severity, name, what is expected."""
    table = Table(box=None, pad_edge=False)
    for column in ("severity", "rule", "what is expected"):
        table.add_column(column, overflow="fold")
    for rule in rules:
        table.add_row(str(rule.severity), visible(rule.id), visible(rule.description))
    console.print(table)
    console.print(f"{counted(len(rules), 'rule')}, all of which can be checked.", highlight=False)


def print_changes(changes: Sequence[RuleChange]) -> None:
    """List what sets two contracts apart, looser rules first."""
    if not changes:
        console.print("Every rule is as it was.")
        return
    for change in changes:
        console.print(f"[{_COLOURS[change.way]}]{change.way:8}[/]", end=" ", highlight=False)
        console.print(visible(change.rule), highlight=False, markup=False, soft_wrap=True)
        for word, told in (("was", change.before), ("is", change.after)):
            line = f"         {word:3} {visible(told) if told else 'not there'}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    counts = ", ".join(
        f"{sum(one.way is way for one in changes):,} {way}"
        for way in Way
        if any(one.way is way for one in changes)
    )
    console.print(f"{counted(len(changes), 'rule')} changed: {counts}.", highlight=False)
