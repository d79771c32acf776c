"""What `mill export`, `adopt` and `backfill` print for people."""

import shlex
from pathlib import Path

from flows.deliveries import Backfilled
from flows.exporting import Exported
from flows.publish import Published
from flows.reports.formats import counted
from flows.terminal import console


def print_exported(done: Exported) -> None:
    """Print what was written where."""
    counts = ", ".join(f"{split} {count:,}" for split, count in done.documents.items())
    _say(f"{done.version}: {counts} documents")
    _say(f"{done.folder}: {counted(len(done.files), 'file')}, {done.bytes / 1e6:,.1f} MB")


def print_adopted(done: Published, origin: str) -> None:
    """Print which version an adopted one is."""
    said = "is registered as" if done.created else "was here before, as"
    _say(f"{origin} {said} {done.label}: {done.path}")


def print_backfilled(done: Backfilled, recipe: Path) -> None:
    """Print what was kept, and what comes next."""
    old = done.files - done.kept
    _say(
        f"source {done.source} of {done.dataset}: {counted(done.files, 'file')}, {done.bytes / 1e6:,.1f} MB; "
        f"{done.kept} kept now, {old} there before"
    )
    if done.kept:
        _say(f"The next run reads them: mill run {shlex.quote(str(recipe))}")


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
