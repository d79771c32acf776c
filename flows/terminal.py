"""What `mill` prints for people: on standard output, or on standard error beside `--json`."""

import shlex
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from data_contracts.errors import VersionCorrupt
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.warehouse import KINDS, Kind, Warehouse
from flows.collecting import Collection
from flows.explain import Entry
from flows.forgetting import Forgetting
from flows.plan import Plan
from flows.reports.visible_text import visible
from flows.summary import DatasetSummary, ModelSummary, RunSummary

console = Console()


def leave_output_to_json(json: bool) -> None:  # noqa: FBT001
    """Print for people on standard error when standard output is for JSON."""
    console.stderr = json


def print_summary(summary: RunSummary, warehouse: Warehouse) -> None:
    """Print what a run made, and how to look at it."""
    _print_kept(summary.dataset)
    if summary.model is not None:
        _print_figures(summary.model)
    lines = [
        f"report   {summary.dataset.report}",
        f"dataset  {summary.dataset.path}",
    ]
    if summary.model is not None:
        lines[1:1] = [f"         {summary.model.report}"]
        lines.append(f"model    {summary.model.path}")
    lines.append(f"Prefect  make up, or: mill up --warehouse {shlex.quote(str(warehouse.root))}")
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _print_kept(dataset: DatasetSummary) -> None:
    console.print(f"dataset {dataset.name}@{dataset.version}", style="italic", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("records")
    table.add_column("", justify="right")
    table.add_column("", justify="right")
    table.add_row("in", f"{dataset.records_in:,}", "")
    table.add_row("kept", f"{dataset.records_kept:,}", _share(dataset.records_kept, dataset))
    for reason, count in sorted(dataset.records_dropped.items(), key=lambda item: -item[1]):
        table.add_row(f"  {reason}", f"{count:,}", _share(count, dataset))
    console.print(table)
    tokens = ", ".join(f"{split} {count:,}" for split, count in dataset.tokens.items())
    if dataset.repeated_tokens:
        tokens += f", further copies {dataset.repeated_tokens:,}"
    console.print(f"tokens: {tokens}\n", highlight=False)
    for warning in dataset.warnings:
        console.print(f"[yellow]contract warning[/]: {escape(warning)}")


def print_forgetting(forgetting: Forgetting) -> None:
    """Print what is on the forget list now, and where the text still is."""
    console.print(
        f"{forgetting.asked:,} records and {forgetting.duplicates:,} duplicates of them are on the "
        f"forget list of dataset {forgetting.dataset}.",
        highlight=False,
    )
    if not forgetting.holders:
        console.print("Nothing in this warehouse holds their text.")
        return
    table = Table(title="Their text is in", title_justify="left", box=None, pad_edge=False)
    for one in forgetting.holders:
        table.add_row(one.kind.value, escape(visible(one.label)))
    console.print(table)
    console.print(
        "The next version leaves it out: mill run RECIPE. Then remove the above: "
        "mill gc --forgotten. Sources and exports are yours: take it out there, too.",
        highlight=False,
    )


def print_collection(collection: Collection, warehouse: Warehouse, *, done: bool) -> None:
    """Print what garbage collection removed, or would remove."""
    if not collection.removals:
        console.print("There is nothing to remove.")
        return
    title = "removed" if done else "would be removed"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for one in collection.removals:
        place = one.path.relative_to(warehouse.root).as_posix()
        what = escape(visible(place)) + ("" if one.whole else " (some rows)")
        table.add_row(what, one.why)
    console.print(table)
    console.print(f"{collection.bytes_freed / 1e6:,.1f} MB", highlight=False)


def _share(count: int, dataset: DatasetSummary) -> str:
    return f"{count / max(dataset.records_in, 1):.1%}"


def _print_figures(model: ModelSummary) -> None:
    title = f"model {model.name}@{model.version}, {model.parameters / 1e6:.2f} M parameters"
    console.print(title, style="italic", soft_wrap=True)
    for guessed in model.hidden:
        bits, right = guessed.bits_per_token, guessed.accuracy
        said = (
            f"hidden tokens of {guessed.split}, {guessed.predictor}: {right.value:.1%} guessed "
            f"({right.low:.1%}–{right.high:.1%}), {bits.value:.3f} bits each "
            f"({bits.low:.3f}–{bits.high:.3f})"
        )
        console.print(said, highlight=False, soft_wrap=True)
    if model.figures:
        _print_bits_per_byte(model)
    for task, one in model.accuracy.items():
        said = f"accuracy on {task}: {one.value:.3f} ({one.low:.3f}–{one.high:.3f})"
        console.print(said, highlight=False, soft_wrap=True)
    verdict = (
        "[green]the model beats every baseline; the intervals do not touch[/]"
        if model.beats_baselines
        else "[yellow]the model does not clearly beat every baseline[/]"
    )
    console.print(verdict + "\n")


def _print_bits_per_byte(model: ModelSummary) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("bits per byte")
    splits = list(dict.fromkeys(one.split for one in model.figures))
    for split in splits:
        table.add_column(f"{split} (95% interval)", justify="right")
    for predictor in dict.fromkeys(one.predictor for one in model.figures):
        cells = [
            f"{one.bits_per_byte.value:.3f} ({one.bits_per_byte.low:.3f}–{one.bits_per_byte.high:.3f})"
            for split in splits
            for one in model.figures
            if one.predictor == predictor and one.split == split
        ]
        table.add_row(predictor, *cells)
    console.print(table)


def print_plan(plan: Plan) -> None:
    """Print what a run would do."""
    table = Table(title=f"plan for {plan.recipe.name}", title_justify="left", box=None)
    for name in ("source", "files", "MB", "digest"):
        table.add_column(name, justify="left" if name == "source" else "right")
    for source in plan.landed:
        megabytes = f"{source.bytes / 1e6:,.1f}"
        table.add_row(source.name, f"{len(source.files):,}", megabytes, source.digest[:8])
    console.print(table)
    for stage in plan.stages:
        state = "[green]reused[/]" if stage.reused or plan.dataset_version else "to do"
        console.print(f"  {stage.stage.value:<9} {state}  [dim]{stage.key[:8]}[/]", highlight=False)
    if plan.recipe.train is not None:
        for name, done in (("train", plan.model_version), ("evaluate", plan.evaluated)):
            console.print(f"  {name:<9} {'[green]reused[/]' if done else 'to do'}")
    needed, free = plan.bytes_needed / 1e6, plan.bytes_free / 1e6
    console.print(f"room: at most {needed:,.0f} MB needed, {free:,.0f} MB free", highlight=False)
    if plan.nothing_to_do:
        console.print("[green]nothing to do[/]: all that the recipe asks for is there")


def print_entries(entries: list[Entry]) -> None:
    """Print a reference."""
    for entry in entries:
        console.print(f"[bold]{escape(entry.name)}[/]  [dim]{escape(entry.detail)}[/]")
        console.print(f"    {escape(entry.text)}", highlight=False)


def print_versions(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Print the versions of a warehouse, and give the same as plain values."""
    rows = [
        _version_row(warehouse, kind, name, version)
        for kind in KINDS
        for name in warehouse.names(kind)
        for version in warehouse.versions(kind, name)
    ]
    table = Table(box=None, pad_edge=False)
    for column in ("kind", "version", "created"):
        table.add_column(column, no_wrap=column == "version")
    table.add_column("")
    for row in rows:
        table.add_row(
            row["kind"], row["label"], row["created"][:16].replace("T", " "), escape(row["says"])
        )
    console.print(table if rows else "no versions yet")
    return rows


def _version_row(warehouse: Warehouse, kind: Kind, name: str, version: str) -> dict[str, Any]:
    folder = warehouse.version_folder(kind, name, version)
    created = ""
    try:  # one damaged version must not hide all others
        if kind == "datasets":
            dataset = DatasetManifest.load(folder)
            created = dataset.created.isoformat(timespec="seconds")
            says = (
                f"{dataset.records_kept:,} of {dataset.records_in:,} records, "
                f"{sum(dataset.tokens.values()):,} tokens"
            )
        else:
            model = ModelManifest.load(folder)
            created = model.created.isoformat(timespec="seconds")
            figures = ", ".join(f"{key} {value:.3f}" for key, value in model.figures.items())
            says = f"on {model.dataset}: {figures}"
    except VersionCorrupt as error:
        says = str(error)
    return {
        "kind": kind.removesuffix("s"),
        "label": f"{name}@{version}",
        "created": created,
        "says": says,
        "path": str(folder),
    }
