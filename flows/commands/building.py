"""Commands that build: what a recipe asks for, and what that would take."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import (
    DEFAULT_WAREHOUSE,
    Changes,
    Json,
    LockPath,
    RecipePath,
    Relearn,
    Sample,
    WarehousePath,
)


def run(
    recipe: RecipePath,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    sample: Sample = None,
    changes: Changes = None,
    lock: LockPath = None,
    relearn_tokenizer: Relearn = False,
    json: Json = False,
) -> None:
    """Build a recipe's dataset, train its model, measure both; reuse what is there."""
    from data_contracts.warehouse import Warehouse
    from flows.forms import chosen
    from flows.terminal import leave_output_to_json

    leave_output_to_json(json)

    loaded = chosen(recipe, tuple(changes or ())).sampled(sample)
    pinned = {"lock": lock and lock.absolute(), "relearn_tokenizer": relearn_tokenizer}
    build(loaded, Warehouse.create(warehouse), pinned, json=json)


def build(recipe: Any, store: Any, pinned: dict[str, Any], *, json: bool) -> None:
    """Do what a recipe asks for, unless it is there, and print a summary."""
    from flows.plan import make_plan
    from flows.terminal import console, print_summary

    plan = make_plan(recipe, store, **pinned)
    if plan.nothing_to_do:
        summary = _what_is_there(plan, store)
        console.print("[green]Nothing to do[/]: all that the recipe asks for is there.\n")
    else:
        plan.require_room()
        summary = _refresh(recipe, store, pinned)
    print_summary(summary, store)
    if json:
        print(summary.model_dump_json())


def _what_is_there(plan: Any, store: Any) -> Any:
    from flows.promotion import offer
    from flows.publish import published_dataset, published_model
    from flows.summary import summarise

    name = plan.recipe.name
    dataset = published_dataset(store, f"{name}@{plan.dataset_version}")
    trained = plan.recipe.train is not None
    model = published_model(store, f"{name}@{plan.model_version}") if trained else None
    offer(store, plan.recipe, dataset, model)  # a run may have been killed before it did
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


def plan(
    recipe: RecipePath,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    sample: Sample = None,
    changes: Changes = None,
    lock: LockPath = None,
    relearn_tokenizer: Relearn = False,
    json: Json = False,
) -> None:
    """Show what a run would do: what is reused, sizes, and the room it takes."""
    from data_contracts.warehouse import Warehouse
    from flows.forms import chosen
    from flows.plan import make_plan
    from flows.terminal import leave_output_to_json, print_plan

    leave_output_to_json(json)

    made = make_plan(
        chosen(recipe, tuple(changes or ())).sampled(sample),
        Warehouse.at(warehouse),
        lock=lock and lock.absolute(),
        relearn_tokenizer=relearn_tokenizer,
    )
    print_plan(made)
    if json:
        print(made.model_dump_json(exclude={"landed": {"__all__": {"files"}}, "forgotten": True}))
    made.require_room()


def train_quality(
    good: Annotated[str, typer.Argument(help="Good texts: a file, folder, glob or URL.")],
    bad: Annotated[str, typer.Argument(help="Bad texts, the same way.")],
    to: Annotated[Path, typer.Option(help="The file to write (safetensors).")],
    text_field: Annotated[str, typer.Option(help="Field that holds a record's text.")] = "text",
    recipe: Annotated[
        Path | None, typer.Option(help="The recipe it is for: texts are read and edited alike.")
    ] = None,
    json: Json = False,
) -> None:
    """Learn a model that tells good texts from bad ones, for `clean.quality_model`."""
    from flows.recipe import load_recipe
    from flows.terminal import console, leave_output_to_json
    from flows.train_quality import train

    leave_output_to_json(json)

    like = None if recipe is None else load_recipe(recipe)
    done = train(good, bad, to, text_field, like)
    one = done.figures
    console.print(
        f"{done.path}: learned from {one.good:,} good and {one.bad:,} bad texts. Of "
        f"{one.held_out_good:,} and {one.held_out_bad:,} kept out, a good one scores above a bad one "
        f"with a chance of {one.auc:.4f}; at 0.5, {one.accuracy:.1%} are told rightly.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if json:
        print(done.model_dump_json())
