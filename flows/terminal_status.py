"""What `mill status` and `mill setup` print for people."""

from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from flows.registration import Registered
from flows.reports.visible_text import one_line
from flows.status import DatasetStatus, RunStatus, Status
from flows.terminal import console

MESSAGE_SHOWN = 160


def print_status(status: Status) -> None:
    """Print datasets with their freshness and aliases, then runs."""
    if not status.datasets:
        console.print("no dataset yet: mill run RECIPE", highlight=False)
    for one in status.datasets:
        _print_dataset(one)
    if status.pages is None:
        console.print("\nPrefect is not running here: mill up shows runs", highlight=False)
        return
    if not status.runs:
        console.print("\nno run goes on, none failed in the last 7 days", highlight=False)
    else:
        console.print("\nruns", style="bold")
    for run in status.runs:
        _print_run(run)
    console.print(f"\nPrefect   {status.pages}", highlight=False, soft_wrap=True)


def _print_dataset(one: DatasetStatus) -> None:
    console.print(f"[bold]{one.name}@{one.version}[/]", highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(width=11)
    table.add_column()
    versions = f"{one.versions} version{'' if one.versions == 1 else 's'}"
    kept = f"{one.records_kept:,} of {one.records_in:,} records, {one.tokens:,} tokens; {versions}"
    table.add_row("holds", kept)
    table.add_row("checked", f"{_time(one.checked)} (made {_time(one.made)})")
    due = "whenever: its contract sets no limit" if one.due is None else _time(one.due)
    table.add_row("due", f"[red]overdue since {due}[/]" if one.overdue else due)
    table.add_row("model", one.model or "none yet")
    table.add_row("candidate", one.candidate or "none")
    table.add_row("production", one.production or f"none yet: mill promote {one.name}")
    if one.written_by is not None:
        table.add_row("being made", f"[green]by process {one.written_by}[/]")
    console.print(table, highlight=False)


def _print_run(run: RunStatus) -> None:
    colour = "red" if run.state in ("Failed", "Crashed", "TimedOut") else "green"
    since = f" since {_time(run.since)}" if run.since else ""
    name = escape(one_line(run.name, MESSAGE_SHOWN))
    console.print(f"  [{colour}]{run.state}[/]{since}  {name} ({run.flow})", highlight=False)
    if run.message and colour == "red":
        said = escape(one_line(run.message, MESSAGE_SHOWN))
        console.print(f"    {said}\n    {run.page}", highlight=False, soft_wrap=True)


def print_registered(found: Registered) -> None:
    """Print what a server knows of the mill now."""
    console.print(f"server       {found.api_url}", highlight=False, soft_wrap=True)
    console.print(f"work pool    {found.pool}", highlight=False)
    names = ", ".join(one.partition("/")[2] for one in found.deployments)
    console.print(f"deployments  {names}", highlight=False)
    for name, on in (found.schedules | found.automations).items():
        console.print(
            f"{'[green]on [/]' if on else 'off'}          {escape(name)}", highlight=False
        )


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
