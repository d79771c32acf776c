"""Where flows look when nobody says: relative to the folder that they are run in."""

import os
from pathlib import Path

DEMO_RECIPE = Path("deployments/recipes/demo.yaml")
DEFAULT_WAREHOUSE = Path("warehouse")
PROJECT = Path(__file__).resolve().parents[1]
"""The folder that deployments run in."""
POOL = "corpusmill"
"""The work pool that runs wait in."""
RECIPES = "MILL_RECIPES"
"""Environment variable: a folder of recipes that forms list, beside those that come with the mill."""


def listed_recipes() -> list[str]:
    """Name the recipes that a form offers: the mill's own, then those of the user's folder."""
    folders = [DEMO_RECIPE.parent]
    if os.environ.get(RECIPES):
        folders.append(Path(os.environ[RECIPES]))
    return [str(path) for folder in folders for path in sorted(folder.glob("*.yaml"))]
