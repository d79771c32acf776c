"""`mill what-if`: other cleaning rules on what the recipe's latest version measured. No Prefect here."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from rich.table import Table

from data_contracts.errors import RecipeInvalid, SchemaMismatch, VersionUnknown
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest
from data_contracts.warehouse import Warehouse
from flows.recipe import Recipe, load_recipe, parse_change
from flows.reports.visible_text import visible
from flows.terminal import console
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.signals import SIGNALS, own_fields
from pipeline.clean.what_if import Flip, WhatIf, what_if

ROWS_AT_ONCE = 200_000
"""Records decided at a time: about 100 MB of signals."""


class Answer(Frozen):
    """What `mill what-if` found."""

    dataset: str
    """NAME@VERSION whose signals were looked at."""
    changes: tuple[str, ...]
    """What was set."""
    result: WhatIf
    """What would change."""
    keys: dict[str, str]
    """Key of each example's record, by record_id."""


def ask(path: Path, changes: Sequence[str], warehouse: Warehouse, examples: int) -> Answer:
    """Decide the records of the recipe's latest version again, with fields of the recipe changed.

    Args:
        path: The recipe's file.
        changes: `clean.FIELD=VALUE` each; the value is YAML.
        warehouse: Where the version is.
        examples: Records to name per source and direction.

    Raises:
        RecipeInvalid: A change cannot be made, or would change texts and signals.
        VersionUnknown: The recipe has no dataset version yet.
    """
    before, after = load_recipe(path), load_recipe(path, [_parsed(path, one) for one in changes])
    folder = warehouse.latest("datasets", before.name)
    if folder is None:
        raise VersionUnknown("dataset", before.name, warehouse.names("datasets"))
    manifest = DatasetManifest.load(folder)
    _require_same_measure(path, manifest, before, after)
    declared = {one.name: one.language for one in after.sources if one.language is not None}
    try:
        found = what_if(
            _signals(folder, after.clean), before.clean, after.clean, declared, examples
        )
    except (SchemaMismatch, KeyError, pa.ArrowInvalid):
        raise RecipeInvalid(
            path, "", f"{manifest.name}@{manifest.version} has other signals", _RUN
        ) from None
    return Answer(
        dataset=f"{manifest.name}@{manifest.version}",
        changes=tuple(changes),
        result=found,
        keys=_keys(folder, found),
    )


_RUN = "Build a version with this program first: `mill run`."


def _parsed(path: Path, change: str) -> tuple[list[str], Any]:
    field, _, _ = change.partition("=")
    if not field.strip().startswith("clean."):
        raise RecipeInvalid(
            path, field, "this cannot be set here", "Say `clean.FIELD=VALUE`, as in the recipe."
        )
    return parse_change(path, change)


def _require_same_measure(
    path: Path, manifest: DatasetManifest, before: Recipe, after: Recipe
) -> None:
    """Refuse what stored signals cannot answer."""
    measured = Recipe.model_validate(manifest.recipe).clean
    for recipe, whose in ((after, "changed "), (before, "")):
        if recipe.clean.measures != measured.measures:
            raise RecipeInvalid(
                path,
                "clean",
                f"the {whose}recipe measures otherwise than {manifest.name}@{manifest.version} did",
                "Limits and rules can be asked about; for another `quality_model` or own signal, "
                "build a version.",
            )
        if recipe.clean.edits != measured.edits:
            raise RecipeInvalid(
                path,
                "clean",
                f"the {whose}recipe edits text otherwise than {manifest.name}@{manifest.version} did",
                "Only rules, languages and what is dropped can be asked about; for "
                "`normalise`, `line_rules` (a preset may set them) and `redact`, build a version.",
            )


def _signals(folder: Path, recipe: CleanRecipe) -> Iterator[pa.Table]:
    schema = pa.schema([*SIGNALS, *own_fields(recipe)])
    for file in sorted((folder / "signals").glob("*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE):
            yield pa.table(batch).select(schema.names).cast(schema)


def _keys(folder: Path, found: WhatIf) -> dict[str, str]:
    wanted = [flip.record_id for flip in found.examples]
    rows = (
        pl.scan_parquet(sorted((folder / "ledger").glob("*.parquet")), glob=False)
        .filter(pl.col("record_id").is_in(wanted))
        .select("record_id", "key")
        .collect()
    )
    return dict(rows.iter_rows())


def print_answer(answer: Answer) -> None:
    """Print, per source, what would change and for which rules; then examples."""
    result = answer.result
    title = f"{answer.dataset} with {', '.join(answer.changes) or 'no change'}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("source")
    for column in ("measured", "kept", "would be", "newly dropped", "newly kept"):
        table.add_column(column, justify="right")
    for name, one in result.sources.items():
        lost, won = sum(one.newly_dropped.values()), sum(one.newly_kept.values())
        numbers = (one.records, one.kept_before, one.kept_after, lost, won)
        table.add_row(visible(name), *(f"{number:,}" for number in numbers))
    console.print(table)
    console.print(
        f"{result.flips:,} records flip. Duplicates among them are not decided again.\n",
        highlight=False,
    )
    for name, one in result.sources.items():
        for way, reasons in (("dropped", one.newly_dropped), ("kept", one.newly_kept)):
            for rule, count in reasons.items():
                line = f"{name}: {count:,} would be {way} ({rule})"
                console.print(visible(line), highlight=False, markup=False, soft_wrap=True)
    for flip in result.examples:
        line = _example(flip, answer.keys.get(flip.record_id, "?"))
        console.print(visible(line), highlight=False, markup=False, soft_wrap=True)


def _example(flip: Flip, key: str) -> str:
    told = []
    for one in flip.reasons:
        value = "" if one.value is None else f" {one.value:.4g}"
        limit = "" if one.threshold is None else f", threshold {one.threshold:g}"
        told.append(f"{one.rule}{value}{limit}")
    way = "would be dropped" if flip.becomes == "dropped" else "would be kept, so far"
    return f"  {flip.record_id}  {flip.source}  {key}  {way}: {'; '.join(told)}"
