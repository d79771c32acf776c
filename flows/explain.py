"""The reference, read off the code itself: recipe fields, drop reasons, errors. No Prefect here."""

import inspect
import json
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from data_contracts import errors
from data_contracts.errors import CorpusError
from data_contracts.frozen import Frozen
from data_contracts.reasons import Reason, fate_of, meaning
from flows.recipe import Recipe
from model.compress.recipe import CompressRecipe
from model.supervised.recipe import ClassifyRecipe, TranslateRecipe


class Entry(Frozen):
    """One thing explained."""

    name: str
    """As it is written in a recipe, a ledger or a message."""
    detail: str
    """Its type and default, its fate, or its exit code."""
    text: str
    """What it means."""


def recipe_fields() -> list[Entry]:
    """Every field of a recipe, dotted, in order."""
    return list(_fields(Recipe, ""))


def task_fields() -> list[Entry]:
    """Every field of the task files, dotted, task by task."""
    return [
        *_fields(ClassifyRecipe, "classify: "),
        *_fields(TranslateRecipe, "translate: "),
    ]


def compress_fields() -> list[Entry]:
    """Every field of the files of `mill compress`, dotted, in order."""
    return list(_fields(CompressRecipe, ""))


def drop_reasons() -> list[Entry]:
    """Every reason why a record is not kept, in order of precedence."""
    return [Entry(name=one, detail=fate_of(one), text=meaning(one)) for one in Reason]


def error_classes() -> list[Entry]:
    """Every error that users can meet."""
    classes = [
        one
        for _, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, CorpusError) and one is not CorpusError
    ]
    return [
        Entry(name=one.__name__, detail=f"exit {one.exit_code}", text=inspect.getdoc(one) or "")
        for one in classes
    ]


def _fields(model: type[BaseModel], prefix: str) -> Iterator[Entry]:
    for name, field in model.model_fields.items():
        dotted = f"{prefix}{field.alias or name}"
        yield Entry(
            name=dotted, detail=_detail(field), text=" ".join((field.description or "").split())
        )
        for part in _models_in(field.annotation):
            yield from _fields(part, f"{dotted}{'[].' if _is_many(field.annotation) else '.'}")


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]


def _is_many(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (tuple, list)


def _detail(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, BaseModel):
        return "section"
    return f"default {json.dumps(default, default=_as_written, ensure_ascii=False)}"


def _as_written(value: object) -> object:
    """Give what a recipe would say of an entry: no more than differs from its own defaults."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    return str(value)
