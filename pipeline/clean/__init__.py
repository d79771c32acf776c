"""Clean: normalise, measure every record once, then decide by rules on the measurements.

Re-thresholding never reads text: `signals/` holds every number a rule looks at, for every record.
"""

from typing import Final

STAGE_VERSION: Final = 6
"""Goes up when output bytes change for the same input and recipe."""

LIBRARIES: Final = ("ftfy", "pycld2")
"""Distributions whose version decides output bytes (with Python's own Unicode data)."""
