"""What `mill verify` prints for people."""

from collections.abc import Iterable

from flows.terminal import console
from flows.verification import Verified


def print_verified(found: Iterable[Verified]) -> None:
    """Print what was checked, and found right."""
    for one in found:
        _say(f"{one.path}: {one.files} files are as they were published")
        if one.ledger is not None:
            lost = sum(one.ledger.dropped.values())
            _say(
                f"ledger: {one.ledger.records:,} records = {one.ledger.kept:,} kept + {lost:,} not, "
                f"for {len(one.ledger.dropped)} reasons; {one.ledger.duplicates:,} duplicates, each of "
                f"a kept record; {one.ledger.tokens:,} tokens, each of a document"
            )
        if one.deliveries:
            _say(f"{one.deliveries} kept deliveries of its sources are as they came")


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
