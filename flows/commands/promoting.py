"""Commands about candidates and production: compare, promote, roll back."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.completion import a_name, a_version
from flows.commands.options import DEFAULT_WAREHOUSE, Json, WarehousePath

Note = Annotated[str, typer.Option(help="Why; it is kept with the alias.")]


def compare(
    candidate: Annotated[
        str,
        typer.Argument(
            help="A model: NAME, NAME@VERSION, NAME@candidate.", autocompletion=a_version
        ),
    ],
    production: Annotated[
        str,
        typer.Argument(help="The model that it is held against.", autocompletion=a_version),
    ],
    page: Annotated[
        Path | None, typer.Option(help="Write a page of its own, one HTML file, here.")
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Measure two models on documents that neither was trained on: a paired bootstrap."""
    from data_contracts.warehouse import Warehouse
    from data_contracts.whole_text import replace_text
    from flows.commands.modelling import tell
    from flows.judging import compare_models
    from flows.reports.verdict_page import render_verdict
    from flows.terminal import leave_output_to_json
    from flows.terminal_aliases import print_comparison

    leave_output_to_json(json)

    place = Warehouse.existing(warehouse)
    found = compare_models(place, candidate, production, tell(json=json))
    print_comparison(found)
    if page is not None:
        replace_text(page, render_verdict(found))
    if json:
        print(found.model_dump_json())


def promote(
    version: Annotated[
        str,
        typer.Argument(
            help="NAME for its candidate, or NAME@VERSION of a model.", autocompletion=a_version
        ),
    ],
    note: Note = "",
    even_unproven: Annotated[
        bool,
        typer.Option(
            "--even-unproven",
            help="Also when it is not shown to be as good as production.",
        ),
    ] = False,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Let a candidate be in production, after a comparison with what is there."""
    from data_contracts.warehouse import Warehouse
    from flows.promotion import promote as put_in_production
    from flows.terminal import leave_output_to_json
    from flows.terminal_aliases import print_standing

    leave_output_to_json(json)

    standing = put_in_production(
        Warehouse.existing(warehouse), version, note=note, even_unproven=even_unproven
    )
    print_standing(standing)
    if json:
        print(standing.model_dump_json())


def rollback(
    name: Annotated[
        str, typer.Argument(help="Name of the dataset and model.", autocompletion=a_name)
    ],
    note: Note = "",
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Let the versions that were in production before be there again."""
    from data_contracts.warehouse import Warehouse
    from flows.promotion import roll_back
    from flows.terminal import leave_output_to_json
    from flows.terminal_aliases import print_rollback

    leave_output_to_json(json)

    pointer = roll_back(Warehouse.existing(warehouse), name, note)
    print_rollback(name, pointer)
    if json:
        print(pointer.model_dump_json())
