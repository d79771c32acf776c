"""Where the report of a version is: as a file, and as a page of the report server. No Prefect here."""

import json
from pathlib import Path

from data_contracts.errors import VersionUnknown
from data_contracts.frozen import Frozen
from data_contracts.warehouse import KINDS, Warehouse
from flows.prefect_settings import SERVER_FILE
from flows.publish import REPORT_FILE


class FoundReport(Frozen):
    """The report of a version."""

    version: str
    """NAME@VERSION."""
    kind: str
    """`datasets` or `models`."""
    path: Path
    """The file."""
    url: str | None
    """Its page, while `mill up` runs on this warehouse; None: it does not."""


def find_report(warehouse: Warehouse, wanted: str | None) -> FoundReport:
    """Find the report of a dataset or model version; of a name that both have, the dataset's.

    Raises:
        VersionUnknown: There is no such version.
    """
    for kind in KINDS:
        try:
            folder = warehouse.find(kind, wanted)
        except VersionUnknown:
            continue
        name, version = folder.parent.name, folder.name
        base = reports_url(warehouse)
        return FoundReport(
            version=f"{name}@{version}",
            kind=kind,
            path=folder / REPORT_FILE,
            url=f"{base}/{kind}/{name}/{version}/{REPORT_FILE}" if base else None,
        )
    known = [
        f"{name}@{version}"
        for kind in KINDS
        for name in warehouse.names(kind)
        for version in warehouse.versions(kind, name)
    ]
    raise VersionUnknown("version", wanted or "(latest)", known)


def reports_url(warehouse: Warehouse) -> str | None:
    """Tell the address of the report server that `mill up` started on a warehouse, if it did."""
    try:
        noted = json.loads((warehouse.prefect_home / SERVER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = noted.get("reports_url") if isinstance(noted, dict) else None
    return found if isinstance(found, str) else None
