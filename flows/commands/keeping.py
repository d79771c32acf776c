"""Commands that keep a warehouse sound: checks, forgetting, collecting what nobody needs."""

import json as json_text
from typing import Annotated, Any

import typer

from flows.commands.completion import a_name
from flows.commands.options import DEFAULT_WAREHOUSE, Json, Version, WarehousePath


def verify(
    version: Version,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Compare a version's files with their checksums, and add a dataset's ledger up."""
    from data_contracts.errors import VersionUnknown
    from data_contracts.manifest import DatasetManifest, ModelManifest
    from data_contracts.warehouse import Warehouse
    from flows.arithmetic import check_books
    from flows.deliveries import verify_deliveries
    from flows.terminal import console, leave_output_to_json

    leave_output_to_json(json)

    store = Warehouse.existing(warehouse)
    found: list[dict[str, Any]] = []
    for kind, manifest in (("datasets", DatasetManifest), ("models", ModelManifest)):
        try:
            folder = store.find(kind, version)  # type: ignore[arg-type]
        except VersionUnknown:
            continue
        loaded = manifest.load(folder)
        loaded.verify(folder)
        found.append({"kind": kind, "path": str(folder), "files": len(loaded.files)})
        said = f"{folder}: {len(loaded.files)} files are as they were published"
        console.print(said, highlight=False, markup=False, soft_wrap=True)
        if isinstance(loaded, DatasetManifest):
            books = check_books(folder, loaded)
            found[-1]["ledger"] = books.model_dump(mode="json")
            lost = sum(books.dropped.values())
            said = (
                f"ledger: {books.records:,} records = {books.kept:,} kept + {lost:,} not, for "
                f"{len(books.dropped)} reasons; {books.duplicates:,} duplicates, each of a kept "
                f"record; {books.tokens:,} tokens, each of a document"
            )
            console.print(said, highlight=False, markup=False, soft_wrap=True)
            if kept := verify_deliveries(store, loaded.name):
                said = f"{store.increments(loaded.name)}: {kept} kept deliveries are as they came"
                console.print(said, highlight=False, markup=False, soft_wrap=True)
    if not found:
        raise VersionUnknown("version", version, store.names("datasets") + store.names("models"))
    if json:
        print(json_text.dumps(found))


def forget(
    records: Annotated[list[str], typer.Argument(help="Keys or record_ids, whole ones.")],
    dataset: Annotated[str, typer.Option(help="The dataset's name.", autocompletion=a_name)],
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
