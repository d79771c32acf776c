"""What the Prefect pages show of upkeep: what was removed, and what is overdue."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from flows.collecting import Collection
from flows.freshness import Freshness
from flows.reports.formats import NO_VALUE, count, counted, megabytes
from flows.reports.markdown import code, table
from pipeline.ingest.increments import INDEX_FILE, Increments


def maintenance_markdown(
    collection: Collection, root: Path, database_bytes: int, *, done: bool
) -> str:
    """Show what garbage collection removed, or would remove.

    Args:
        collection: What it found.
        root: The warehouse: places are shown from there.
        database_bytes: Room that the database gave back.
        done: Whether it was removed.
    """
    verb = "Removed" if done else "Would be removed"
    what = f"{counted(len(collection.removals), 'folder')}, {megabytes(collection.bytes_freed)}"
    parts = [f"# Maintenance\n\n{verb}: {what}.\n"]
    if done:
        parts.append(f"The database gave back {megabytes(database_bytes)}.\n")
    if collection.removals:
        rows = [
            (
                code(one.path.relative_to(root).as_posix()),
                one.why + ("" if one.whole else " (rows)"),
            )
            for one in collection.removals
        ]
        parts.append(table(("folder", "why"), rows))
    return "\n".join(parts)


def freshness_markdown(found: Sequence[Freshness], time: datetime) -> str:
    """Show when each dataset was checked and when it is due.

    Args:
        found: Every dataset.
        time: Now.
    """
    rows = [
        (
            code(f"{one.name}@{one.version}"),
            _day(one.checked),
            _day(one.due) if one.due else "whenever",
            "**overdue**" if one.stale_at(time) else "fresh",
        )
        for one in found
    ]
    return "# Freshness\n\n" + (
        table(("dataset", "checked", "due", ""), rows) if rows else "There is no dataset yet.\n"
    )


def deliveries_markdown(name: str, folder: Path) -> str:
    """Show what is kept of the sources that only ever get more.

    Args:
        name: The dataset.
        folder: Where its deliveries are kept.
    """
    rows = []
    for place in sorted(folder.glob(f"*/{INDEX_FILE}")):
        kept = Increments.load(place.parent).increments
        times = sorted(one.since for one in kept)
        size = megabytes(sum(one.bytes for one in kept))
        first, last = (_day(times[0]), _day(times[-1])) if times else (NO_VALUE, NO_VALUE)
        rows.append((code(place.parent.name), first, last, count(len(kept)), size))
    header = ("source", "first kept", "last kept", "files", "size")
    title = f"# Deliveries kept for {name}\n\n"
    return title + (
        table(header, rows, numbers=2)
        if rows
        else "None yet: no run has read a source with `delivery: append`.\n"
    )


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
