"""The recipe: one declarative description of a dataset and a model, and the Prefect form.

YAML in, frozen models out. Nothing here imports Prefect, so that a wrong recipe fails in
milliseconds and names the field and the fix.
"""

import difflib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from data_contracts.errors import RecipeInvalid
from data_contracts.frozen import Frozen
from data_contracts.own_parts import resolve_part
from data_contracts.split import SplitRecipe
from data_contracts.strict_yaml import load_strictly
from model.recipe import EvaluateRecipe, PromotionRecipe, TrainRecipe
from pipeline.clean.recipe import CleanRecipe
from pipeline.dedup.recipe import DedupRecipe
from pipeline.ingest.readers.own import check_reader
from pipeline.ingest.recipe import DATASET_SCHEME, IngestRecipe, Source
from pipeline.shard.recipe import ShardRecipe
from pipeline.validate.recipe import ValidateRecipe

DatasetVersion = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}@[0-9]{4,}-[0-9a-f]{8}$")]


class Recipe(Frozen):
    """What to read, how to make a dataset of it, and what to train on that."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Name of the dataset, and of the model trained on it: lower-case letters, digits, dashes."""
    sources: tuple[Source, ...] = Field(min_length=1)
    """Where records come from."""
    ingest: IngestRecipe = IngestRecipe()
    """How sources are read."""
    clean: CleanRecipe = CleanRecipe()
    """How text is normalised, measured and judged."""
    split: SplitRecipe = SplitRecipe()
    """What is held out of training."""
    dedup: DedupRecipe = DedupRecipe()
    """When two documents are duplicates."""
    evaluation_sets: tuple[Source, ...] = Field(default=(), max_length=32)
    """Texts that no document may repeat (`dedup.evaluation_tokens`), such as benchmarks; read like
    sources, and in no dataset."""
    disjoint_from: tuple[DatasetVersion, ...] = Field(default=(), max_length=32)
    """Dataset versions of the same warehouse, NAME@VERSION, whose documents none may repeat."""
    validation: ValidateRecipe = Field(default=ValidateRecipe(), alias="validate")
    """Which contract the dataset must pass."""
    shard: ShardRecipe = ShardRecipe()
    """How documents and tokens are written."""
    train: TrainRecipe | None = TrainRecipe()
    """What is trained on the dataset; null ends after the dataset."""
    evaluate: EvaluateRecipe = EvaluateRecipe()
    """How the model is measured."""
    promotion: PromotionRecipe = PromotionRecipe()
    """When a candidate becomes production."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for kind, sources in (("sources", self.sources), ("evaluation sets", self.evaluation_sets)):
            names = [source.name for source in sources]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                msg = f"two {kind} are named `{twice[0]}`; give each its own name"
                raise ValueError(msg)
        late = [one.name for one in self.evaluation_sets if one.delivery == "append"]
        if late:
            msg = f"evaluation set `{late[0]}` is a snapshot: remove its `delivery`"
            raise ValueError(msg)
        return self

    def at(self, base: Path) -> "Recipe":
        """Resolve every relative path against a folder: from now on it means one place."""
        changes: dict[str, Any] = {
            field: tuple(_source_at(source, base) for source in getattr(self, field))
            for field in ("sources", "evaluation_sets")
        }
        if self.validation.contracts:
            contracts = tuple(_absolute(path, base) for path in self.validation.contracts)
            changes["validation"] = self.validation.model_copy(update={"contracts": contracts})
        changes["clean"] = self.clean.model_copy(update=_clean_parts(self.clean, base))
        if self.evaluate.tasks:
            tasks = tuple((base / task).absolute() for task in self.evaluate.tasks)
            changes["evaluate"] = self.evaluate.model_copy(update={"tasks": tasks})
        if self.shard.tokenizer is not None:
            tokenizer = base / self.shard.tokenizer
            changes["shard"] = self.shard.model_copy(update={"tokenizer": tokenizer.absolute()})
        return self.model_copy(update=changes)

    def sampled(self, records: int | None) -> "Recipe":
        """Take only this many records per source (None: all)."""
        if records is None:
            return self
        ingest = self.ingest.model_copy(update={"sample_records": records})
        return self.model_copy(update={"ingest": ingest})


def load_recipe(path: Path, changes: Sequence[tuple[list[str], Any]] = ()) -> Recipe:
    """Read a recipe file; relative paths in it count from its folder.

    Args:
        path: The file.
        changes: Fields to set before it is checked: where, part by part, and the value.

    Raises:
        RecipeInvalid: The file is missing, is not YAML, or says something wrong or unknown.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeInvalid(path, "", "there is no such file", _neighbours(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeInvalid(
            path, "", f"it cannot be read ({error})", "Name a YAML file."
        ) from error
    try:
        content = load_strictly(text)
    except yaml.YAMLError as error:
        mark, words = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = f"not YAML: {place}{words or error}"
        raise RecipeInvalid(path, "", problem, "Mend it there.") from error
    if not isinstance(content, Mapping):
        raise RecipeInvalid(
            path, "", "a recipe is a mapping", "The least one has `name:` and `sources:`."
        )
    for field, value in changes:
        content = _with(content, field, value)
    recipe = parse_recipe(content, path).at(path.absolute().parent)
    for source in (*recipe.sources, *recipe.evaluation_sets):
        check_reader(source)
    return recipe


def parse_change(path: Path, change: str) -> tuple[list[str], Any]:
    """Read `FIELD=VALUE`: the field's place, part by part, and the value, which is YAML.

    Raises:
        RecipeInvalid: It is none.
    """
    field, equals, value = change.partition("=")
    parts = field.strip().split(".")
    if not equals or not all(parts):
        fix = "Say FIELD=VALUE, such as dedup.jaccard_threshold=0.7."
        raise RecipeInvalid(path, field, "this sets no field", fix)
    try:
        return parts, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeInvalid(path, field, f"not YAML: {error}", "Mend the value.") from error


def change_recipe(recipe: Recipe, changes: Sequence[tuple[list[str], Any]]) -> Recipe:
    """Set fields of a recipe, and check it again.

    Raises:
        RecipeInvalid: It says something wrong or unknown now.
    """
    if not changes:
        return recipe
    content: Any = recipe.model_dump(mode="json", exclude_unset=True)
    for field, value in changes:
        content = _with(content, field, value)
    return parse_recipe(content, recipe.name)


def _with(content: Any, place: list[str], value: Any) -> Any:
    """Set one field of nested mappings; what is in the way is replaced, and then refused or not."""
    if not place:
        return value
    inside = content if isinstance(content, Mapping) else {}
    return {**inside, place[0]: _with(inside.get(place[0]), place[1:], value)}


def parse_recipe(content: Mapping[str, Any], path: Path | str) -> Recipe:
    """Check a recipe's content.

    Raises:
        RecipeInvalid: Naming the first wrong field, dotted, and the fix.
    """
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise _explain(error, path) from None


def _explain(error: ValidationError, path: Path | str) -> RecipeInvalid:
    details = error.errors()
    # A misspelt field is unknown and its right name missing: the misspelling tells more.
    first = min(details, key=lambda one: one["type"] != "extra_forbidden")
    place = [part for part in first["loc"] if part != "function-after"]
    field = ".".join(str(part) for part in place)
    others = f" ({len(details) - 1} more after it)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        return RecipeInvalid(path, field, f"unknown field{others}", _nearest_field(place))
    if first["type"] == "missing":
        return RecipeInvalid(path, field, f"it is missing{others}", "Add it.")
    problem = _WORDS.get(first["type"], first["msg"]).removeprefix("Value error, ") + others
    if first["type"] == "value_error":  # it is about several fields, and says itself what to do
        return RecipeInvalid(path, field, problem, "Nothing was read.")
    if first["input"] is None:
        return RecipeInvalid(path, field, problem, "It is empty: fill it, or remove it.")
    named = ".".join(str(part) for part in place if not isinstance(part, int))
    fix = f"It is {first['input']!r:.80}; see `mill explain recipe {named}`."
    return RecipeInvalid(path, field, problem, fix)


_WORDS = {
    "model_type": "a mapping of fields is needed here",
    "tuple_type": "a list is needed here",
}
"""What is said in the terms of the YAML file rather than those of the library."""


def _nearest_field(place: list[Any]) -> str:
    model: Any = Recipe
    for part in place[:-1]:
        model = model if isinstance(part, int) else _model_of(model, str(part))
        if model is None:
            return "Remove it."
    known = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Known here: {', '.join(known)}."


def _model_of(model: type[BaseModel], field: str) -> type[BaseModel] | None:
    for name, info in model.model_fields.items():
        if field in (name, info.alias):
            return _first_model(info.annotation)
    return None


def _first_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in typing.get_args(annotation):
        found = _first_model(part)
        if found is not None:
            return found
    return None


def _neighbours(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path()
    found = sorted(one.name for one in folder.glob("*.yaml"))
    if not found:
        return "Name a recipe file, such as deployments/recipes/demo.yaml."
    close = difflib.get_close_matches(path.name, found, n=1)
    return f"Did you mean {folder / close[0]}?" if close else f"In {folder}: {', '.join(found)}."


def _clean_parts(clean: CleanRecipe, base: Path) -> dict[str, Any]:
    """Resolve what cleaning takes from files."""
    model = clean.quality_model
    return {
        "quality_model": None if model is None else str((base / model).absolute()),
        "own_signals": {
            name: one.model_copy(update={"function": resolve_part(one.function, base)})
            for name, one in clean.own_signals.items()
        },
        "own_rules": {name: resolve_part(part, base) for name, part in clean.own_rules.items()},
    }


def _source_at(source: Source, base: Path) -> Source:
    changes = {"path": _absolute(source.path, base)}
    if source.reader is not None:
        changes["reader"] = resolve_part(source.reader, base)
    return source.model_copy(update=changes)


def _absolute(path: str, base: Path) -> str:
    if path.startswith(f"{DATASET_SCHEME}."):
        return DATASET_SCHEME + str((base / path.removeprefix(DATASET_SCHEME)).absolute())
    return path if "://" in path else str((base / path).absolute())
