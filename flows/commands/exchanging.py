"""Commands over the border of a warehouse: documents out, datasets and older deliveries in."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import DEFAULT_WAREHOUSE, Json, RecipePath, Version, WarehousePath
from flows.export_formats import Format


def export(
    version: Version,
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


def backfill(
    recipe: RecipePath,
    source: Annotated[str, typer.Argument(help="A source of the recipe with `delivery: append`.")],
    path: Annotated[str, typer.Argument(help="Older deliveries: a file, folder, glob or URL.")],
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Keep older deliveries of a source, which the next run reads with the others."""
    from data_contracts.warehouse import Warehouse
    from flows.deliveries import backfill as keep
    from flows.recipe import load_recipe
    from flows.terminal import leave_output_to_json
    from flows.terminal_exchange import print_backfilled

    leave_output_to_json(json)

    place = path if "://" in path else str(Path(path).absolute())
    done = keep(Warehouse.create(warehouse), load_recipe(recipe), source, place)
    print_backfilled(done, recipe)
    if json:
        print(done.model_dump_json())


def adopt(
    path: Annotated[
        str, typer.Argument(help="A dataset version's folder, or texts: file, folder, glob, URL.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the dataset; a version keeps its own.")
    ] = None,
    license: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option(help="SPDX identifier of the texts' licence.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="ISO 639 code of the texts' language, if it is one.")
    ] = None,
    text_field: Annotated[
        str | None, typer.Option(help="Field that holds a record's text; default: text.")
    ] = None,
    key_field: Annotated[str | None, typer.Option(help="Field that names a record.")] = None,
    contract: Annotated[
        list[Path] | None, typer.Option(help="One more contract to check, an ODCS v3.1 file.")
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Register data made elsewhere as a dataset version: measured and checked, not edited."""
    from data_contracts.warehouse import Warehouse
    from flows.adoption import adopt_version, is_version, recipe_of_texts
    from flows.commands.building import build
    from flows.terminal import leave_output_to_json
    from flows.terminal_exchange import print_adopted

    leave_output_to_json(json)

    store = Warehouse.create(warehouse)
    if is_version(Path(path)):
        if any((name, license, language, text_field, key_field, contract)):
            raise typer.BadParameter("a dataset version is registered as it is: name no option")
        done = adopt_version(store, Path(path).absolute())
        print_adopted(done, path)
        if json:
            print(done.model_dump_json())
        return
    if name is None:
        raise typer.BadParameter("texts need the name of a dataset: --name NAME")
    fields = {
        "license": license,
        "language": language,
        "text_field": text_field,
        "key_field": key_field,
    }
    place = path if "://" in path else str(Path(path).absolute())
    build(recipe_of_texts(name, place, fields, contract or ()), store, {}, json=json)
