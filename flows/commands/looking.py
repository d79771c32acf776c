"""Commands that look into what is there, and change nothing."""

import json as json_text
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.completion import a_version
from flows.commands.options import (
    DEFAULT_WAREHOUSE,
    Dataset,
    Json,
    Most,
    RecipePath,
    Version,
    Wanted,
    WarehousePath,
)


class Topic(StrEnum):
    """What `mill explain` can explain."""

    RECIPE = "recipe"
    TASK = "task"
    COMPRESS = "compress"
    REASONS = "reasons"
    ERRORS = "errors"


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


def why(
    record: Annotated[str, typer.Argument(help="A record's key, or (the start of) its id.")],
    dataset: Dataset = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Tell a record's whole story: where it came from, what became of it, and why."""
    from data_contracts.warehouse import Warehouse
    from flows.stories import find_stories
    from flows.terminal import console, leave_output_to_json
    from flows.terminal_story import print_story

    leave_output_to_json(json)

    stories, total = find_stories(Warehouse.existing(warehouse), dataset, record)
    for story in stories:
        print_story(story)
    if total > len(stories):
        console.print(f"… and {total - len(stories):,} records more")
    if json:
        print(json_text.dumps([story.model_dump(mode="json") for story in stories]))


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


def diff(
    before: Version,
    after: Annotated[
        str | None,
        typer.Argument(
            help="The later version; without it, BEFORE and the one that came before.",
            autocompletion=a_version,
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write a page of its own, one HTML file, here.")
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Compare two dataset versions: records, fates by reason, tokens by source, drift."""
    from data_contracts.warehouse import Warehouse
    from data_contracts.whole_text import replace_text
    from flows.comparison import compare, find_versions
    from flows.reports.comparison_page import render_comparison
    from flows.terminal import leave_output_to_json
    from flows.terminal_comparison import print_comparison

    leave_output_to_json(json)

    found = compare(*find_versions(Warehouse.existing(warehouse), before, after))
    print_comparison(found)
    if page is not None:
        replace_text(page, render_comparison(found))
    if json:
        print(found.model_dump_json())


def report(
    wanted: Wanted = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    data_docs: Annotated[
        Path | None,
        typer.Option(
            help="Also write Great Expectations Data Docs of a dataset here; they load styles from "
            "the internet."
        ),
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Tell where the report of a version is, or open it."""
    import webbrowser

    from data_contracts.warehouse import Warehouse
    from flows.finding_reports import find_report
    from flows.terminal import console, leave_output_to_json

    leave_output_to_json(json)

    found = find_report(Warehouse.existing(warehouse), wanted)
    written = None
    if data_docs is not None:
        from flows.data_docs import write_data_docs

        written = write_data_docs(found.path.parent, data_docs)
    for line in (found.url, str(found.path), str(written) if written else None):
        if line:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    if show:
        webbrowser.open(found.url or found.path.as_uri())
    if json:
        print(
            json_text.dumps(
                {**found.model_dump(mode="json"), "data_docs": written and str(written)}
            )
        )


def show(
    file: Annotated[Path, typer.Argument(help="Parquet, Arrow, or any file that ingest reads.")],
    row: Annotated[int, typer.Option(min=1, help="Which row, from 1, as positions in a ledger.")],
    text_field: Annotated[
        str, typer.Option(help="Field of the text, for files whose records have fields.")
    ] = "text",
    json: Json = False,
) -> None:
    """Show one row of a file, whatever it holds: as it lies there, and as the mill reads it."""
    from flows.showing import show_row
    from flows.terminal import leave_output_to_json
    from flows.terminal_rows import print_row

    leave_output_to_json(json)

    found = show_row(file, row, text_field)
    print_row(found)
    if json:
        print(found.model_dump_json())


def lineage(
    wanted: Wanted = None,
    as_mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a Mermaid flowchart instead of a tree.")
    ] = False,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Follow a version back to its sources and on to the models trained on it."""
    from data_contracts.warehouse import Warehouse
    from flows.lineage import mermaid, trace
    from flows.terminal import leave_output_to_json
    from flows.terminal_lineage import print_lineage

    leave_output_to_json(json)

    found = trace(Warehouse.existing(warehouse), wanted)
    if as_mermaid and not json:
        print(mermaid(found), end="")
    else:
        print_lineage(found)
    if json:
        print(json_text.dumps({**found.model_dump(mode="json"), "mermaid": mermaid(found)}))


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


def explain(
    topic: Annotated[
        Topic,
        typer.Argument(
            help="What to explain: fields of recipes, of task or compression files, reasons, errors."
        ),
    ] = Topic.RECIPE,
    word: Annotated[str, typer.Argument(help="Only what has this word in its name.")] = "",
    json: Json = False,
) -> None:
    """Explain every field of recipes, task and compression files, every drop reason and error."""
    from flows import explain as reference
    from flows.terminal import leave_output_to_json, print_entries

    leave_output_to_json(json)

    tell = {
        Topic.RECIPE: reference.recipe_fields,
        Topic.TASK: reference.task_fields,
        Topic.COMPRESS: reference.compress_fields,
        Topic.REASONS: reference.drop_reasons,
        Topic.ERRORS: reference.error_classes,
    }[topic]
    entries = [one for one in tell() if word.lower() in one.name.lower()]
    print_entries(entries)
    if json:
        print(json_text.dumps([one.model_dump() for one in entries]))
