"""The contracts that hold together for one recipe: those of the mill, and the user's own beside them.

An own contract whose id is one of the mill's replaces it; any other is added, and the ids of its
rules begin with its own id, so that no two rules have the same name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from data_contracts.contract import Contract
from data_contracts.contract_rules import Rule
from data_contracts.contract_stamp import ContractStamp
from data_contracts.errors import ContractInvalid
from data_contracts.shipped_contracts import SHIPPED, Judged, shipped_tables

SHIPPED_IDS: Final = frozenset(f"corpusmill.{name}" for name in SHIPPED)
"""Ids of the contracts that come with the mill."""


class Contracts:
    """Contracts, in order: those of the mill (or what replaces them), then those added.

    Attributes:
        members: Each of them.
    """

    def __init__(self, members: Sequence[Contract]) -> None:
        """Put contracts together; see `load`.

        Raises:
            ContractInvalid: Two have the same id.
        """
        self.members = tuple(members)
        for number, one in enumerate(self.members):
            if any(one.id == before.id for before in self.members[:number]):
                raise ContractInvalid(one.path, "id", f"another contract is `{one.id}`, too")

    @classmethod
    def load(cls, own: Sequence[Path | str] = ()) -> "Contracts":
        """Read the contracts of the mill, and own ones.

        Args:
            own: Files of own contracts.

        Raises:
            ContractInvalid: As `Contract.load`, or two have the same id.
        """
        added = [Contract.load(path) for path in own]
        replaced = {one.id for one in added} & SHIPPED_IDS
        shipped = [Contract.load(path) for path in SHIPPED.values()]
        order = {one.id: number for number, one in enumerate(shipped)}
        members = [*(one for one in shipped if one.id not in replaced), *added]
        return cls(sorted(members, key=lambda one: order.get(one.id, len(order))))

    @property
    def stamps(self) -> tuple[ContractStamp, ...]:
        """Which contracts they are."""
        return tuple(one.stamp for one in self.members)

    def stamps_at(self, *moments: Judged) -> tuple[ContractStamp, ...]:
        """Which of them speak of a table that is judged at one of these moments."""
        return tuple(
            one.stamp
            for one in self.members
            if any(shipped_tables()[name].judged in moments for name in one.tables)
        )

    def rules(self, moment: Judged | None = None) -> tuple[Rule, ...]:
        """Give the rules that are checked at a moment (None: all), in the order of the contracts."""
        return tuple(
            rule if one.id in SHIPPED_IDS else rule.model_copy(update={"id": f"{one.id}/{rule.id}"})
            for one in self.members
            for rule in one.rules()
            if moment is None or shipped_tables()[rule.table].judged is moment
        )

    def promised(self, rule: Rule) -> pa.Schema:
        """Give the columns that the contract of a rule promises of the rule's table."""
        owner = next(one for one in self.members if one.id == rule.contract)
        return owner.arrow_schema(rule.table)
