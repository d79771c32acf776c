"""What Tab offers for arguments: versions and names of the warehouse, read off its folders."""

from collections.abc import Iterator
from pathlib import Path

import typer


def a_version(context: typer.Context, incomplete: str) -> list[str]:
    """Offer NAME and NAME@VERSION of datasets and models, and of aliases."""
    return [one for one in dict.fromkeys(_labels(context)) if one.startswith(incomplete)]


def a_name(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of datasets and models."""
    names = dict.fromkeys(one.partition("@")[0] for one in _labels(context))
    return [one for one in names if one.startswith(incomplete)]


def _labels(context: typer.Context) -> Iterator[str]:
    from data_contracts.aliases import Alias
    from data_contracts.warehouse import KINDS, Warehouse

    warehouse = Warehouse(Path(context.params.get("warehouse") or "warehouse"))
    for kind in KINDS:
        for name in warehouse.names(kind):
            yield name
            versions = warehouse.versions(kind, name)
            yield from (f"{name}@{one}" for one in versions)
            yield from (f"{name}@{one}" for one in Alias if warehouse.aliases.target(name, one))
