"""Markdown that holds foreign text safely: GitHub tables, code spans, pictures, links.

Foreign text only ever stands in a code span, where neither HTML nor links, emphasis or headings
mean anything. The two characters that could end the span or the table cell are shown by a
look-alike, because programs disagree on how they are escaped there.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from flows.reports.visible_text import one_line

TABLE_ROWS: Final = 200
"""Rows of a table at most: pages freeze on tables of thousands."""
_LOOK_ALIKES: Final = str.maketrans({"`": "ˋ", "|": "¦"})


def code(text: str, max_characters: int = 120) -> str:
    """Show foreign text as a code span on one line."""
    shown = one_line(text, max_characters).translate(_LOOK_ALIKES).strip()
    return f"` {shown} `" if shown else "–"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> str:
    """Write a GitHub table.

    Args:
        header: Names of the columns.
        rows: Cells of our own words, of numbers, or from `code`.
        numbers: How many columns, counted from the right, hold numbers.
    """
    kinds = ["---"] * (len(header) - numbers) + ["---:"] * numbers
    lines = [header, kinds, *rows[:TABLE_ROWS]]
    text = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    left = len(rows) - TABLE_ROWS
    return text + (f"\n… and {left:,} more rows.\n" if left > 0 else "")


def picture(title: str, data_uri: str) -> str:
    """Show a picture that lies within the text."""
    return f"![{title}]({data_uri})\n"


def link(title: str, url: str) -> str:
    """Link to a page."""
    return f"[{title}]({quote(url, safe=':/@%?=&#-._~')})"
