"""From the columns of an ODCS file to an Arrow schema: plain mappings in, so that reading is quick.

`data_contracts.schemas` compiles the contracts that come with the mill at import; the whole of a
contract, checked against the official schema of ODCS, is read by `data_contracts.contract`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from data_contracts.errors import ContractInvalid

CONTRACT_KEY: Final = b"corpusmill.contract"
"""Key of an Arrow schema's metadata: id and version of the contract that promises its columns."""

_ARROW_TYPES: Final[dict[str, pa.DataType]] = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}
_LOGICAL_TYPES: Final[dict[str, pa.DataType]] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


def arrow_schema(path: Path, contract: Mapping[str, Any], table: Mapping[str, Any]) -> pa.Schema:
    """Compile a table's columns into an Arrow schema, stamped with the contract's id and version.

    Args:
        path: The contract's file, for errors.
        contract: The whole file.
        table: The item of its `schema`.

    Raises:
        ContractInvalid: A type is none that is known.
    """
    place = f"schema[{table.get('name')}]"
    fields = [_field(path, place, one) for one in table.get("properties") or []]
    return pa.schema(fields, metadata={CONTRACT_KEY: f"{contract['id']} {contract['version']}"})


def custom_property(where: Mapping[str, Any], name: str) -> Any:
    """Look up one of the `customProperties` of a contract or table; None: it is not there."""
    for one in where.get("customProperties") or []:
        if one.get("property") == name:
            return one.get("value")
    return None


def _field(path: Path, place: str, column: Mapping[str, Any]) -> pa.Field:
    name = str(column.get("name"))
    kind = _arrow_type(path, f"{place}.properties[{name}]", column)
    return pa.field(name, kind, nullable=not column.get("required"))


def _arrow_type(path: Path, place: str, column: Mapping[str, Any]) -> pa.DataType:
    logical, physical = column.get("logicalType"), column.get("physicalType")
    if logical == "array" and column.get("items") is not None:
        return pa.list_(_arrow_type(path, f"{place}.items", column["items"]))
    if logical == "object":
        return pa.struct([_field(path, place, one) for one in column.get("properties") or []])
    known = _ARROW_TYPES if physical is not None else _LOGICAL_TYPES
    wanted = physical if physical is not None else logical
    found = known.get(str(wanted))
    if found is None:
        problem = f"the type `{wanted}` is none of {', '.join(known)}, array with items, object"
        raise ContractInvalid(path, place, problem)
    return found
