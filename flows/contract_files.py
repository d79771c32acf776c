"""Contracts by what people call them: a file, a dataset version, or those of the mill. No Prefect here."""

from pathlib import Path
from typing import Final

from data_contracts.contract import Contract
from data_contracts.contracts import Contracts
from data_contracts.errors import ContractInvalid
from data_contracts.warehouse import Warehouse
from flows.publish import CONTRACTS_FOLDER

BUNDLED: Final = "mill"
"""What the contracts of this program are called."""


def find_contracts(wanted: str, warehouse: Path) -> Contracts:
    """Find contracts.

    Args:
        wanted: A contract file; NAME or NAME@VERSION of a dataset, for those that judged it; `mill`.
        warehouse: Where datasets are.

    Raises:
        ContractInvalid: A contract cannot be read or compiled.
        VersionUnknown: There is neither such a file nor such a version.
        WarehouseFormat: There is no warehouse.
    """
    if wanted == BUNDLED:
        return Contracts.load()
    if Path(wanted).is_file() or wanted.endswith((".yaml", ".yml")):
        return Contracts([Contract.load(wanted)])
    return kept_contracts(Warehouse.existing(warehouse).find("datasets", wanted))


def kept_contracts(version: Path) -> Contracts:
    """Read the contracts that judged a version, as they were.

    Raises:
        ContractInvalid: It keeps none, or one cannot be compiled by this program.
    """
    folder = version / CONTRACTS_FOLDER
    paths = sorted(folder.glob("*.odcs.yaml"))
    if not paths:
        raise ContractInvalid(folder, "file", "this version keeps no contract")
    return Contracts([Contract.load(path) for path in paths])
