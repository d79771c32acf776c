"""One self-contained HTML file from a template: nothing is loaded, nothing of a corpus is executed.

The page's policy allows two things, by their hashes: the style sheet inside it and, on pages with
tables to sort and search, one script of ours that is the same on every page. There is no inline
style, no picture from elsewhere; every value is escaped, and none is ever part of the script.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from data_contracts.reasons import meaning
from flows.reports import formats
from flows.reports.languages import language_name
from flows.reports.palette import LIGHT, css_variables
from flows.reports.visible_text import one_line, visible

KEY_CHARACTERS: Final = 120
"""Characters shown of a key or a path."""

RULE_CHARACTERS: Final = 400
"""Characters shown of a rule's words, and of what it found."""

SERVED_MARK: Final = "<!-- served -->"
"""Where the report server puts links to its other pages; a file opened from disk shows nothing."""

MODELS_LINKED: Final = 6
"""Models of a dataset version that the report server links to; the index has all."""
_SELF: Final = "'self'"
_TEMPLATES: Final = Path(__file__).parent / "templates"


def render_page(
    template: str,
    figure_styles: Mapping[str, str],
    *,
    tables: bool = False,
    asks: bool = False,
    **values: object,
) -> str:
    """Fill a template in.

    Args:
        template: Its file name.
        figure_styles: CSS of the figures' classes, by class.
        tables: Whether it has tables to sort and search: the script comes with it.
        asks: Whether it has a form that asks the report server.
        values: What the template shows.

    Returns:
        The whole file; equal values give equal text.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=formats.count,
        counted=formats.counted,
        short_count=formats.short_count,
        percent=formats.percent,
        quantity=formats.quantity,
        megabytes=formats.megabytes,
        duration=formats.duration,
        rate=formats.rate,
        moment=formats.moment,
        plain_words=formats.words,
        reason_words=formats.reason_words,
        meaning=meaning,
        language_name=language_name,
        visible=visible,
        ticked=ticked,
        breakable=breakable,
        key=lambda text: one_line(text, KEY_CHARACTERS),
    )
    style = _style_sheet(figure_styles)
    nothing = "'none'"
    policy = (
        f"default-src 'none'; style-src {_hash_source(style)}; "
        f"script-src {script_source() if tables else nothing}; "
        f"base-uri 'none'; form-action {_SELF if asks else nothing}"
    )
    return environment.get_template(template).render(
        style=Markup(style),  # noqa: S704 - ours alone, no value in it
        script=Markup(table_script()) if tables else "",  # noqa: S704 - the same
        policy=policy,
        **values,
    )


@cache
def table_script() -> str:
    """Read the script that sorts and searches tables."""
    return "\n" + (_TEMPLATES / "tables.js").read_text(encoding="utf-8")


def served_links(*, report: bool = False, ledger: bool = False, models: Sequence[str] = ()) -> str:
    """Write the links that a page has while the report server shows it.

    Args:
        report: Whether there is a report beside it.
        ledger: Whether there is a ledger to search, and contracts.
        models: NAME@VERSION of the models trained on it.
    """
    links = [("/", "All versions")]
    if report:
        links.append(("report.html", "Report"))
    if ledger:
        links += [("ledger", "Search the whole ledger"), ("contracts", "Contracts")]
    for label in models[-MODELS_LINKED:]:
        name, _, version = label.partition("@")
        links.append((f"/models/{name}/{version}/report.html", f"Model {label}"))
    items = "".join(f'<li><a href="{url}">{title}</a></li>' for url, title in links)
    return f'<nav class="served" aria-label="Report server"><ul>{items}</ul></nav>'


def script_source() -> str:
    """Name that script as a content security policy does."""
    return _hash_source(table_script())


def _hash_source(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def ticked(text: str) -> Markup:
    """Show text made safe to look at, what stands between backticks as code."""
    parts = [escape(part) for part in visible(text, RULE_CHARACTERS).split("`")]
    if len(parts) % 2 == 0:  # a backtick without a partner is one
        parts[-2:] = [parts[-2] + "`" + parts[-1]]
    coded = [Markup("<code>{}</code>").format(p) if n % 2 else p for n, p in enumerate(parts)]
    return Markup("").join(coded)


def breakable(name: str) -> Markup:
    """Show a column's name, which a narrow page may break behind its underscores alone."""
    return Markup("_<wbr>").join(name.split("_"))


def _style_sheet(figure_styles: Mapping[str, str]) -> str:
    sheet = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    fills = "".join(f".fill-{name}{{fill:var(--{name})}}" for name in LIGHT)
    figures = "".join(f".{name}{{{css}}}" for name, css in sorted(figure_styles.items()))
    return f"\n{css_variables()}{sheet}{fills}{figures}\n"
