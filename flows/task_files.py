"""Task files, and those of compression: YAML in, checked recipes out; paths in them count from the file's folder."""

from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from data_contracts.errors import RecipeInvalid
from data_contracts.strict_yaml import load_strictly
from model.compress.recipe import CompressRecipe
from model.supervised.recipe import ClassifyRecipe, TranslateRecipe

_TASKS: TypeAdapter[ClassifyRecipe | TranslateRecipe] = TypeAdapter(
    Annotated[ClassifyRecipe | TranslateRecipe, Field(discriminator="task")]
)
_COMPRESS = TypeAdapter(CompressRecipe)

Model = TypeVar("Model")


def load_task(path: Path) -> ClassifyRecipe | TranslateRecipe:
    """Read a task file.

    Raises:
        RecipeInvalid: The file is missing, is not YAML, or says something wrong or unknown.
    """
    task = _checked(path, _TASKS, 1, "See `mill explain task` for the fields.")
    return task.at(path.absolute().parent)


def load_compress(path: Path) -> CompressRecipe:
    """Read a file that says which smaller models are wanted.

    Raises:
        RecipeInvalid: The file is missing, is not YAML, or says something wrong or unknown.
    """
    recipe = _checked(path, _COMPRESS, 0, "See `mill explain compress` for the fields.")
    tasks = tuple((path.absolute().parent / task) for task in recipe.evaluate.tasks)
    return recipe.model_copy(
        update={"evaluate": recipe.evaluate.model_copy(update={"tasks": tasks})}
    )


def _checked(path: Path, adapter: TypeAdapter[Model], unnamed: int, fix: str) -> Model:
    """Read a YAML file; of the place of an error the first `unnamed` parts say nothing."""
    try:
        content = load_strictly(path.read_text(encoding="utf-8"))
        return adapter.validate_python(content)
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeInvalid(path, "", f"cannot be read ({error})", "Name a task file.") from error
    except yaml.YAMLError as error:
        raise RecipeInvalid(path, "", f"not YAML: {error}", "Mend it there.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][unnamed:])
        raise RecipeInvalid(path, field, first["msg"], fix) from None


def load_classify(path: Path) -> ClassifyRecipe:
    """Read a task file of classification.

    Raises:
        RecipeInvalid: It is of another task, or wrong.
    """
    recipe = load_task(path)
    if not isinstance(recipe, ClassifyRecipe):
        raise RecipeInvalid(path, "task", f"is `{recipe.task}`", "Use `mill translate`.")
    return recipe


def load_translate(path: Path) -> TranslateRecipe:
    """Read a task file of translation.

    Raises:
        RecipeInvalid: It is of another task, or wrong.
    """
    recipe = load_task(path)
    if not isinstance(recipe, TranslateRecipe):
        raise RecipeInvalid(path, "task", f"is `{recipe.task}`", "Use `mill classify`.")
    return recipe
