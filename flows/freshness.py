"""How fresh datasets are, by their contract: when each was last checked, and when it is due. No Prefect.

A refresh that finds nothing new makes no version, and yet the dataset is fresh: so each refresh notes
when it looked.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from data_contracts.contract import Contract
from data_contracts.contracts import Contracts
from data_contracts.errors import ContractInvalid, RecipeInvalid
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, now
from data_contracts.warehouse import Warehouse
from data_contracts.whole_text import replace_text
from flows.recipe import parse_recipe

CHECKED_FILE: Final = ".checked"
_TIME: Final = TypeAdapter(AwareDatetime)
_UNITS: Final = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
"""Units of time by their first letter; months are of no one length, `m` may be minutes: refused."""


class Freshness(Frozen):
    """When a dataset was last looked after, and when it must be again."""

    name: str
    """The dataset."""
    version: str
    """Its latest version."""
    checked: AwareDatetime
    """When its sources were last read, or last found to be as they were."""
    due: AwareDatetime | None
    """Until when that is fresh; None: its contract sets no limit."""

    def stale_at(self, time: datetime) -> bool:
        """Whether a refresh is overdue."""
        return self.due is not None and self.due < time


def note_checked(warehouse: Warehouse, name: str) -> None:
    """Note that a dataset's sources are, as of now, what its latest version holds."""
    replace_text(warehouse.root / "datasets" / name / CHECKED_FILE, now().isoformat() + "\n")


def freshness(warehouse: Warehouse) -> list[Freshness]:
    """Look how fresh every dataset is, by the contracts of its latest version.

    Raises:
        ContractInvalid: A contract says in a unit that is not known how often a refresh is due.
    """
    return [_of(warehouse, name) for name in warehouse.names("datasets")]


def longest_age(contracts: Contracts) -> timedelta | None:
    """Find how old a dataset may grow: the shortest `frequency`; None: no contract sets one.

    Raises:
        ContractInvalid: A value is no number, or a unit none of h, d, w and y.
    """
    ages = [age for one in contracts.members if (age := _age(one)) is not None]
    return min(ages, default=None)


def _age(contract: Contract) -> timedelta | None:
    for one in contract.document.slaProperties or []:
        if one.property == "frequency":
            unit = _UNITS.get(str(one.unit or "")[:1])
            try:
                value = float(str(one.value))
            except ValueError:
                value = 0.0
            if unit is None or value <= 0:
                problem = f"`{one.value} {one.unit}` is no time; say a number and h, d, w or y"
                raise ContractInvalid(contract.path, "slaProperties.frequency", problem)
            return unit * value
    return None


def _of(warehouse: Warehouse, name: str) -> Freshness:
    folder = warehouse.latest("datasets", name)
    assert folder is not None, "names are of those that have a version"  # noqa: S101
    manifest = DatasetManifest.load(folder)
    checked = max(manifest.created, _checked(warehouse, name) or manifest.created)
    age = _longest_age(manifest, folder)
    return Freshness(
        name=name, version=manifest.version, checked=checked, due=checked + age if age else None
    )


def _longest_age(manifest: DatasetManifest, folder: Path) -> timedelta | None:
    """Ask the recipe's contracts as they are now; ours alone where it has none, or they are gone."""
    try:
        own = parse_recipe(manifest.recipe, folder).validation.contracts
    except RecipeInvalid:  # another version of the mill made it
        own = ()
    return longest_age(Contracts.load([one for one in own if Path(one).exists()]))


def _checked(warehouse: Warehouse, name: str) -> datetime | None:
    path = warehouse.root / "datasets" / name / CHECKED_FILE
    try:
        return _TIME.validate_python(path.read_text(encoding="utf-8").strip())
    except (OSError, ValidationError):
        return None
