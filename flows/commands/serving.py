"""Commands about what goes on running: start it, set it up, look how it is."""

import json as json_text
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import DEFAULT_WAREHOUSE, Json, WarehousePath

Recipes = Annotated[
    Path | None,
    typer.Option(
        file_okay=False, exists=True, help="A folder of recipes that the forms offer in their list."
    ),
]


def up(
    warehouse: WarehousePath = DEFAULT_WAREHOUSE, recipes: Recipes = None, json: Json = False
) -> None:
    """Start the Prefect pages, a worker and the report server; Ctrl-C stops all of it."""
    from data_contracts.warehouse import Warehouse
    from flows.terminal import console, leave_output_to_json
    from flows.workplace import run_workplace

    leave_output_to_json(json)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    def ready(addresses: dict[str, Any]) -> None:
        if json:
            print(json_text.dumps(addresses), flush=True)

    run_workplace(Warehouse.create(warehouse), say, recipes, ready)


def setup(
    warehouse: WarehousePath = DEFAULT_WAREHOUSE, recipes: Recipes = None, json: Json = False
) -> None:
    """Register deployments and automations with the server that runs; twice changes nothing."""
    from data_contracts.errors import ServerUnavailable
    from data_contracts.warehouse import Warehouse
    from flows.prefect_settings import prepare_prefect
    from flows.terminal import leave_output_to_json

    leave_output_to_json(json)

    store = Warehouse.create(warehouse)
    if prepare_prefect(store.prefect_home) is None:
        fix = "Start one with `mill up`, or name one in PREFECT_API_URL."
        raise ServerUnavailable("(none)", "no server runs for this warehouse", fix)
    from flows.registration import register
    from flows.terminal_status import print_registered

    found = register(store.prefect_home, store, recipes)
    print_registered(found)
    if json:
        print(found.model_dump_json())


def status(warehouse: WarehousePath = DEFAULT_WAREHOUSE, json: Json = False) -> None:
    """Show datasets, how fresh they are, candidates and production, runs going on and failed."""
    from data_contracts.warehouse import Warehouse
    from flows.status import look
    from flows.terminal import leave_output_to_json

    leave_output_to_json(json)

    found = look(Warehouse.existing(warehouse))
    from flows.terminal_status import print_status

    print_status(found)
    if json:
        print(found.model_dump_json())
