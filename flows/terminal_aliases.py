"""What `mill compare`, `promote` and `rollback` print for people."""

from rich.markup import escape
from rich.table import Table

from data_contracts.aliases import Pointer
from data_contracts.results import Interval
from data_contracts.verdict import Comparison
from flows.promotion import Standing, in_words
from flows.reports.visible_text import visible
from flows.terminal import console


def print_comparison(found: Comparison) -> None:
    """Print both models' figures, the difference and what follows."""
    table = Table(box=None, pad_edge=False)
    for column in ("", "bits per byte", "95% interval", "documents"):
        table.add_column(column, justify="left" if not column else "right")
    documents = f"{found.documents:,}"
    table.add_row(found.candidate, *_cells(found.candidate_bits_per_byte), documents)
    table.add_row(found.production, *_cells(found.production_bits_per_byte), documents)
    table.add_row("difference", *_cells(found.difference, "+.4f"), documents)
    for name, one in found.sources.items():
        value, interval = _cells(one.difference, "+.4f")
        interval = interval if one.documents > 1 else ""  # one document drawn again is itself
        table.add_row(f"  {escape(visible(name))}", value, interval, f"{one.documents:,}")
    console.print(table)
    said = f"{found.documents:,} of {found.held_out_in_both:,} documents that both hold out"
    if found.seen_in_training:
        said += f"; training text of either repeats 13 tokens of {found.seen_in_training:,}"
    beyond = found.held_out_in_both - found.seen_in_training - found.documents
    if beyond:
        said += f"; {beyond:,} are beyond promotion.max_text_bytes"
    console.print(said, highlight=False, soft_wrap=True)
    colour = "green" if found.may_promote else "yellow"
    console.print(f"[{colour}]{in_words(found)}[/]", highlight=False, soft_wrap=True)


def print_standing(standing: Standing) -> None:
    """Print what was promoted over what."""
    if standing.comparison is not None:
        print_comparison(standing.comparison)
    label = standing.candidate.model or standing.candidate.dataset
    console.print(f"production of {standing.name} is {label}", highlight=False, soft_wrap=True)
    before = standing.production
    if before is not None and before != standing.candidate:
        said = f"before: {before.model or before.dataset}; mill rollback {standing.name} goes back"
        console.print(said, highlight=False, soft_wrap=True)


def print_rollback(name: str, pointer: Pointer) -> None:
    """Print what is in production again."""
    label = pointer.target.model or pointer.target.dataset
    console.print(f"production of {name} is {label} again", highlight=False, soft_wrap=True)


def _cells(one: Interval, digits: str = ".4f") -> tuple[str, str]:
    return f"{one.value:{digits}}", f"{one.low:{digits}} to {one.high:{digits}}"
