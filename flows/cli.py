"""The `mill` command line.

Exit codes: 0 done, 2 wrong usage or recipe, 3 contract failed, 4 unreadable input over the limit,
1 anything else, 130 stopped by Ctrl-C. Imports are late on purpose: `mill --help` answers at once.
"""

import json as json_text
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from data_contracts.errors import CorpusError

STOPPED = 130


class Topic(StrEnum):
    """What `mill explain` can explain."""

    RECIPE = "recipe"
    REASONS = "reasons"
    ERRORS = "errors"


app = typer.Typer(
    name="mill",
    help="Corpusmill: raw corpora in; a tracked dataset, a trained model, an honest verdict out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 2 wrong usage or recipe, 3 contract failed, "
    "4 unreadable input over the limit, 1 anything else.",
)

RecipePath = Annotated[Path, typer.Argument(help="A recipe file (YAML).")]
WarehousePath = Annotated[
    Path, typer.Option("--warehouse", "-w", help="Folder that versions are published in.")
]
Sample = Annotated[
    int | None, typer.Option(min=1, help="Take only this many records of each source.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Dataset = Annotated[
    str | None,
    typer.Option(help="NAME@VERSION, or NAME for its latest version; default: the latest of all."),
]
LockPath = Annotated[
    Path | None,
    typer.Option(
        "--lock",
        help="Use the tokenizer of this folder, such as a dataset version of another warehouse: "
        "a rebuild elsewhere then makes the same bytes.",
    ),
]
Relearn = Annotated[
    bool, typer.Option("--relearn-tokenizer", help="Learn a tokenizer from the data as it is now.")
]
Most = Annotated[int, typer.Option("--most", "-n", min=1, help="How many to show.")]
DEFAULT_WAREHOUSE = Path("warehouse")


@app.command()
def run(
    recipe: RecipePath,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    sample: Sample = None,
    lock: LockPath = None,
    relearn_tokenizer: Relearn = False,
    json: Json = False,
) -> None:
    """Build a recipe's dataset, train its model, measure both; reuse what is there."""
    from data_contracts.warehouse import Warehouse
    from flows.plan import make_plan
    from flows.recipe import load_recipe
    from flows.terminal import console, leave_output_to_json, print_summary

    leave_output_to_json(json)

    loaded = load_recipe(recipe).sampled(sample)
    store = Warehouse.create(warehouse)
    pinned: dict[str, Any] = {
        "lock": lock and lock.absolute(),
        "relearn_tokenizer": relearn_tokenizer,
    }
    plan = make_plan(loaded, store, **pinned)
    if plan.nothing_to_do:
        summary = _what_is_there(plan, store)
        console.print("[green]Nothing to do[/]: all that the recipe asks for is there.\n")
    else:
        plan.require_room()
        summary = _refresh(loaded, store, pinned)
    print_summary(summary, store)
    if json:
        print(summary.model_dump_json())


def _what_is_there(plan: Any, store: Any) -> Any:
    from flows.publish import published_dataset, published_model
    from flows.summary import summarise

    name = plan.recipe.name
    dataset = published_dataset(store, f"{name}@{plan.dataset_version}")
    trained = plan.recipe.train is not None
    model = published_model(store, f"{name}@{plan.model_version}") if trained else None
    return summarise(plan.recipe, store, dataset, model)


def _refresh(recipe: Any, store: Any, pinned: dict[str, Any]) -> Any:
    from rich.console import Console

    from flows.workplace import some_server

    console = Console(stderr=True, markup=False)
    with some_server(
        store.prefect_home, lambda text: console.print(text, style="dim", highlight=False)
    ):
        from flows.listeners import terminal_progress
        from flows.refresh import refresh

        with terminal_progress(console):
            return refresh(recipe=recipe, warehouse=store.root, **pinned)


@app.command()
def plan(
    recipe: RecipePath,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    sample: Sample = None,
    lock: LockPath = None,
    relearn_tokenizer: Relearn = False,
    json: Json = False,
) -> None:
    """Show what a run would do: what is reused, sizes, and the room it takes."""
    from data_contracts.warehouse import Warehouse
    from flows.plan import make_plan
    from flows.recipe import load_recipe
    from flows.terminal import leave_output_to_json, print_plan

    leave_output_to_json(json)

    made = make_plan(
        load_recipe(recipe).sampled(sample),
        Warehouse.at(warehouse),
        lock=lock and lock.absolute(),
        relearn_tokenizer=relearn_tokenizer,
    )
    print_plan(made)
    if json:
        print(made.model_dump_json(exclude={"landed": {"__all__": {"files"}}, "forgotten": True}))
    made.require_room()


@app.command()
def what_if(
    recipe: RecipePath,
    changes: Annotated[
        list[str],
        typer.Option("--set", help="clean.FIELD=VALUE, such as clean.rules.min_words=30."),
    ],
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    examples: Annotated[int, typer.Option(min=0, help="Records to name per source and way.")] = 3,
    json: Json = False,
) -> None:
    """Show what other cleaning rules would keep and drop, without reading any text."""
    from data_contracts.warehouse import Warehouse
    from flows.terminal import leave_output_to_json
    from flows.what_if import ask, print_answer

    leave_output_to_json(json)

    answer = ask(recipe, changes, Warehouse.existing(warehouse), examples)
    print_answer(answer)
    if json:
        print(answer.model_dump_json())


@app.command()
def why(
    record: Annotated[str, typer.Argument(help="A record's key, or (the start of) its id.")],
    dataset: Dataset = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Tell a record's whole story: where it came from, what became of it, and why."""
    from data_contracts.warehouse import Warehouse
    from flows.stories import find_stories
    from flows.terminal import console, leave_output_to_json, print_story

    leave_output_to_json(json)

    stories, total = find_stories(Warehouse.existing(warehouse), dataset, record)
    for story in stories:
        print_story(story)
    if total > len(stories):
        console.print(f"… and {total - len(stories):,} records more")
    if json:
        print(json_text.dumps([story.model_dump(mode="json") for story in stories]))


@app.command()
def near(
    text: Annotated[str, typer.Argument(metavar="TEXT|FILE", help="Words, or a text file.")],
    dataset: Dataset = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    most: Most = 10,
    json: Json = False,
) -> None:
    """Find the documents of a dataset most similar to a text, with the exact similarity."""
    from data_contracts.warehouse import Warehouse
    from flows.near import find_near, text_or_file
    from flows.terminal import leave_output_to_json
    from flows.terminal_lookalikes import print_near

    leave_output_to_json(json)

    found = find_near(Warehouse.existing(warehouse), dataset, text_or_file(text), most)
    print_near(found)
    if json:
        print(json_text.dumps([one.model_dump() for one in found]))


@app.command()
def clusters(
    dataset: Dataset = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    most: Most = 10,
    json: Json = False,
) -> None:
    """Show the records that most others repeat, and how their duplicates differ."""
    from data_contracts.warehouse import Warehouse
    from flows.clusters import biggest_clusters
    from flows.terminal import leave_output_to_json
    from flows.terminal_lookalikes import print_clusters

    leave_output_to_json(json)

    found = biggest_clusters(Warehouse.existing(warehouse), dataset, most)
    print_clusters(found)
    if json:
        print(json_text.dumps([one.model_dump() for one in found]))


@app.command(name="ls")
def list_versions(
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """List the datasets and models of a warehouse, with their versions."""
    from data_contracts.warehouse import Warehouse
    from flows.terminal import leave_output_to_json, print_versions

    leave_output_to_json(json)

    rows = print_versions(Warehouse.existing(warehouse))
    if json:
        print(json_text.dumps(rows))


@app.command()
def verify(
    version: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME for its latest version.")],
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """Compare every file of a dataset or model version with its checksum."""
    from data_contracts.errors import VersionUnknown
    from data_contracts.manifest import DatasetManifest, ModelManifest
    from data_contracts.warehouse import Warehouse
    from flows.terminal import console

    store = Warehouse.existing(warehouse)
    found = 0
    for kind, manifest in (("datasets", DatasetManifest), ("models", ModelManifest)):
        try:
            folder = store.find(kind, version)  # type: ignore[arg-type]
        except VersionUnknown:
            continue
        loaded = manifest.load(folder)
        loaded.verify(folder)
        found += 1
        said = f"{folder}: {len(loaded.files)} files are as they were published"
        console.print(said, highlight=False, markup=False, soft_wrap=True)
    if not found:
        raise VersionUnknown("version", version, store.names("datasets") + store.names("models"))


@app.command()
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


@app.command()
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


@app.command()
def explain(
    topic: Annotated[
        Topic, typer.Argument(help="What to explain: the recipe's fields, reasons, or errors.")
    ] = Topic.RECIPE,
    word: Annotated[str, typer.Argument(help="Only what has this word in its name.")] = "",
    json: Json = False,
) -> None:
    """Explain every field of a recipe, every drop reason, every error."""
    from flows import explain as reference
    from flows.terminal import leave_output_to_json, print_entries

    leave_output_to_json(json)

    tell = {
        Topic.RECIPE: reference.recipe_fields,
        Topic.REASONS: reference.drop_reasons,
        Topic.ERRORS: reference.error_classes,
    }[topic]
    entries = [one for one in tell() if word.lower() in one.name.lower()]
    print_entries(entries)
    if json:
        print(json_text.dumps([one.model_dump() for one in entries]))


@app.command()
def up(warehouse: WarehousePath = DEFAULT_WAREHOUSE) -> None:
    """Start the Prefect pages, a worker and the report server; Ctrl-C stops all of it."""
    from data_contracts.warehouse import Warehouse
    from flows.terminal import console
    from flows.workplace import run_workplace

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    run_workplace(Warehouse.create(warehouse), say)


def main() -> None:
    """Run the command line; errors that users can meet are told without a traceback."""
    try:
        app()
    except CorpusError as error:
        from flows.reports.visible_text import visible

        print(f"mill: {visible(str(error))}", file=sys.stderr)  # it may quote a corpus
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == STOPPED:  # Typer's answer to Ctrl-C
            print("mill: stopped; nothing is half-published, a rerun continues", file=sys.stderr)
        raise
