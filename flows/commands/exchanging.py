"""Commands over the border of a warehouse: documents out, datasets and older deliveries in."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import DEFAULT_WAREHOUSE, Json, WarehousePath
from flows.export_formats import Format


def export(
    version: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME for its latest version.")],
    to: Annotated[Path, typer.Option(help="Folder to write to, new or empty.")],
    kind: Annotated[
        Format, typer.Option("--format", help="JSON lines, or Parquet (zstd).")
    ] = Format.JSONL,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Write a dataset version's documents as files that every program reads."""
    from data_contracts.warehouse import Warehouse
    from flows.exporting import export as write
    from flows.terminal import leave_output_to_json
    from flows.terminal_exchange import print_exported

    leave_output_to_json(json)

    done = write(Warehouse.existing(warehouse), version, to, kind)
    print_exported(done)
    if json:
        print(done.model_dump_json())
