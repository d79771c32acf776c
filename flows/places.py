"""Where flows look when nobody says: relative to the folder that they are run in."""

from pathlib import Path

DEMO_RECIPE = Path("deployments/recipes/demo.yaml")
DEFAULT_WAREHOUSE = Path("warehouse")
