"""Commands about contracts: what one promises, whether it can be checked, what sets two apart."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.completion import a_version
from flows.commands.options import DEFAULT_WAREHOUSE, Json, WarehousePath

contract = typer.Typer(
    name="contract",
    help="Contracts: check a file, compare two, write them as a page.",
    no_args_is_help=True,
)

_WANTED = "A contract file, NAME@VERSION of a dataset, or `mill` for those of this program."


@contract.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Contract files (ODCS v3.1).")],
    json: Json = False,
) -> None:
    """Tell whether contracts can be used beside those of the mill, and what they would check."""
    import json as json_text

    from data_contracts.contracts import Contracts
    from flows.terminal import leave_output_to_json
    from flows.terminal_contracts import print_rules

    leave_output_to_json(json)

    contracts = Contracts.load(files)
    own = {path.absolute() for path in files}
    ids = {one.id for one in contracts.members if one.path.absolute() in own}
    rules = [rule for rule in contracts.rules() if rule.contract in ids]
    print_rules(rules)
    if json:
        print(json_text.dumps([rule.model_dump(mode="json") for rule in rules]))


@contract.command()
def diff(
    before: Annotated[str, typer.Argument(help=_WANTED, autocompletion=a_version)],
    after: Annotated[str, typer.Argument(help=_WANTED, autocompletion=a_version)] = "mill",
    refuse_looser: Annotated[
        bool,
        typer.Option("--refuse-looser", help="Exit with 3 when a rule may have become looser."),
    ] = False,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Compare contracts rule by rule: what became looser, stricter, or just other."""
    import json as json_text

    from data_contracts.contract_diff import Way, diff_contracts
    from flows.contract_files import find_contracts
    from flows.terminal import leave_output_to_json
    from flows.terminal_contracts import print_changes

    leave_output_to_json(json)

    changes = diff_contracts(find_contracts(before, warehouse), find_contracts(after, warehouse))
    print_changes(changes)
    if json:
        print(json_text.dumps([change.model_dump(mode="json") for change in changes]))
    if refuse_looser and any(change.way is not Way.STRICTER for change in changes):
        raise typer.Exit(3)


@contract.command()
def page(
    wanted: Annotated[str, typer.Argument(help=_WANTED, autocompletion=a_version)] = "mill",
    to: Annotated[Path, typer.Option(help="The page, one HTML file.")] = Path("contracts.html"),
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Write contracts as a page: tables, columns, rules, what each one means."""
    import json as json_text

    from data_contracts.whole_text import replace_text
    from flows.contract_files import find_contracts
    from flows.reports.contract_page import render_contracts
    from flows.terminal import console, leave_output_to_json

    leave_output_to_json(json)

    contracts = find_contracts(wanted, warehouse)
    replace_text(to, render_contracts(contracts))
    console.print(str(to.absolute()), highlight=False, markup=False, soft_wrap=True)
    if json:
        stamps = [one.model_dump() for one in contracts.stamps]
        print(json_text.dumps({"page": str(to.absolute()), "contracts": stamps}))
