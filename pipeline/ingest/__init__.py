"""Raw files of many formats to records: every input record gets an id and exactly one row.

`landing.py` lists and hashes what there is, `readers/` turn one file into texts and unreadable
rows, `keys.py` names the records over the whole set, `stage.py` writes the tables.
"""

from typing import Final

STAGE_VERSION: Final = 5
"""Raised whenever the same input and recipe give other output bytes."""
LIBRARIES: Final = ("chardet", "fastwarc", "orjson", "pyarrow", "resiliparse", "trafilatura")
"""Distributions whose version decides output bytes."""
