"""The gate: training reads only dataset versions whose contract result is present, passed, intact.

However training is started (flow, command line, a call from a notebook), `require_passed` stands
between a folder of token shards and the model.
"""

import json
from pathlib import Path

from pydantic import Field, ValidationError

from data_contracts.contract_stamp import ContractStamp
from data_contracts.errors import GateRefused
from data_contracts.fingerprint import sha256_of_file, sha256_of_files
from data_contracts.frozen import Frozen

GATE_FILE = "gate.json"
QUALITY_FILE = "quality.json"
TOKENIZER_FILE = "tokenizer.json"


class Gate(Frozen):
    """What the gate found, stamped with checksums so that it cannot be moved to other data."""

    passed: bool
    """Whether the data may reach training."""
    checks: int = Field(ge=0)
    """How many rules were evaluated."""
    contracts: tuple[ContractStamp, ...]
    """The contracts that it passed."""
    quality_sha256: str
    """SHA-256 of quality.json."""
    data_sha256: dict[str, str]
    """SHA-256 of every token file, span table and the tokenizer, by path within the version."""


def gated_files(version: Path) -> dict[str, str]:
    """Hash the files that training reads: tokens, spans and the tokenizer."""
    paths = [version / TOKENIZER_FILE, *sorted(version.glob("tokens/*/*.arrow"))]
    names = (path.relative_to(version).as_posix() for path in paths)
    return dict(zip(names, sha256_of_files(paths), strict=True))


def require_passed(version: Path) -> Gate:
    """Refuse a dataset version that did not pass its contract.

    Args:
        version: The dataset version's folder.

    Returns:
        The gate's result.

    Raises:
        GateRefused: The result is missing, unreadable, failing, empty, or of other data.
    """
    try:
        text = (version / GATE_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise GateRefused(version, f"there is no {GATE_FILE}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise GateRefused(version, f"{GATE_FILE} cannot be read ({error})") from error
    try:
        gate = Gate.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise GateRefused(version, f"{GATE_FILE} is not a gate result ({error})") from error
    if not gate.passed or not gate.checks:
        raise GateRefused(version, "its contract did not pass")
    try:
        quality = sha256_of_file(version / QUALITY_FILE)
        found = gated_files(version)
    except FileNotFoundError as error:
        raise GateRefused(version, f"{error.filename} is missing") from error
    if quality != gate.quality_sha256:
        raise GateRefused(version, f"{QUALITY_FILE} is not the file that the gate wrote")
    if found != gate.data_sha256:
        changed = sorted(set(found.items()) ^ set(gate.data_sha256.items()))
        raise GateRefused(version, f"{changed[0][0]} is not the file that passed the gate")
    return gate
