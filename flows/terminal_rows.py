"""A row of a file on a terminal, its text bounded and safe to look at."""

from typing import Final

from flows.reports.visible_text import visible
from flows.showing import ShownRow
from flows.terminal import console

_MOST: Final = 4000
"""Characters shown of a field."""


def print_row(shown: ShownRow) -> None:
    """Print the raw line, then every field."""
    _say(f"{visible(shown.path)}, row {shown.row:,} ({shown.format})")
    if shown.raw is not None:
        _say(f"line      {visible(shown.raw, _MOST)}")
    for name, value in shown.fields.items():
        _say(f"{visible(name):9} {visible(str(value), _MOST)}")


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
