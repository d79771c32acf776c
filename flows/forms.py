"""Parameters of flows as the forms of the Prefect pages show them."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import WithJsonSchema

from flows.places import listed_recipes
from flows.recipe import Recipe, change_recipe, load_recipe, parse_change

_LISTED = listed_recipes()
# The list is of the moment when deployments are registered; what is not in it can be named as a file.
_LIST: dict[str, Any] = {"type": "string", "enum": _LISTED, "title": "from the list"}
_FILE: dict[str, Any] = {"type": "string", "format": "path", "title": "a file"}

RecipeChoice = (
    Annotated[Path, WithJsonSchema(_LIST if _LISTED else _FILE)]
    | Annotated[Path, WithJsonSchema(_FILE)]
    | Recipe
)
"""A recipe picked from a list, one of another file, or one filled in."""


def chosen(recipe: Path | Recipe, changes: tuple[str, ...] = ()) -> Recipe:
    """Load what was picked, with fields set as was asked, its paths resolved.

    Args:
        recipe: A file, or a recipe whose relative paths count from the working directory.
        changes: `FIELD=VALUE` each, dotted; the value is YAML.

    Raises:
        RecipeInvalid: As `flows.recipe.load_recipe`; or a change cannot be made.
    """
    place = recipe if isinstance(recipe, Path) else Path(recipe.name)
    parsed = [parse_change(place, one) for one in changes]
    if isinstance(recipe, Path):
        return load_recipe(recipe, parsed)
    return change_recipe(recipe, parsed).at(Path.cwd())
