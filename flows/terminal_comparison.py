"""What `mill diff` prints for people. Names and keys are escaped: they come from corpora."""

from rich.markup import escape
from rich.table import Table

from flows.comparison import Comparison, Move, records_of
from flows.reports.formats import NO_VALUE, quantity
from flows.reports.visible_text import one_line, visible
from flows.terminal import console

KEY_SHOWN = 80
DRIFT_SHOWN = 10
ELSEWHERE = "(not there)"
"""Stands for the fate of a record that a version does not have."""


def print_comparison(found: Comparison) -> None:
    """Print what came and went, whose fate changed and why, and what moved."""
    _say(
        f"{found.before} to {found.after}: {found.added:,} records added, {found.removed:,} "
        f"removed, {found.changed:,} changed"
    )
    if not found.same_tokenizer:
        _say("The tokenizers differ, so tokens do not compare.")
    console.print(_sources(found))
    for title, grouped in (
        ("Records in both, with another fate", found.fate_changes),
        ("Records in one of them", found.arrivals),
    ):
        if grouped:
            console.print(_moves(title, grouped))
    console.print(_drift(found))
    left = found.drift[DRIFT_SHOWN:]
    if left:
        _say(f"and {len(left):,} signals that moved less (at most {left[0].psi:.3f})")
    if found.signals_not_compared:
        _say(f"Measured in one of them only: {', '.join(found.signals_not_compared)}")


def _sources(found: Comparison) -> Table:
    table = _table("By source", "source", "records", "added", "removed", "changed")
    for column in ("kept", "tokens", "gained", "lost"):
        table.add_column(column, justify="right")
    for one in found.sources:
        table.add_row(
            escape(visible(one.name)),
            _from_to(one.records_before, one.records_after),
            *(f"{number:,}" for number in (one.added, one.removed, one.changed)),
            _from_to(one.kept_before, one.kept_after),
            _from_to(one.tokens_before, one.tokens_after),
            f"+{one.tokens_gained:,}",
            f"-{one.tokens_lost:,}",
        )
    return table


def _moves(title: str, grouped: dict[tuple[str, str], list[Move]]) -> Table:
    table = _table(title, "from", "to", "records", "such as")
    table.columns[1].justify = "left"
    table.columns[3].justify = "left"
    for (before, after), moves in grouped.items():
        first = max(moves, key=lambda one: (one.records, one.source))
        example = f"{first.example.record_id} ({first.source}, {first.example.key})"
        table.add_row(
            before or ELSEWHERE,
            after or ELSEWHERE,
            f"{records_of(moves):,}",
            escape(one_line(example, KEY_SHOWN)),
        )
    return table


def _drift(found: Comparison) -> Table:
    title = "Drift of the documents' signals: population stability index"
    table = _table(title, "signal", "index", "by chance", "mean before", "mean after")
    table.add_column("")
    for one in found.drift[:DRIFT_SHOWN]:
        means = (one.mean_before, one.mean_after)
        table.add_row(
            one.signal,
            f"{one.psi:.3f}",
            f"{one.by_chance:.3f}",
            *(NO_VALUE if mean is None else quantity(mean) for mean in means),
            one.verdict,
        )
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, pad_edge=False)
    table.add_column(first)
    for column in others:
        table.add_column(column, justify="right")
    return table


def _from_to(before: int, after: int) -> str:
    return f"{before:,}" if before == after else f"{before:,} → {after:,}"


def _say(line: str) -> None:
    console.print(escape(visible(line)), highlight=False, soft_wrap=True)
