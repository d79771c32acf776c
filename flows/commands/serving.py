"""Commands that start what goes on running."""

from flows.commands.options import DEFAULT_WAREHOUSE, WarehousePath


def up(warehouse: WarehousePath = DEFAULT_WAREHOUSE) -> None:
    """Start the Prefect pages, a worker and the report server; Ctrl-C stops all of it."""
    from data_contracts.warehouse import Warehouse
    from flows.terminal import console
    from flows.workplace import run_workplace

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    run_workplace(Warehouse.create(warehouse), say)
