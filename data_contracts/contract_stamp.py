"""Which contract something was held to."""

import json
from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from data_contracts.frozen import Frozen


class ContractStamp(Frozen):
    """Which contract judged the data."""

    id: str
    """The contract's id."""
    version: str
    """The contract's semantic version."""
    sha256: str
    """SHA-256 of the contract file."""

    @property
    def label(self) -> str:
        """Id and version."""
        return f"{self.id} {self.version}"


STAMPS_KEY: Final = b"corpusmill.contracts"
"""Key of a published schema's metadata: the contracts that judged what is in the file."""


def stamped(schema: pa.Schema, stamps: Sequence[ContractStamp]) -> pa.Schema:
    """Write into a schema's metadata which contracts judged the rows (JSON: id, version, sha256)."""
    if not stamps:
        return schema
    told = json.dumps([one.model_dump() for one in stamps], sort_keys=True)
    return schema.with_metadata({**(schema.metadata or {}), STAMPS_KEY: told.encode()})


def stamps_of(schema: pa.Schema) -> tuple[ContractStamp, ...]:
    """Read what `stamped` wrote; nothing when there is nothing."""
    told = (schema.metadata or {}).get(STAMPS_KEY)
    return tuple(ContractStamp(**one) for one in json.loads(told)) if told else ()


def labels(stamps: Sequence[ContractStamp]) -> str:
    """List contracts by id and version."""
    return ", ".join(one.label for one in stamps)
