"""Validate: join every record's fate into the ledger, count, and judge by the contract."""

from typing import Final

STAGE_VERSION: Final = 4
"""Raised whenever the same inputs would give other bytes."""
LIBRARIES: Final = ("great-expectations", "open-data-contract-standard", "polars", "pyarrow")
"""Distributions whose version decides output bytes."""
