"""Commands that keep a warehouse sound: checks, forgetting, collecting what nobody needs."""

import json as json_text
from typing import Annotated

import typer

from flows.commands.options import DEFAULT_WAREHOUSE, Json, Version, WarehousePath


def verify(
    version: Version,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Compare a version's files with their checksums, and add a dataset's ledger up."""
    from data_contracts.warehouse import Warehouse
    from flows.terminal import leave_output_to_json
    from flows.terminal_verification import print_verified
    from flows.verification import verify as check

    leave_output_to_json(json)

    found = check(Warehouse.existing(warehouse), version)
    print_verified(found)
    if json:
        print(json_text.dumps([one.model_dump(mode="json") for one in found]))


def forget(
    records: Annotated[list[str], typer.Argument(help="Keys or record_ids, whole ones.")],
    dataset: Annotated[str, typer.Option(help="The dataset's name.")],
    only_this: Annotated[
        bool, typer.Option("--only-this", help="Leave the duplicates of these records.")
    ] = False,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Put records and their duplicates on the forget list; tell what holds their text."""
    from data_contracts.warehouse import Warehouse
    from flows.forgetting import forget as put_on_list
    from flows.terminal import leave_output_to_json, print_forgetting

    leave_output_to_json(json)

    done = put_on_list(Warehouse.existing(warehouse), dataset, records, only_this=only_this)
    print_forgetting(done)
    if json:
        print(done.model_dump_json())


def gc(
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Keep so many versions of each dataset and model; default: all."),
    ] = None,
    forgotten: Annotated[
        bool,
        typer.Option(
            "--forgotten", help="Also remove all that holds the text of forgotten records."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be removed.")
    ] = False,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Remove what no kept version needs: left-overs of killed runs, stale caches."""
    from data_contracts.warehouse import Warehouse
    from flows.collecting import collect
    from flows.terminal import leave_output_to_json, print_collection

    leave_output_to_json(json)

    store = Warehouse.existing(warehouse)
    collection = collect(store, keep=keep, forgotten=forgotten, dry_run=dry_run)
    print_collection(collection, store, done=not dry_run)
    if json:
        print(collection.model_dump_json())
