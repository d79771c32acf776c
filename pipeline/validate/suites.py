"""suites.json: what Great Expectations said, kept so that its Data Docs can be written at any time.

Times, ids and places of the machine are left out: the same data gives the same bytes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from data_contracts.whole_text import replace_text
from pipeline.validate.expectations import Suite

_CHANGING: Final = frozenset({"id", "batch_id"})


def save_suites(path: Path, suites: Sequence[Suite]) -> None:
    """Write what came of the suites, whole or not at all."""
    told = [{"suite": one.name, "result": _steady({**one.result, "meta": {}})} for one in suites]
    replace_text(path, json.dumps(told, indent=1, sort_keys=True) + "\n")


def _steady(value: Any) -> Any:
    """Leave out what differs between two runs over the same data."""
    if isinstance(value, dict):
        return {name: _steady(one) for name, one in value.items() if name not in _CHANGING}
    if isinstance(value, list):
        return [_steady(one) for one in value]
    return value
