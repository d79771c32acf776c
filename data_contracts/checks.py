"""What came of checking the rules of contracts."""

from pathlib import Path
from typing import Final, Self

from pydantic import ValidationError

from data_contracts.contract_stamp import ContractStamp
from data_contracts.errors import SchemaMismatch
from data_contracts.frozen import Frozen
from data_contracts.whole_text import replace_text

RELEASE_FILE: Final = "release.json"
"""What was judged of a version beside those before it: it knows history, as the manifest does."""
RELEASE_SUITES_FILE: Final = "release-suites.json"
"""What Great Expectations said of it."""
SUITES_FILE: Final = "suites.json"
"""What Great Expectations said at the gate."""


class CheckOutcome(Frozen):
    """One rule of the contract, checked."""

    rule: str
    """Stable id of the rule."""
    description: str
    """What is expected, in words."""
    severity: str
    """`critical`, `warning` or `info`."""
    passed: bool
    """False also when the check could not be evaluated."""
    observed: str
    """What was found, as text."""
    error: str | None = None
    """Why it could not be evaluated; None: it was."""
    applies: bool = True
    """False: there is nothing to compare with, such as a version in production; it counts as
    passed, and `observed` says why."""


class Checked(Frozen):
    """What was judged by contracts, and whether it may go on."""

    contracts: tuple[ContractStamp, ...]
    """The contracts that judged it."""
    checks: tuple[CheckOutcome, ...]
    """Every rule with its outcome."""

    @property
    def passed(self) -> bool:
        """Whether it may go on: there are checks, and no critical one failed."""
        return bool(self.checks) and not self.critical_failures

    @property
    def critical_failures(self) -> tuple[CheckOutcome, ...]:
        """Failed checks that stop it."""
        return tuple(c for c in self.checks if not c.passed and c.severity == "critical")

    @property
    def warnings(self) -> tuple[CheckOutcome, ...]:
        """Failed checks that only mark it."""
        return tuple(c for c in self.checks if not c.passed and c.severity == "warning")


class ContractResult(Checked):
    """What came of judging the tokens of a version, or a model's figures."""

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        replace_text(path, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            SchemaMismatch: It is missing, or is something else.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise SchemaMismatch(str(path), f"not the result of a contract: {error}") from error
