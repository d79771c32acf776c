"""Which signals say what cleaning did to a text or found in it: they stand in the ledger too."""

from typing import Final

import pyarrow as pa

EDIT_PREFIXES: Final = ("removed_", "repaired", "pii_")
"""How the names of such signals begin; they count, so they are whole numbers."""


def is_edit(field: pa.Field) -> bool:
    """Tell whether a column of the signals counts edits, or personal data."""
    return bool(field.name.startswith(EDIT_PREFIXES) and pa.types.is_integer(field.type))
