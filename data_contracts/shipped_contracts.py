"""The contracts that come with the mill: their tables, columns, keys, and when each is judged."""

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import yaml

from data_contracts.contract_columns import arrow_schema, custom_property
from data_contracts.errors import ContractInvalid

_FOLDER: Final = Path(__file__).parent
# Every import of a schema waits for this: the loader in C, where PyYAML has it, is 20 times faster.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

SHIPPED: Final = {
    name: _FOLDER / f"{name}.odcs.yaml"
    for name in ("records", "documents", "ledger", "shards", "scorecard")
}
"""Their files by name, in the order in which a run meets them."""


class Judged(StrEnum):
    """When the rules of a table are checked."""

    BORDER = "border"
    """Never as rules: only columns and types, whenever a stage reads the table."""
    GATE = "gate"
    """After deduplication, before anything is written for training."""
    RELEASE = "release"
    """After tokens are written, before a version appears."""
    MODEL = "model"
    """After a model was measured, before it may be promoted."""


class Table(NamedTuple):
    """A table that contracts can speak of."""

    contract: str
    """Which of `SHIPPED` promises it."""
    schema: pa.Schema
    """Its columns."""
    key: str | None
    """The column that names a row; None: it has one row, or several columns name one."""
    judged: Judged
    """When its rules are checked."""
    is_open: bool
    """Whether it has more columns than these: which ones, the recipe decides."""


@cache
def shipped_tables() -> dict[str, Table]:
    """Read every table that the contracts of the mill promise, by name."""
    tables: dict[str, Table] = {}
    for name, path in SHIPPED.items():
        contract = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506 - a SafeLoader
        moment = custom_property(contract, "judged")
        for table in contract["schema"]:
            if table["name"] in tables:
                raise ContractInvalid(path, f"schema[{table['name']}]", "another contract has it")
            tables[table["name"]] = _table(name, path, contract, table, moment)
    return tables


def _table(
    name: str, path: Path, contract: dict[str, Any], table: dict[str, Any], moment: str
) -> Table:
    keys = [one["name"] for one in table["properties"] if one.get("primaryKey")]
    return Table(
        contract=name,
        schema=arrow_schema(path, contract, table),
        key=keys[0] if keys else None,
        judged=Judged(custom_property(table, "judged") or moment),
        is_open=bool(custom_property(table, "open")),
    )
