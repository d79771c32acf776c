"""What `mill export`, `adopt` and `backfill` print for people."""

from flows.exporting import Exported
from flows.terminal import console


def print_exported(done: Exported) -> None:
    """Print what was written where."""
    counts = ", ".join(f"{split} {count:,}" for split, count in done.documents.items())
    _say(f"{done.version}: {counts} documents")
    _say(f"{done.folder}: {len(done.files)} files, {done.bytes / 1e6:,.1f} MB")


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
